/// The profiles of the decode benches.
#pragma once

#include <cstdint>
#include <memory>
#include <random>

#include "pema/engine.h"

namespace pema::bench {

inline constexpr std::int64_t kAdapters = 1024;  ///< of rank 1

/// A pool of kAdapters random adapters, mixture algebra, residual form, no shared adapter.
[[nodiscard]] std::shared_ptr<const Pool> random_pool(const ModelInfo& model, std::mt19937& random);
/// `k` of them, lambda 0.5.
[[nodiscard]] std::shared_ptr<const Lease> random_lease(const std::shared_ptr<const Pool>& pool,
                                                        std::int64_t k, std::mt19937& random);

}  // namespace pema::bench
