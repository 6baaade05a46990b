/// Segments of every type of keys, and an index by product codes over them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "src/core/atomic_file.h"
#include "src/memory/index_search.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/temporary_folder.h"

namespace pema::memory {

inline constexpr std::int64_t kWidth = 24;

/// Segments of every type of keys that an index holds, in files; tokens are distinct.
struct World {
  World() {
    const std::int64_t sizes[] = {26'000, 900, 1, 0, 40, 3'000, 2'100};
    const KeyType types[] = {KeyType::kInt8,    KeyType::kFloat32, KeyType::kFloat16,
                             KeyType::kFloat32, KeyType::kInt8,    KeyType::kFloat32,
                             KeyType::kFloat16};
    for (unsigned s = 0; s < 7; ++s) {
      const auto first = static_cast<std::int32_t>(s == 0 ? 0 : 26'000 + 4'000 * s);
      const auto made =
          test::rounded_segment(types[s], test::clustered_rows(sizes[s], kWidth, s), first);
      const std::string path = folder.file(std::to_string(s));
      core::write_file_atomically(path, made->serialise());
      segments.push_back(Segment::open(path, made->digest()));
    }
  }
  static const World& all() {
    static const World world;
    return world;
  }
  test::TemporaryFolder folder;
  Segments segments;
  Matrix<float> queries = test::clustered_rows(40, kWidth, 99);
};

[[nodiscard]] inline IndexOptions product(std::int64_t lists = 50) {
  IndexOptions options;
  options.lists = lists;
  options.codes = IndexCodes::kProduct;
  options.bytes_per_key = 8;
  return options;
}

/// Scans in pieces of 768 KB: the first segment alone has 728 KB. What is scanned is dear, so that
/// the planner takes the index.
inline constexpr std::int64_t kBudget = 3 << 20;

[[nodiscard]] inline std::shared_ptr<const SegmentIndex> built() {
  static const auto index = [] {
    kernels::ThreadPool pool(2);
    IndexOptions options = product();
    options.memory_budget = kBudget;
    return SegmentIndex::build(World::all().segments, pool, options);
  }();
  return index;
}

[[nodiscard]] inline bool same(const std::vector<Neighbour>& a, const std::vector<Neighbour>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Neighbour& x, const Neighbour& y) {
                      return x.distance == y.distance && x.token == y.token;
                    });
}

/// Every query, seeing all of `segments`.
[[nodiscard]] inline std::vector<SearchRow> rows_of(const Segments& segments, std::int64_t k = 32) {
  std::vector<SearchRow> rows;
  for (std::int64_t r = 0; r < 40; ++r) {
    rows.push_back({segments, World::all().queries.view().row_span(r), k});
  }
  return rows;
}

}  // namespace pema::memory
