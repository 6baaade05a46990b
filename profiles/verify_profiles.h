/// What Store::verify checks of profiles.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "profiles/registry.h"

namespace pema::profiles {

/// Reads every row of the tables profile, profile_name and setting; what is wrong with one does not
/// hide the next. Counts the readers of segments. Expects a transaction. Throws when a table cannot
/// be read at all. False when not every row could be read, which without its key one of an
/// encrypted store cannot: readers are then not all counted.
bool check_profiles(Registry& registry, std::vector<Damage>& damage,
                    std::map<SegmentId, std::int64_t>& readers);

}  // namespace pema::profiles
