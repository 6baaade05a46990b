#include <algorithm>
#include <cmath>

#include "bench/memory/claims.h"
#include "bench/memory/faiss_peers.h"
#include "src/memory/search.h"

namespace pema::bench {
namespace {

constexpr std::int64_t kNearest = 32;
constexpr std::int64_t kQueries = 512;

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

Json quantiles(const std::vector<double>& values) {
  return {quantile(values, 0.1), quantile(values, 0.5), quantile(values, 0.9)};
}

/// `skip` nearest are left out: a key is its own nearest.
Json statistics(const std::vector<std::shared_ptr<const Segment>>& segments,
                const std::vector<std::vector<float>>& queries, std::size_t skip) {
  std::vector<memory::SearchRow> rows;
  for (const auto& query : queries) {
    rows.push_back({segments, query, kNearest + static_cast<std::int64_t>(skip)});
  }
  kernels::ThreadPool pool;
  std::vector<double> nearest;
  std::vector<double> last;
  std::vector<double> dimension;
  for (const auto& found : memory::search(rows, pool)) {
    const auto distance = [&](std::size_t i) {
      return std::sqrt(std::max(1e-12, static_cast<double>(found[i + skip].distance)));
    };
    nearest.push_back(distance(0) * distance(0));
    last.push_back(distance(kNearest - 1) * distance(kNearest - 1));
    // Levina and Bickel's estimate: k - 1 over the sum of log(r_k / r_j).
    double sum = 0;
    for (std::size_t j = 0; j + 1 < kNearest; ++j) {
      sum += std::log(distance(kNearest - 1) / distance(j));
    }
    if (sum > 0) dimension.push_back(static_cast<double>(kNearest - 1) / sum);
  }
  return {{"nearest", quantiles(nearest)},
          {"32nd", quantiles(last)},
          {"dimension", quantiles(dimension)}};
}

std::shared_ptr<const Segment> real_segment(const RealKeys& real) {
  SegmentInfo info;
  info.model = sha256("the model of memory_bench");
  info.hidden = real.keys.cols();
  info.vocab = 1 << 30;
  return Segment::make(info, real.keys.view(), real.token);
}

}  // namespace

Json describe(const RealKeys& real, const Collection& collection) {
  std::mt19937 random(3);
  std::vector<std::vector<float>> held_out;
  std::vector<std::vector<float>> of_real;
  std::vector<std::vector<float>> of_collection;
  const auto copy = [](std::span<const float> v) { return std::vector(v.begin(), v.end()); };
  for (std::int64_t i = 0; i < kQueries; ++i) {
    held_out.push_back(copy(real.queries.view().row_span(random() % real.queries.rows())));
    of_real.push_back(copy(real.keys.view().row_span(random() % real.keys.rows())));
  }
  const std::vector real_segments{real_segment(real)};
  std::vector<std::shared_ptr<const Segment>> segments;
  for (std::int64_t p = 0; p < collection.profiles(); ++p) {
    segments.push_back(collection.segment(p));
  }
  for (std::int64_t i = 0; i < kQueries; ++i) {
    const auto number = static_cast<std::int64_t>(random() % collection.keys());
    const auto owner = std::upper_bound(segments.begin(), segments.end(), number,
                                        [](std::int64_t n, const auto& segment) {
                                          return n < segment->tokens().front();
                                        }) -
                       segments.begin() - 1;
    const auto& segment = segments[static_cast<std::size_t>(owner)];
    of_collection.push_back(copy(segment->keys().row_span(number - segment->tokens().front())));
  }
  return {{"real_keys", real.keys.rows()},
          {"people", real.people},
          {"keys", collection.keys()},
          {"quantiles", {0.1, 0.5, 0.9}},
          {"query_to_real", statistics(real_segments, held_out, 0)},
          {"query_to_collection", statistics(segments, held_out, 0)},
          {"real_to_real", statistics(real_segments, of_real, 1)},
          {"collection_to_collection", statistics(segments, of_collection, 1)}};
}

Json make_graph(const Collection& collection, const std::string& path) {
  const FaissPeers peers(collection, path);
  return {{"graph", path}};
}

}  // namespace pema::bench
