#include "profiles/mask_check.h"

#include <cmath>

#include "pema/error.h"

namespace pema::profiles {

bool all_finite(std::span<const float> weights) {
  for (const float weight : weights) {
    if (!std::isfinite(weight)) return false;
  }
  return true;
}

void check_mask_shape(const ProfileMask& mask) {
  if (mask.soft() || !mask.up_weights.empty()) {
    PEMA_CHECK(mask.down.size() == 0 && mask.up.size() == 0, kInvalidArgument,
               "a mask is hard or soft, not both; clear the bit sets or the weights");
    PEMA_CHECK(mask.up_weights.empty() || mask.up_weights.size() == mask.down_weights.size(),
               kInvalidArgument, "the sides of a soft mask have ", mask.down_weights.size(),
               " and ", mask.up_weights.size(), " weights; they must agree");
    PEMA_CHECK(mask.size() <= BitMask::kMaxSize, kInvalidArgument, "a mask covers at most ",
               BitMask::kMaxSize, " adapters, not ", mask.size());
    PEMA_CHECK(all_finite(mask.down_weights) && all_finite(mask.up_weights), kInvalidArgument,
               "a mask weight is not finite; train the mask again");
    return;
  }
  PEMA_CHECK(mask.up.size() == 0 || mask.up.size() == mask.down.size(), kInvalidArgument,
             "the sides of a mask cover ", mask.down.size(), " and ", mask.up.size(),
             " adapters; they must agree");
}

void check_mask_fits(const ProfileMask& mask, std::int64_t adapters, Algebra algebra) {
  check_mask_shape(mask);
  PEMA_CHECK(mask.size() <= adapters, kInvalidArgument, "a mask over ", mask.size(),
             " adapters is longer than the pool, which has ", adapters,
             "; use the pool the mask was trained with");
  if (mask.size() == 0) return;
  const bool two_sides = mask.soft() ? !mask.up_weights.empty() : mask.up.size() > 0;
  PEMA_CHECK(two_sides == (algebra == Algebra::kSeparate), kInvalidArgument,
             "the pool's algebra is ", to_string(algebra), ", the mask has ",
             two_sides ? "two sides" : "one side", "; train the mask with the pool's algebra");
}

}  // namespace pema::profiles
