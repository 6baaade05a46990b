#include <utility>

#include "pema/engine.h"

void call(pema::Engine& engine) {
#ifdef PEMA_MISUSE
  pema::Engine other(engine);
#else
  pema::Engine other(std::move(engine));
#endif
}
