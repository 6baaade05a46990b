/// Whether a mask can be stored, and over a pool.
#pragma once

#include <cstdint>
#include <span>

#include "pema/adapter.h"
#include "pema/mask.h"

namespace pema::profiles {

[[nodiscard]] bool all_finite(std::span<const float> weights);

/// Throws kInvalidArgument when a mask is hard and soft at once, its sides differ in size, or a
/// weight is not finite.
void check_mask_shape(const ProfileMask& mask);

/// Throws kInvalidArgument unless `mask` fits a pool with `adapters` adapters and `algebra`: not
/// longer, one side in mixture, two in separate.
void check_mask_fits(const ProfileMask& mask, std::int64_t adapters, Algebra algebra);

}  // namespace pema::profiles
