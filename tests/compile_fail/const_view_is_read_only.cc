#include "pema/tensor_view.h"

void set(pema::MatrixView<float> view) { view.at(0, 0) = 1.0F; }

void call(const pema::Matrix<float>& read_only, pema::Matrix<float>& writable) {
#ifdef PEMA_MISUSE
  set(read_only.view());
#else
  set(writable.view());
  static_cast<void>(read_only);
#endif
}
