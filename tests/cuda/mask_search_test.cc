// Sizes and nearest masks on the device against plain counting.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "kernels/cuda/ops.h"
#include "tests/cuda/device_cases.h"

namespace pema::test {
namespace {

using kernels::cuda::DeviceMaskTable;
using kernels::cuda::mask_search_workspace;
using kernels::cuda::mask_sizes;
using kernels::cuda::nearest_by_overlap;
using Mask = std::vector<std::uint64_t>;

Mask random_mask(std::mt19937& random, std::int64_t bits) {
  Mask mask(static_cast<std::size_t>((bits + 63) / 64));
  const auto sparse = random() % 7;  // 0: empty, 1: full
  for (std::int64_t i = 0; i < bits; ++i) {
    if (sparse == 1 || (sparse > 1 && random() % sparse == 0)) {
      mask[static_cast<std::size_t>(i / 64)] |= std::uint64_t{1} << (i % 64);
    }
  }
  return mask;
}

/// As MaskTable::groups(): 8 masks side by side, zeros behind the last.
std::vector<std::uint64_t> groups_of(const std::vector<Mask>& masks, std::size_t words) {
  std::vector<std::uint64_t> groups((masks.size() + 7) / 8 * 8 * words);
  for (std::size_t m = 0; m < masks.size(); ++m) {
    for (std::size_t w = 0; w < words; ++w) groups[(m / 8 * words + w) * 8 + m % 8] = masks[m][w];
  }
  return groups;
}

std::int32_t overlap(const Mask& a, const Mask& b) {
  int sum = 0;
  for (std::size_t w = 0; w < a.size(); ++w) sum += std::popcount(a[w] & b[w]);
  return sum;
}

class MaskSearch : public OnDevice {};

TEST_P(MaskSearch, FindsTheNearestWithTheLowestNumberFirst) {
  struct Case {
    std::int64_t masks, bits, queries, count;
  };
  // Around 32 masks at a time, 2048 per warp, 4 warps per block, 4 queries per warp, 8 warps that
  // join.
  for (const Case& c :
       {Case{1, 1, 1, 1}, Case{7, 63, 3, 32}, Case{31, 64, 4, 5}, Case{32, 65, 5, 1},
        Case{33, 127, 1, 32}, Case{2047, 64, 2, 32}, Case{2048, 64, 1, 7}, Case{2049, 130, 4, 31},
        Case{0, 64, 2, 3}, Case{20011, 40, 1, 32}}) {
    std::mt19937 random(51);
    std::vector<Mask> masks;
    for (std::int64_t m = 0; m < c.masks; ++m) masks.push_back(random_mask(random, c.bits));
    std::vector<Mask> queries;
    std::vector<std::uint64_t> query_words;
    for (std::int64_t q = 0; q < c.queries; ++q) {
      queries.push_back(random_mask(random, c.bits));
      query_words.insert(query_words.end(), queries.back().begin(), queries.back().end());
    }
    const std::size_t words = queries[0].size();
    DeviceArray<const std::uint64_t> table("table", groups_of(masks, words));
    DeviceArray<const std::uint64_t> wanted("queries", query_words);
    DeviceArray<std::int64_t> index("index", c.queries * c.count);
    DeviceArray<std::int32_t> found("overlap", c.queries * c.count);
    DeviceArray<std::int32_t> size("size", c.masks);
    DeviceWorkspace workspace(mask_search_workspace(c.masks, c.queries));
    const DeviceMaskTable t{table.data(), c.masks, static_cast<std::int64_t>(words)};
    nearest_by_overlap(
        {t, wanted.data(), c.queries, c.count, index.data(), found.data(), workspace.get()},
        nullptr);
    mask_sizes({t, size.data()}, nullptr);

    const std::vector<std::int32_t> sizes = size.host();
    for (std::size_t m = 0; m < masks.size(); ++m) ASSERT_EQ(sizes[m], overlap(masks[m], masks[m]));
    const std::vector<std::int64_t> indices = index.host();
    const std::vector<std::int32_t> overlaps = found.host();
    for (std::size_t q = 0; q < queries.size(); ++q) {
      std::vector<std::pair<std::int32_t, std::int64_t>> expected;
      for (std::size_t m = 0; m < masks.size(); ++m) {
        expected.emplace_back(-overlap(masks[m], queries[q]), static_cast<std::int64_t>(m));
      }
      std::sort(expected.begin(), expected.end());
      for (std::size_t k = 0; k < static_cast<std::size_t>(c.count); ++k) {
        const std::size_t at = q * static_cast<std::size_t>(c.count) + k;
        const bool there = k < expected.size();
        ASSERT_EQ(indices[at], there ? expected[k].second : -1) << c.masks << " place " << k;
        ASSERT_EQ(overlaps[at], there ? -expected[k].first : -1) << c.masks << " place " << k;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, MaskSearch, orders(), order_name);

}  // namespace
}  // namespace pema::test
