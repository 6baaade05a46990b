#include "pema/adapter.h"

void call(pema::PoolInfo& info) {
#ifdef PEMA_MISUSE
  info.site = 1;
#else
  info.site = pema::FeatureSite::kPreNorm;
#endif
}
