#include "bench/memory/big.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "pema/error.h"
#include "pema/recall_index.h"
#include "src/memory/index_search.h"

namespace pema::bench {
namespace {

constexpr std::int64_t kRows = 64;
constexpr std::int64_t kNearest = 32;
constexpr std::int64_t kThreads = 2;
constexpr double kShares[] = {1, 0.1, 0.01, 0.001, 0.0001};
// Calls whose recall is measured: the exact scan of all keys takes seconds.
constexpr std::int64_t kScored = 2;

using Clock = std::chrono::steady_clock;
using Segments = std::vector<std::shared_ptr<const Segment>>;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of all threads; says more than a clock where others are at work.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Highest resident set since the last call of forget_peak, in bytes.
std::int64_t peak() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    std::int64_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes << 10;
  }
  fail(ErrorCode::kIo, "/proc/self/status names no VmHWM");
}

void forget_peak() {
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

/// Prints how far a stage is and how long the rest may take, four times a second at most.
class Bar : public Progress {
 public:
  void report(std::string_view stage, std::int64_t done, std::int64_t total,
              std::string_view unit) override {
    if (stage != stage_) {
      stage_ = stage;
      start_ = Clock::now();
      last_ = -1;
    }
    const double now = seconds_since(start_);
    if (done < total && now - last_ < 0.25) return;
    last_ = now;
    const double rest =
        done > 0 ? now / static_cast<double>(done) * static_cast<double>(total - done) : 0;
    std::fprintf(stderr, "\r%s: %lld of %lld %.*s, %.0f s, about %.0f s left   %s", stage_.c_str(),
                 static_cast<long long>(done), static_cast<long long>(total),
                 static_cast<int>(unit.size()), unit.data(), now, rest, done < total ? "" : "\n");
  }

 private:
  std::string stage_;
  Clock::time_point start_ = Clock::now();
  double last_ = -1;
};

/// Paths of the segments by profile; empty where there is none yet.
std::vector<std::filesystem::path> find_segments(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".segment") continue;
    const auto number = static_cast<std::size_t>(std::stoll(entry.path().stem().string()));
    if (paths.size() <= number) paths.resize(number + 1);
    paths[number] = entry.path();
  }
  return paths;
}

Segments open_segments(const std::string& folder) {
  Segments segments;
  for (const std::filesystem::path& path : find_segments(folder)) {
    PEMA_CHECK(!path.empty(), kNotFound, folder,
               ": a segment is missing; run memory_big_bench make");
    const std::string stem = path.stem().string();
    segments.push_back(Segment::open(path, Digest::parse(stem.substr(stem.find('-') + 1))));
  }
  return segments;
}

std::shared_ptr<const Segment> int8_segment(const Collection& collection, std::int64_t profile) {
  const Matrix<float> keys = collection.keys_of(profile);
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(keys.rows()));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<std::int32_t>(collection.first(profile) + static_cast<std::int64_t>(i));
  }
  SegmentInfo info;
  info.model = sha256("the model of memory_bench");
  info.hidden = keys.cols();
  info.vocab = 1 << 30;
  info.keys = KeyType::kInt8;
  return Segment::make(info, keys.view(), tokens);
}

/// One call: rows of different profiles, each with its own segments.
struct Call {
  std::vector<Segments> rights;
  std::vector<memory::SearchRow> rows;
  double visible = 0;

  Call(const std::vector<Asker>& askers, const Segments& segments) {
    for (const Asker& asker : askers) {
      rights.emplace_back();
      for (const std::int32_t profile : asker.visible) {
        rights.back().push_back(segments[static_cast<std::size_t>(profile)]);
      }
      visible += static_cast<double>(asker.keys) / kRows;
    }
    for (std::size_t r = 0; r < askers.size(); ++r) {
      rows.push_back({rights[r], askers[r].query, kNearest});
    }
  }
};

using Found = std::vector<std::vector<Neighbour>>;

double recall(const Found& found, const Found& truth) {
  double sum = 0;
  for (std::size_t r = 0; r < found.size(); ++r) {
    const auto right = std::count_if(found[r].begin(), found[r].end(), [&](const Neighbour& near) {
      return near.distance <= truth[r].back().distance;
    });
    sum += std::min(1.0, static_cast<double>(right) / static_cast<double>(truth[r].size()));
  }
  return sum / static_cast<double>(found.size());
}

}  // namespace

