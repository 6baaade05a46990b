#include "pema/plm/openmp.h"

namespace pema::plm {

#if defined(_OPENMP) && !defined(__SANITIZE_THREAD__)

Executor openmp_executor() {
  return [](std::int64_t parts, const std::function<void(std::int64_t)>& part) {
    const auto threads = static_cast<int>(parts);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (std::int64_t i = 0; i < parts; ++i) part(i);
  };
}

#else

Executor openmp_executor() { return {}; }

#endif

}  // namespace pema::plm
