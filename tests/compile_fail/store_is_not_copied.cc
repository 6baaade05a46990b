#include <utility>

#include "pema/store.h"

void call(pema::Store& store) {
#ifdef PEMA_MISUSE
  pema::Store other = store;
#else
  pema::Store other = std::move(store);
#endif
}
