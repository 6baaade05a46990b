/// Who is like whom: profiles that select the same adapters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pema/store.h"

namespace pema {

struct SimilarProfile {
  ProfileId id;
  std::string name;
  std::int64_t overlap = 0;  ///< adapters that both select, over both sides
};

/// The `count` profiles of the same pool version with hard masks of the same size and sides that
/// share most adapters with the profile `name`, largest overlap first, of equal ones the lowest
/// number first; itself left out. Exact; reads the profiles of the pool once, in blocks. 0 threads:
/// one per hardware thread; results do not depend on it. Throws kNotFound, kInvalidArgument (a
/// profile without a hard mask, a negative count).
[[nodiscard]] std::vector<SimilarProfile> similar_profiles(const Store& store,
                                                           std::string_view name,
                                                           std::int64_t count,
                                                           std::int64_t threads = 0);

}  // namespace pema
