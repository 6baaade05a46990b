/// What is timed of a store of such people, wherever its tables are.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "bench/registry/people.h"
#include "pema/bulk_enrolment.h"
#include "pema/profile_reader.h"

namespace pema::bench {

/// Throws std::runtime_error(what) unless `good`.
void check(bool good, const char* what);

/// Enrols people 0 to `profiles` through BulkEnrolment; the time is spent in the library alone,
/// drafts are made outside of it. Rates of all of it, of the first and of the last full commit;
/// processor time is this process's, not a server's.
[[nodiscard]] nlohmann::ordered_json enrol(People& people, std::int64_t profiles,
                                           OnExisting on_existing = OnExisting::kRefuse);

/// `calls` look-ups of people drawn from the first `among`, a new snapshot every 1,000. Throws when
/// one is missing or has somebody else's mask.
[[nodiscard]] nlohmann::ordered_json by_name(ProfileReader& reader, std::int64_t among,
                                             std::int64_t calls);
/// The same by number. Numbers are not in the order of enrolment: any up to the count is
/// somebody's.
[[nodiscard]] nlohmann::ordered_json by_id(ProfileReader& reader, std::int64_t among,
                                           std::int64_t calls);

}  // namespace pema::bench
