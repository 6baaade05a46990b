// Nearest masks by overlap: against a plain search, over edge sizes, ties and refusals.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "hwy/targets.h"
#include "kernels/mask_search.h"
#include "tests/support/expect_error.h"

namespace pema::kernels {
namespace {

BitMask random_mask(std::mt19937& random, std::int64_t bits, double density) {
  std::bernoulli_distribution coin(density);
  BitMask mask(bits);
  for (std::int64_t i = 0; i < bits; ++i) mask.set(i, coin(random));
  return mask;
}

std::vector<MaskMatch> plain_search(const std::vector<BitMask>& masks, const BitMask& query,
                                    std::int64_t count) {
  std::vector<MaskMatch> all;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    all.push_back({static_cast<std::int64_t>(i), masks[i].overlap(query)});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const MaskMatch& a, const MaskMatch& b) { return a.overlap > b.overlap; });
  all.resize(static_cast<std::size_t>(std::min<std::int64_t>(count, std::ssize(all))));
  return all;
}

TEST(MaskSearch, FindsWhatAPlainSearchFindsForEverySizeAndInstructionSet) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(3);
    // 2,048 bits are one word more than bytes can count without a carry.
    for (const std::int64_t bits : {1, 63, 64, 65, 1024, 1983, 2048}) {
      for (const std::int64_t size : {0, 1, 7, 8, 9, 131}) {
        MaskTable table(bits);
        std::vector<BitMask> masks;
        for (std::int64_t i = 0; i < size; ++i) {
          // The full mask and the empty one among the others.
          masks.push_back(random_mask(random, bits, i == 5 ? 1.0 : i == 6 ? 0.0 : 0.3));
          table.append(masks.back());
        }
        std::vector<BitMask> queries;
        for (const double density : {0.3, 0.0, 1.0, 0.5, 0.1}) {
          queries.push_back(random_mask(random, bits, density));
        }
        ThreadPool pool(2);
        for (const std::int64_t count : {0, 1, 10, 200}) {
          const auto found = nearest_by_overlap(table, queries, count, pool);
          ASSERT_EQ(found.size(), queries.size());
          for (std::size_t q = 0; q < queries.size(); ++q) {
            EXPECT_EQ(found[q], plain_search(masks, queries[q], count))
                << bits << " bits, " << size << " masks, query " << q << ", count " << count;
          }
        }
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(MaskSearch, ThreadsDoNotChangeWhichOfEqualMasksAreFound) {
  std::mt19937 random(4);
  MaskTable table(8);  // few bits, many ties
  std::vector<BitMask> masks;
  for (int i = 0; i < 100'000; ++i) {
    masks.push_back(random_mask(random, 8, 0.3));
    table.append(masks.back());
  }
  const std::vector<BitMask> queries(3, random_mask(random, 8, 0.7));
  const std::vector<MaskMatch> expected = plain_search(masks, queries[0], 50);
  for (const std::int64_t threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const auto& found : nearest_by_overlap(table, queries, 50, pool)) {
      EXPECT_EQ(found, expected);
    }
  }
}

TEST(MaskSearch, OtherSizesAndImpossibleNumbersAreRefused) {
  test::expect_error(
      ErrorCode::kInvalidArgument, [] { MaskTable table(0); }, "0 adapters");
  MaskTable table(10);
  table.append(BitMask(10));
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { table.append(BitMask(11)); }, "mask 1 is over 11");
  ThreadPool pool(1);
  const std::vector<BitMask> queries{BitMask(10), BitMask(9)};
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)nearest_by_overlap(table, queries, 1, pool); },
      "query 1 is over 9");
  test::expect_error(
      ErrorCode::kInvalidArgument,
      [&] { (void)nearest_by_overlap(table, std::span(queries).first(1), -1, pool); }, "negative");
}

}  // namespace
}  // namespace pema::kernels
