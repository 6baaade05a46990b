/// The same people in a store whose tables are in PostgreSQL, on a server of the bench's own.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/registry/people.h"
#include "tests/support/postgres_server.h"

namespace pema::bench {

/// A store in registry.db and the same store in PostgreSQL (loopback, fsync on), both in the
/// temporary folder and through the public API: bulk enrolment and replacement, look-ups, durable
/// single writes, bytes; then what a stop of the server costs. {"missing": why} where this build or
/// machine has no PostgreSQL.
[[nodiscard]] nlohmann::ordered_json measure_postgres(std::int64_t profiles, std::int64_t calls);

/// Stops the server, crashes it, and starts it again each time, while one thread enrols and one
/// looks up: for how long each was without an answer, calls that failed, profiles that were
/// acknowledged and are gone or were refused and are there. `people` is the store in `folder`, of
/// `profiles` people; it has more afterwards.
[[nodiscard]] nlohmann::ordered_json measure_restarts(test::PostgresServer& server,
                                                      const std::string& folder, People& people,
                                                      std::int64_t profiles);

}  // namespace pema::bench
