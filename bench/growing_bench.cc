// What it costs that a shared segment is a list: searching 1, 4, 16 and 64 parts beside the merged
// one, in turn; opening a lease on them; appending, merging and forgetting. Times are the
// processor's.
//
//   growing_bench FOLDER [ENTRIES [WIDTH]]
//
// Makes a store in FOLDER and prints one JSON object.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "bench/json_program.h"
#include "pema/engine.h"
#include "pema/error.h"
#include "pema/segment_list.h"
#include "src/memory/search.h"

namespace {

using namespace pema;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kNeighbours = 32;

/// Of the processor: the machine may have other work.
double seconds(const std::function<void()>& action) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double start = now();
  action();
  return now() - start;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Unit vectors around a hundred directions.
Matrix<float> make_keys(std::int64_t rows, std::int64_t width, unsigned seed) {
  std::mt19937 middle_random(1);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Matrix<float> middles(100, width);
  for (std::int64_t i = 0; i < 100 * width; ++i) middles.data()[i] = normal(middle_random);
  Matrix<float> keys(rows, width);
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* const middle = middles.row(static_cast<std::int64_t>(random() % 100));
    double square = 0;
    for (std::int64_t c = 0; c < width; ++c) {
      float& value = keys.row(r)[c];
      value = middle[c] + 0.7F * normal(random);
      square += static_cast<double>(value) * static_cast<double>(value);
    }
    for (float& value : keys.view().row_span(r)) value /= static_cast<float>(std::sqrt(square));
  }
  return keys;
}

struct World {
  ModelInfo model{sha256("bench"), "bench", "llama", 0, 50'000};
  std::string folder;
  Matrix<float> keys;
  std::vector<std::int32_t> tokens;

  [[nodiscard]] std::shared_ptr<const Segment> part(std::int64_t begin, std::int64_t end,
                                                    KeyType type) const {
    SegmentInfo info;
    info.model = model.fingerprint;
    info.hidden = model.hidden;
    info.vocab = model.vocab;
    info.keys = type;
    const MatrixView<const float> rows{keys.row(begin), end - begin, model.hidden};
    return Segment::make(info, rows,
                         std::span(tokens).subspan(static_cast<std::size_t>(begin),
                                                   static_cast<std::size_t>(end - begin)));
  }
};

double search_seconds(const World& world,
                      const std::vector<std::shared_ptr<const Segment>>& segments,
                      kernels::ThreadPool& pool, const Matrix<float>& queries, bool batch) {
  std::vector<memory::SearchRow> rows;
  for (std::int64_t q = 0; q < queries.rows(); ++q) {
    rows.push_back(
        {segments, {queries.row(q), static_cast<std::size_t>(world.model.hidden)}, kNeighbours});
  }
  if (batch) return seconds([&] { static_cast<void>(memory::search(rows, pool)); });
  return seconds([&] {
           for (const auto& row : rows) static_cast<void>(memory::search({&row, 1}, pool));
         }) /
         static_cast<double>(rows.size());
}

/// A store with the keys in `parts`, merged afterwards.
Json measure(const World& world, std::int64_t parts, KeyType type) {
  const std::string path = world.folder + "/store";
  std::filesystem::remove_all(path);
  Store store = Store::open(path, OpenMode::kCreate);
  store.put_model(world.model, "");
  const std::int64_t entries = world.keys.rows();
  const auto edge = [&](std::int64_t i) { return entries * i / parts; };
  const SegmentId id =
      store.put_segment(*world.part(0, edge(1), type), SegmentKind::kShared, "list").id;
  std::vector<double> appends;
  for (std::int64_t i = 1; i < parts; ++i) {
    const auto part = world.part(edge(i), edge(i + 1), type);
    appends.push_back(seconds([&] { store.append_segment(id, *part); }));
  }
  ProfileDraft draft;
  draft.name = "reader";
  draft.schedule.lambda_shared = 0.3;
  draft.segments = {id};
  store.put_profile(draft);
  const auto lease_seconds = [&] {
    std::vector<double> all;
    for (int i = 0; i < 5; ++i) {
      LeaseBook book(store, world.model);
      all.push_back(seconds([&] { static_cast<void>(book.acquire("reader")); }));
    }
    return median(all);
  };
  Json row{{"parts", parts}, {"keys", to_string(type)}};
  row["bytes"] = store.find_segment(id)->list_bytes;
  row["lease_ms"] = 1e3 * lease_seconds();
  if (!appends.empty()) row["append_ms"] = 1e3 * median(appends);
  const auto list = store.load_list(id);
  const double merge = seconds([&] { store.merge_segment(id, {.bytes = std::int64_t{8} << 30}); });
  row["merge_s"] = parts > 1 ? Json(merge) : Json();
  row["merged_bytes"] = store.find_segment(id)->list_bytes;
  row["merged_lease_ms"] = 1e3 * lease_seconds();
  const auto merged = store.load_list(id);
  kernels::ThreadPool pool(1);
  const Matrix<float> one = make_keys(64, world.model.hidden, 9);
  std::vector<double> times[4];
  for (int round = 0; round < 9; ++round) {
    times[0].push_back(search_seconds(world, list, pool, one, false));
    times[1].push_back(search_seconds(world, merged, pool, one, false));
    times[2].push_back(search_seconds(world, list, pool, one, true));
    times[3].push_back(search_seconds(world, merged, pool, one, true));
  }
  row["search_us"] = 1e6 * median(times[0]);
  row["merged_search_us"] = 1e6 * median(times[1]);
  row["search_64_us"] = 1e6 * median(times[2]);
  row["merged_search_64_us"] = 1e6 * median(times[3]);
  row["forget_s"] = seconds([&] {
    static_cast<void>(store.forget_entries(id, {.entries = {{entries / 2, entries / 2}}}));
  });
  return row;
}

Json run(const std::vector<std::string>& words) {
  PEMA_CHECK(!words.empty(), kInvalidArgument, "usage: growing_bench FOLDER [ENTRIES [WIDTH]]");
  const auto number = [&](std::size_t i, std::int64_t otherwise) {
    return i < words.size() ? std::strtoll(words[i].c_str(), nullptr, 10) : otherwise;
  };
  World world;
  world.folder = words[0];
  world.model.hidden = number(2, 576);
  world.keys = make_keys(number(1, 34'000), world.model.hidden, 3);
  std::mt19937 random(5);
  for (std::int64_t i = 0; i < world.keys.rows(); ++i) {
    world.tokens.push_back(static_cast<std::int32_t>(random() % 50'000));
  }
  Json document{{"entries", world.keys.rows()}, {"width", world.model.hidden}};
  for (const KeyType type : {KeyType::kFloat32, KeyType::kInt8}) {
    for (const std::int64_t parts : {1, 4, 16, 64}) {
      document["rows"].push_back(measure(world, parts, type));
    }
  }
  std::filesystem::remove_all(world.folder + "/store");
  return document;
}

}  // namespace

int main(int argc, char** argv) {
  return pema::bench::print_json_of("growing_bench", argc, argv, run);
}
