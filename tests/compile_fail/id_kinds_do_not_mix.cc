#include "pema/ids.h"

bool read(pema::PoolId id) { return static_cast<bool>(id); }

bool call(pema::PoolId pool, [[maybe_unused]] pema::ProfileId profile) {
#ifdef PEMA_MISUSE
  return read(profile);
#else
  return read(pool);
#endif
}
