#include "bench/registry/store_calls.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <span>
#include <stdexcept>
#include <vector>

#include "bench/registry/timing.h"

namespace pema::bench {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::int64_t kChunk = 10'000;
/// A reader takes a new snapshot after so many look-ups, as a server would between steps.
constexpr std::int64_t kPerSnapshot = 1'000;

/// What this process computed for; says more than the clock while others use the machine.
double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

Json enrol(People& people, std::int64_t profiles, OnExisting on_existing) {
  BulkEnrolment bulk(people.store(), {.on_existing = on_existing});
  std::vector<ProfileDraft> drafts(kChunk);
  Json rates = Json::array();
  double seconds = 0;
  double total = 0;
  double processor = 0;
  std::int64_t reported = 0;
  const auto timed = [&](const auto& step) {
    const double start = seconds_now();
    const double busy = processor_seconds();
    step();
    seconds += seconds_now() - start;
    processor += processor_seconds() - busy;
  };
  for (std::int64_t at = 0; at < profiles; at += kChunk) {
    const auto count = static_cast<std::size_t>(std::min(kChunk, profiles - at));
    for (std::size_t i = 0; i < count; ++i) {
      people.fill(static_cast<std::uint64_t>(at) + i, drafts[i]);
    }
    const std::int64_t before = bulk.acknowledged();
    timed([&] { bulk.add(std::span(drafts).first(count)); });
    if (at + kChunk >= profiles) timed([&] { bulk.commit(); });
    if (bulk.acknowledged() == before) continue;
    const double rate = static_cast<double>(bulk.acknowledged() - reported) / seconds;
    std::fprintf(stderr, "enrolled %lld at %.0f/s, %.2f processor seconds so far\n",
                 static_cast<long long>(bulk.acknowledged()), rate, processor);
    rates.push_back({{"profiles", bulk.acknowledged()}, {"per_second", rate}});
    reported = bulk.acknowledged();
    total += seconds;
    seconds = 0;
  }
  return {{"per_second", static_cast<double>(profiles) / total},
          {"per_processor_second", static_cast<double>(profiles) / processor},
          {"first_per_second", rates.front()["per_second"]},
          {"last_per_second",
           rates.size() > 1 ? rates[rates.size() - 2]["per_second"] : rates.back()["per_second"]},
          {"commits", rates}};
}

Json by_name(ProfileReader& reader, std::int64_t among, std::int64_t calls) {
  ProfileRecord record;
  std::int64_t called = 0;
  return time_look_ups(among, calls, 1,
                       LookUp{[&](std::uint64_t index) {
                                if (++called % kPerSnapshot == 0) reader.refresh();
                                return person(index);
                              },
                              [&](const Person& one) {
                                check(reader.find(one.key(), record), "a profile is missing");
                                check(record.mask.down.words()[0] == one.down[0], "a wrong mask");
                              }});
}

Json by_id(ProfileReader& reader, std::int64_t among, std::int64_t calls) {
  ProfileRecord record;
  std::int64_t called = 0;
  return time_look_ups(
      among, calls, 2,
      LookUp{[&](std::uint64_t index) {
               if (++called % kPerSnapshot == 0) reader.refresh();
               return ProfileId{static_cast<std::int64_t>(index) + 1};
             },
             [&](const ProfileId id) { check(reader.find(id, record), "a number is missing"); }});
}

}  // namespace pema::bench
