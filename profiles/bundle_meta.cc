#include "profiles/bundle_meta.h"

#include "pema/error.h"

namespace pema::profiles {

void check_length(std::uint64_t length, std::int64_t most) {
  PEMA_CHECK(length <= static_cast<std::uint64_t>(most), kCorrupt, "a bundle states a length of ",
             length, " where at most ", most, " is possible; export the profile again");
}

}  // namespace pema::profiles
