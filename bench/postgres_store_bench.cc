// A store in registry.db and the same store in PostgreSQL, through the public API and in one run:
// profiles enrolled and replaced in bulk per second, look-ups per second in a reader's snapshot and
// without one, durable single writes per second, bytes per profile. Starts a server of its own
// (fsync on, loopback) unless an address without a password is given. Prints one JSON document.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "bench/registry/people.h"
#include "pema/bulk_enrolment.h"
#include "pema/profile_reader.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temporary_folder.h"

namespace {

using nlohmann::json;
using pema::ProfileDraft;
using pema::ProfileReader;
using pema::ProfileRecord;
using pema::bench::People;
using pema::bench::person;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kSingleWrites = 200;

template <typename Action>
double seconds_of(const Action& action) {
  const auto start = Clock::now();
  action();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// People `from` to `to`, gathered into the largest transactions.
double bulk_rate(People& people, std::int64_t from, std::int64_t to, pema::OnExisting on_existing) {
  pema::BulkEnrolment bulk(people.store(), {.on_existing = on_existing});
  ProfileDraft draft;
  double seconds = 0;
  for (std::int64_t i = from; i < to; ++i) {
    people.fill(static_cast<std::uint64_t>(i), draft);
    seconds += seconds_of([&] { bulk.add(draft); });
  }
  seconds += seconds_of([&] { bulk.commit(); });
  return static_cast<double>(to - from) / seconds;
}

/// `find` is asked for people drawn over all.
template <typename Find>
double look_up_rate(std::int64_t profiles, std::int64_t calls, const Find& find) {
  std::mt19937_64 random(5);
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < calls; ++i) {
    names.emplace_back(person(random() % static_cast<std::uint64_t>(profiles)).key());
  }
  return static_cast<double>(calls) / seconds_of([&] {
           for (const std::string& name : names) {
             if (!find(name)) throw std::runtime_error("a profile was not found");
           }
         });
}

json measure(const std::string& folder, const std::string& registry, std::int64_t profiles,
             std::int64_t lookups) {
  People people(folder, registry);
  json figures;
  const std::int64_t empty = people.store().registry_bytes();
  figures["bulk_per_second"] = bulk_rate(people, 0, profiles, pema::OnExisting::kRefuse);
  figures["bytes_per_profile"] =
      static_cast<double>(people.store().registry_bytes() - empty) / static_cast<double>(profiles);
  ProfileReader reader = ProfileReader::open(folder, {.resident_bytes = 0});
  ProfileRecord record;
  figures["lookups_per_second_in_a_snapshot"] = look_up_rate(
      profiles, lookups, [&](const std::string& name) { return reader.find(name, record); });
  reader.release();
  figures["lookups_per_second"] = look_up_rate(profiles, lookups, [&](const std::string& name) {
    return people.store().find_profile(name).has_value();
  });
  figures["durable_writes_per_second"] =
      static_cast<double>(kSingleWrites) / seconds_of([&] {
        ProfileDraft draft;
        for (std::int64_t i = 0; i < kSingleWrites; ++i) {
          people.fill(static_cast<std::uint64_t>(i), draft);
          people.store().put_profile(draft, pema::OnExisting::kReplace);
        }
      });
  figures["bulk_replaced_per_second"] =
      bulk_rate(people, 0, profiles / 4, pema::OnExisting::kReplace);
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t profiles = argc > 1 ? std::atoll(argv[1]) : 200'000;
  const std::int64_t lookups = argc > 2 ? std::atoll(argv[2]) : 10'000;
  std::unique_ptr<pema::test::PostgresServer> server;
  std::string address = argc > 3 ? argv[3] : "";
  if (address.empty()) {
    if (const std::string reason = pema::test::PostgresServer::missing(); !reason.empty()) {
      std::fprintf(stderr, "%s\n", reason.c_str());
      return 1;
    }
    server = std::make_unique<pema::test::PostgresServer>(true);
    address = server->new_database();
  }
  try {
    const pema::test::TemporaryFolder folder;
    json report{{"profiles", profiles}, {"lookups", lookups}};
    report["sqlite"] = measure(folder.file("sqlite"), {}, profiles, lookups);
    report["postgresql"] = measure(folder.file("postgresql"), address, profiles, lookups);
    std::printf("%s\n", report.dump(2).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
