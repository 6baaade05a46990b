#include "bench/registry/postgres.h"

#include <cstdio>
#include <thread>
#include <vector>

#include "bench/registry/store_calls.h"
#include "bench/registry/timing.h"
#include "tests/support/temporary_folder.h"

namespace pema::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kSingleWrites = 200;
constexpr std::int64_t kReaders = 4;
constexpr const char* kDatabase = "bench";

/// Look-ups per second of several threads together, each with a reader of its own.
double by_name_together(const std::string& folder, std::int64_t profiles, std::int64_t calls) {
  std::vector<ProfileReader> readers;
  for (std::int64_t i = 0; i < kReaders; ++i) {
    readers.push_back(ProfileReader::open(folder, {.resident_bytes = 0}));
    static_cast<void>(by_name(readers.back(), profiles, 100));
  }
  std::vector<std::string> failures(readers.size());
  std::vector<std::thread> threads;
  const double start = seconds_now();
  for (std::size_t i = 0; i < readers.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        static_cast<void>(by_name(readers[i], profiles, calls));
      } catch (const std::exception& error) {
        failures[i] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = seconds_now() - start;
  for (const std::string& failure : failures) check(failure.empty(), failure.c_str());
  return static_cast<double>(kReaders * calls) / seconds;
}

/// `settle` does what a server does by itself after a while; before anything is read.
template <typename Settle>
Json measure_store(const std::string& folder, People& people, std::int64_t profiles,
                   std::int64_t calls, const Settle& settle) {
  Json result{{"profiles", profiles}};
  const std::int64_t empty = people.store().registry_bytes();
  result["bulk"] = enrol(people, profiles);
  settle();
  result["bytes_per_profile"] =
      static_cast<double>(people.store().registry_bytes() - empty) / static_cast<double>(profiles);
  ProfileReader reader = ProfileReader::open(folder, {.resident_bytes = 0});
  static_cast<void>(by_name(reader, profiles, calls));  // warm
  result["by_name"] = by_name(reader, profiles, calls);
  result["by_id"] = by_id(reader, profiles, calls);
  reader.release();
  result["by_name_without_snapshot"] = time_look_ups(
      profiles, calls, 3,
      LookUp{[](std::uint64_t index) { return person(index); },
             [&](const Person& one) {
               check(people.store().find_profile(one.key()).has_value(), "a profile is missing");
             }});
  result["by_name_together"] = {{"readers", kReaders},
                                {"per_second", by_name_together(folder, profiles, calls)}};
  ProfileDraft draft;
  result["single_writes"] =
      time_look_ups(profiles, kSingleWrites, 4,
                    LookUp{[&](std::uint64_t index) {
                             people.fill(index, draft);
                             return index;
                           },
                           [&](std::uint64_t /*index*/) {
                             people.store().put_profile(draft, OnExisting::kReplace);
                           }});
  result["bulk_replaced"] = enrol(people, (profiles + 3) / 4, OnExisting::kReplace);
  std::fprintf(stderr, "%s\n", result.dump().c_str());
  return result;
}

}  // namespace

Json measure_postgres(std::int64_t profiles, std::int64_t calls) {
#if PEMA_BENCH_POSTGRES
  if (const std::string why = test::PostgresServer::missing(); !why.empty()) {
    return {{"missing", why}};
  }
#else
  return {{"missing", "this build has no libpq; install libpq-dev and configure again"}};
#endif
  test::PostgresServer server(true);
  server.run_sql(std::string("CREATE DATABASE ") + kDatabase);
  const test::TemporaryFolder folder;
  std::string version = server.run_sql("SHOW server_version");
  version.erase(version.find_last_not_of('\n') + 1);
  Json result{{"server", version}, {"calls", calls}};
  {
    People people(folder.file("sqlite"));
    result["sqlite"] = measure_store(folder.file("sqlite"), people, profiles, calls, [] {});
  }
  People people(folder.file("postgresql"), server.connection_string(kDatabase, server.port()));
  result["postgresql"] =
      measure_store(folder.file("postgresql"), people, profiles, calls, [&server] {
        server.run_sql("VACUUM (ANALYZE)", kDatabase);
        server.run_sql("CHECKPOINT", kDatabase);
      });
  result["restarts"] = measure_restarts(server, folder.file("postgresql"), people, profiles);
  return result;
}

}  // namespace pema::bench
