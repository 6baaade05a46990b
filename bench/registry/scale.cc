#include "bench/registry/scale.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "bench/registry/people.h"
#include "bench/registry/store_calls.h"
#include "bench/registry/timing.h"
#include "pema/profile_reader.h"

namespace pema::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kPerTransaction = 1'000;  // of the writer beside the readers
constexpr std::int64_t kHotNames = 10'000;

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
