#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "bench/registry/postgres.h"
#include "bench/registry/store_calls.h"
#include "bench/registry/timing.h"
#include "pema/error.h"
#include "profiles/sql/database.h"

namespace pema::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kPerTransaction = 1'000;
constexpr double kLongestWait = 60;
constexpr auto kAway = std::chrono::seconds(1);

/// What became of one thread's calls. Read by others once the thread has ended.
struct Calls {
  std::vector<double> answered;  ///< when, rising
  std::int64_t failed = 0;
  std::string unexpected;
  std::atomic<std::int64_t> count = 0;  ///< of answers, for those who wait for one

  void answer() {
    answered.push_back(seconds_now());
    ++count;
  }
  void fail(const Error& error) {
    ++failed;
    if (error.code() != ErrorCode::kIo && error.code() != ErrorCode::kBusy) {
      unexpected = error.what();
    }
  }
  /// Seconds from the last answer before `moment` to the first one after it.
  [[nodiscard]] double silence(double moment) const {
    const auto after = std::upper_bound(answered.begin(), answered.end(), moment);
    check(after != answered.begin() && after != answered.end(), "no answer beside a stop");
    return *after - *(after - 1);
  }
};

enum class Fate { kAcknowledged, kRefused, kInDoubt };

/// One transaction's people, `first` and those after it.
struct Batch {
  std::uint64_t first;
  Fate fate;
};

std::vector<Batch> enrol_until(const std::string& folder, std::uint64_t next,
                               const std::atomic<bool>& stop, Calls& calls) {
  People people(folder);
  std::vector<ProfileDraft> drafts(kPerTransaction);
  std::vector<Batch> batches;
  while (!stop) {
    batches.push_back({next, Fate::kAcknowledged});
    for (ProfileDraft& draft : drafts) people.fill(next++, draft);
    try {
      people.store().put_profiles(drafts);
      calls.answer();
    } catch (const profiles::sql::InDoubtError& error) {
      batches.back().fate = Fate::kInDoubt;
      calls.fail(error);
    } catch (const Error& error) {
      batches.back().fate = Fate::kRefused;
      calls.fail(error);
    }
  }
  return batches;
}

void look_up_until(const std::string& folder, std::int64_t profiles, const std::atomic<bool>& stop,
                   Calls& calls) {
  ProfileReader reader = ProfileReader::open(folder, {.resident_bytes = 0});
  ProfileRecord record;
  std::mt19937_64 random(6);
  while (!stop) {
    const Person one = person(random() % static_cast<std::uint64_t>(profiles));
    try {
      static_cast<void>(reader.refresh());
      check(reader.find(one.key(), record), "a profile is missing");
      calls.answer();
    } catch (const Error& error) {
      calls.fail(error);
    }
  }
}

void wait_for_answers(const Calls& calls, std::int64_t answers) {
  const std::int64_t wanted = calls.count + answers;
  const double end = seconds_now() + kLongestWait;
  while (calls.count < wanted) {
    check(seconds_now() < end, "no answer for a minute after the server was started");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

/// Whether a transaction's people are there: all or none of them, says one in a hundred.
bool is_there(const Store& store, std::uint64_t first) {
  std::int64_t found = 0;
  constexpr std::uint64_t kStep = 100;
  for (std::uint64_t i = 0; i < kPerTransaction; i += kStep) {
    found += store.find_profile(person(first + i).key()) ? 1 : 0;
  }
  check(found == 0 || found == kPerTransaction / kStep, "half of a transaction happened");
  return found != 0;
}

/// Compares what is there with what was said of it.
Json compare(const Store& store, std::int64_t before, const std::vector<Batch>& batches) {
  std::int64_t acknowledged = 0;
  std::int64_t in_doubt = 0;
  std::int64_t lost = 0;
  std::int64_t uninvited = 0;
  std::int64_t expected = before;
  for (const auto& [first, fate] : batches) {
    const bool there = is_there(store, first);
    if (there) expected += kPerTransaction;
    if (fate == Fate::kInDoubt) in_doubt += kPerTransaction;
    if (fate == Fate::kAcknowledged) acknowledged += kPerTransaction;
    if (fate == Fate::kAcknowledged && !there) lost += kPerTransaction;
    if (fate == Fate::kRefused && there) uninvited += kPerTransaction;
  }
  return {{"acknowledged", acknowledged},
          {"in_doubt", in_doubt},
          {"lost", lost},
          {"uninvited", uninvited},
          {"miscounted", std::abs(store.profile_count() - expected)}};
}

}  // namespace

Json measure_restarts(test::PostgresServer& server, const std::string& folder, People& people,
                      std::int64_t profiles) {
  const std::int64_t before = people.store().profile_count();
  std::atomic<bool> stop = false;
  Calls writes;
  Calls reads;
  std::vector<Batch> batches;
  // Joined however this ends.
  struct Ending {
    std::atomic<bool>& stop;
    std::vector<std::thread> threads;
    void end() {
      stop = true;
      for (std::thread& thread : threads) thread.join();
      threads.clear();
    }
    ~Ending() { end(); }
  } running{stop, {}};
  const auto run = [&](Calls& calls, const auto& work) {
    running.threads.emplace_back([&calls, work] {
      try {
        work();
      } catch (const std::exception& error) {
        calls.unexpected = error.what();
        std::fprintf(stderr, "beside the restarts: %s\n", error.what());
      }
    });
  };
  run(writes,
      [&] { batches = enrol_until(folder, static_cast<std::uint64_t>(profiles), stop, writes); });
  run(reads, [&] { look_up_until(folder, profiles, stop, reads); });
  const auto both_go_on = [&] {
    wait_for_answers(writes, 20);
    wait_for_answers(reads, 1'000);
  };
  struct Outage {
    const char* how;
    double start;  ///< the server is told to stop
    double down;   ///< it has
    double up;     ///< it accepts connections again
  };
  std::vector<Outage> outages;
  both_go_on();
  for (const auto how : {test::Stop::kFast, test::Stop::kCrash}) {
    const double start = seconds_now();
    server.stop(how);
    const double down = seconds_now();
    std::this_thread::sleep_for(kAway);
    server.start();
    outages.push_back(
        {how == test::Stop::kFast ? "stopped" : "crashed", start, down, seconds_now()});
    both_go_on();
  }
  running.end();
  check(writes.unexpected.empty(), writes.unexpected.c_str());
  check(reads.unexpected.empty(), reads.unexpected.c_str());
  Json result;
  for (const Outage& one : outages) {
    result[one.how] = {{"away_seconds", one.up - one.start},
                       {"look_ups_silent_seconds", reads.silence(one.down)},
                       {"enrolment_silent_seconds", writes.silence(one.down)}};
  }
  result["failed_look_ups"] = reads.failed;
  result["failed_enrolments"] = writes.failed;
  result["profiles"] = compare(people.store(), before, batches);
  std::fprintf(stderr, "%s\n", result.dump().c_str());
  return result;
}

}  // namespace pema::bench
