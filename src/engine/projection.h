/// A pool's projection U^T = (W B)^T: computed, or read from where it was stored.
#pragma once

#include <span>

#include "src/engine/bottleneck_cache.h"
#include "src/engine/walk.h"

namespace pema::engine {

/// The gain [d] of the pool's norm; empty for none, as in the residual form. Throws kUnsupported
/// when the base model's file lacks that norm.
[[nodiscard]] std::span<const float> norm_gain(const Head& head, const PoolInfo& info);

/// U^T of one pool in EngineOptions::projection: its up rows, times the gain of its norm, through
/// the head. Under a norm with their Gram matrix, which gives the norm's divisor.
[[nodiscard]] CacheEntry pool_projection(Context& context, const Pool& pool);

/// The Gram matrix [R, R] of the pool's up rows, shared adapter first.
[[nodiscard]] Matrix<float> pool_gram(Context& context, const Pool& pool);

}  // namespace pema::engine
