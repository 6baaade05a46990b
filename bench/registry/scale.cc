#include "bench/registry/scale.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <stdexcept>

#include "bench/registry/people.h"
#include "bench/registry/timing.h"
#include "pema/bulk_enrolment.h"
#include "pema/profile_reader.h"

namespace pema::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kChunk = 10'000;
constexpr std::int64_t kPerTransaction = 1'000;  // of the writer beside the readers
constexpr std::int64_t kHotNames = 10'000;

/// What this process computed for; says more than the clock while others use the machine.
double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Enrols everybody; the time is spent in the library alone, drafts are made outside of it.
Json enrol(People& people, std::int64_t profiles) {
  BulkEnrolment bulk(people.store());
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

template <typename Open>
double median_milliseconds(const Open& open) {
  std::vector<double> times;
  for (int i = 0; i < 21; ++i) {
    const double start = seconds_now();
    open();
    times.push_back(1e3 * (seconds_now() - start));
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

/// A reader takes a new snapshot after so many look-ups, as a server would between steps.
constexpr std::int64_t kPerSnapshot = 1'000;

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

/// Numbers are not in the order of enrolment: any number up to the count is somebody's.
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

/// `start` runs once everything is preloaded: a snapshot that is held for long keeps the log of
/// whoever writes beside it growing.
template <typename Start>
Json look_ups(const std::string& folder, const ScaleOptions& options, const Start& start) {
  Json result;
  ProfileReader preloaded =
      ProfileReader::open(folder, {.resident_bytes = std::int64_t{256} * options.profiles});
  const double began = seconds_now();
  result["resident"] = preloaded.preload();
  result["preload_seconds"] = seconds_now() - began;
  result["resident_bytes"] = preloaded.stats().resident_bytes;
  start();
  {
    ProfileReader reader = ProfileReader::open(folder, {.resident_bytes = 0});
    static_cast<void>(by_name(reader, options.profiles, options.calls));  // warm
    result["database"] = {{"by_name", by_name(reader, options.profiles, options.calls)},
                          {"by_id", by_id(reader, options.profiles, options.calls)}};
  }
  result["preloaded"] = {{"by_name", by_name(preloaded, options.profiles, options.calls)},
                         {"by_id", by_id(preloaded, options.profiles, options.calls)}};
  result["hot"] = {{"by_name", by_name(preloaded, kHotNames, options.calls)}};
  std::fprintf(stderr, "%s\n", result.dump().c_str());
  return result;
}

/// Another process that enrols all the time once it is told to start, until it is told to end.
class Writer {
 public:
  Writer(const std::string& folder, std::int64_t first) {
    check(::pipe(ends_) == 0 && ::pipe(go_) == 0, "no pipe");
    child_ = ::fork();
    if (child_ != 0) return;
    char byte = 0;
    if (::read(go_[0], &byte, 1) != 1) ::_exit(0);
    try {
      write_on(folder, static_cast<std::uint64_t>(first));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "writer: %s\n", error.what());
    }
    ::_exit(1);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { static_cast<void>(stop()); }

  void start() const { check(::write(go_[1], "x", 1) == 1, "the writer is gone"); }
  /// Profiles that it enrolled.
  std::int64_t stop() {
    if (child_ <= 0) return 0;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
    ::close(ends_[1]);
    std::int64_t transactions = 0;
    for (char byte = 0; ::read(ends_[0], &byte, 1) == 1;) ++transactions;
    for (const int end : {ends_[0], go_[0], go_[1]}) ::close(end);
    return transactions * kPerTransaction;
  }

 private:
  [[noreturn]] void write_on(const std::string& folder, std::uint64_t next) const {
    People people(folder);
    std::vector<ProfileDraft> drafts(kPerTransaction);
    while (true) {
      for (ProfileDraft& draft : drafts) people.fill(next++, draft);
      people.store().put_profiles(drafts);
      check(::write(ends_[1], "x", 1) == 1, "the reader is gone");
    }
  }

  int ends_[2] = {};
  int go_[2] = {};
  pid_t child_ = 0;
};

}  // namespace

Json measure_scale(const std::string& folder, const ScaleOptions& options) {
  Json result;
  result["profiles"] = options.profiles;
  result["clock_us"] = time_look_ups(
      1, 100'000, 1,
      LookUp{[](std::uint64_t index) { return index; }, [](std::uint64_t) {}})["p50_us"];
  const bool there = Store::exists(folder);
  {
    People people(folder);
    const std::int64_t before = people.store().profile_count();
    check(!there || before >= options.profiles, "the store that is there has fewer profiles");
    const std::int64_t empty = there ? 0 : people.store().registry_bytes();
    if (!there) result["bulk"] = enrol(people, options.profiles);
    result["bytes_per_profile"] = static_cast<double>(people.store().registry_bytes() - empty) /
                                  static_cast<double>(people.store().profile_count());
  }
  result["open_ms"] = {
      {"read_only",
       median_milliseconds([&] { static_cast<void>(Store::open(folder, OpenMode::kReadOnly)); })},
      {"read_write",
       median_milliseconds([&] { static_cast<void>(Store::open(folder, OpenMode::kReadWrite)); })},
      {"reader", median_milliseconds([&] { static_cast<void>(ProfileReader::open(folder)); })}};
  result["quiet"] = look_ups(folder, options, [] {});
  const std::int64_t people = Store::open(folder, OpenMode::kReadOnly).profile_count();
  Writer writer(folder, people);  // here, for what SQLite has open must not cross a fork
  double start = 0;
  result["with_writer"] = look_ups(folder, options, [&] {
    writer.start();
    start = seconds_now();
  });
  const double seconds = seconds_now() - start;
  result["with_writer"]["written_per_second"] = static_cast<double>(writer.stop()) / seconds;
  return result;
}

}  // namespace pema::bench