Json make_segments(const Collection& collection, const std::string& folder) {
  std::filesystem::create_directories(folder);
  const std::vector<std::filesystem::path> there = find_segments(folder);
  Bar bar;
  kernels::ThreadPool pool(kThreads);
  std::atomic<std::int64_t> next{0};
  std::atomic<std::int64_t> made{0};
  std::mutex turn;
  pool.run(pool.threads(), 1, [&](std::int64_t, std::int64_t) {
    for (std::int64_t p = next++; p < collection.profiles(); p = next++) {
      if (p < std::ssize(there) && !there[static_cast<std::size_t>(p)].empty()) continue;
      const auto segment = int8_segment(collection, p);
      const std::string name = folder + "/" + std::to_string(p) + "-" + segment->digest().hex();
      const std::vector<std::byte> bytes = segment->serialise();
      std::ofstream(name + ".part", std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
      PEMA_CHECK(std::filesystem::file_size(name + ".part") == bytes.size(), kDiskFull, name,
                 ": could not be written; free some space");
      std::filesystem::rename(name + ".part", name + ".segment");
      made += collection.size(p);
      const std::lock_guard lock(turn);
      bar.report("segments", p + 1, collection.profiles(), "profiles");
    }
  });
  return {{"made_keys", made.load()}};
}

Json build_big_index(const std::string& folder, std::int64_t budget, std::int64_t bytes_per_key) {
  forget_peak();
  auto start = Clock::now();
  const Segments segments = open_segments(folder);
  Json out = {{"open_seconds", seconds_since(start)}, {"open_peak_bytes", peak()}};
  start = Clock::now();
  Bar bar;
  const OpenedRecallIndex opened = open_recall_index(folder + "/index", segments,
                                                     {.threads = kThreads,
                                                      .progress = &bar,
                                                      .bytes_per_key = bytes_per_key,
                                                      .memory_budget = budget});
  out["seconds"] = seconds_since(start);
  out["built"] = opened.built;
  out["bytes"] = opened.bytes;
  out["codes"] = to_string(opened.index->kind());
  out["lists"] = opened.index->lists().lists();
  out["file_bytes"] = std::filesystem::file_size(folder + "/index");
  for (const double share : memory::kProductShares) {
    for (const double level : memory::kRecallLevels) {
      const memory::IndexMeasure& m = opened.index->measure(share, level);
      out["measures"].push_back({share, level, m.probes, m.looked_at, m.shortlist});
    }
  }
  out["peak_bytes"] = peak();
  return out;
}

Json search_big_index(RealKeys& real, const Collection& collection, const std::string& folder,
                      std::int64_t budget, double wanted, std::int64_t calls) {
  // Who asks is known from now on; the keys that the collection was made of would count.
  real.keys = Matrix<float>();
  forget_peak();
  Json out = {{"idle_bytes", peak()}};
  auto start = Clock::now();
  const Segments segments = open_segments(folder);
  const OpenedRecallIndex opened = open_recall_index(
      folder + "/index", segments, {.threads = kThreads, .memory_budget = budget});
  PEMA_CHECK(opened.built.empty(), kMismatch, opened.built);
  for (const auto& segment : segments) {
    (void)segment->searchable();
    segment->release();
  }
  out["open_seconds"] = seconds_since(start);
  out["bytes"] = opened.bytes;
  kernels::ThreadPool pool(kThreads);
  for (const double share : kShares) {
    Json of_share = {{"share", share}};
    double visible = 0;
    double found_share = 0;
    std::int64_t through_index = 0;
    for (std::int64_t c = 0; c < calls; ++c) {
      const Call call(draw_askers(collection, real, share, kRows, static_cast<unsigned>(7 + c)),
                      segments);
      start = Clock::now();
      double cpu = cpu_seconds();
      const Found found = memory::search(call.rows, pool, opened.index.get(), {wanted});
      of_share["ms"].push_back(1000 * seconds_since(start));
      of_share["cpu_ms"].push_back(1000 * (cpu_seconds() - cpu));
      visible += call.visible / static_cast<double>(calls);
      through_index += memory::plan_search(opened.index.get(),
                                           static_cast<std::int64_t>(call.visible), 0, {wanted})
                               .with_index
                           ? 1
                           : 0;
      if (c < kScored) {
        start = Clock::now();
        cpu = cpu_seconds();
        found_share +=
            recall(found, memory::search(call.rows, pool, opened.index.get(), {1})) / kScored;
        of_share["exact_ms"].push_back(1000 * seconds_since(start));
        of_share["exact_cpu_ms"].push_back(1000 * (cpu_seconds() - cpu));
      }
      std::fprintf(stderr, "\rselectivity %g: call %lld of %lld ", share,
                   static_cast<long long>(c + 1), static_cast<long long>(calls));
    }
    std::fprintf(stderr, "\n");
    of_share["visible_keys"] = visible;
    of_share["through_index"] = through_index;
    of_share["recall"] = found_share;
    of_share["peak_bytes"] = peak();
    out["shares"].push_back(of_share);
  }
  out["peak_bytes"] = peak();
  return out;
}

}  // namespace pema::bench
