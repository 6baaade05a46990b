// Nearest keys under each row's own rights: against a plain scan, for every instruction set, over
// edge sizes, ties, threads and refusals; the bounds of the first look hold.
#include "kernels/key_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "hwy/targets.h"
#include "kernels/key_rotation.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

/// Random directions; `spread` below 1 makes them crowd around one.
Matrix<float> unit_keys(std::mt19937& random, std::int64_t n, std::int64_t d, double spread = 1) {
  Matrix<float> keys = test::random_matrix(random, n, d);
  for (std::int64_t i = 0; i < n; ++i) {
    double square = 0;
    for (float& v : keys.view().row_span(i)) {
      v = static_cast<float>(spread * static_cast<double>(v) + (1 - spread));
      square += static_cast<double>(v) * static_cast<double>(v);
    }
    for (float& v : keys.view().row_span(i)) v /= static_cast<float>(std::sqrt(square));
  }
  return keys;
}

struct World {
  World(std::mt19937& random, const std::vector<std::int64_t>& sizes, std::int64_t d,
        double spread = 1) {
    for (const std::int64_t n : sizes) {
      keys.push_back(unit_keys(random, n, d, spread));
      codes.push_back(std::make_unique<KeyCodes>(keys.back().view()));
    }
    for (std::size_t s = 0; s < keys.size(); ++s)
      sets.push_back({KeyRows(std::as_const(keys[s]).view()), codes[s].get()});
  }
  std::vector<Matrix<float>> keys;
  std::vector<std::unique_ptr<KeyCodes>> codes;
  std::vector<KeySet> sets;
};

std::vector<NearKey> plain_scan(const World& world, const KeyQuery& query, std::int64_t d) {
  std::vector<NearKey> all;
  for (std::size_t place = 0; place < query.sets.size(); ++place) {
    const KeyRows& keys = world.sets[static_cast<std::size_t>(query.sets[place])].keys;
    for (std::int64_t row = 0; row < keys.rows(); ++row) {
      all.push_back({squared_distance(query.query, keys.row(row, nullptr), d),
                     static_cast<std::int32_t>(place), row});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const NearKey& a, const NearKey& b) { return a.distance < b.distance; });
  all.resize(static_cast<std::size_t>(std::min(query.count, std::ssize(all))));
  return all;
}

TEST(KeySearch, FindsWhatAPlainScanFindsForEverySizeAndInstructionSet) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(11);
    for (const std::int64_t d : {1, 2, 15, 64, 577}) {
      for (const double spread : {1.0, 0.02}) {
        const World world(random, {0, 1, 31, 32, 33, 300, 65}, d, spread);
        const Matrix<float> x = unit_keys(random, 11, d, spread);
        const std::vector<std::vector<std::int32_t>> rights{
            {0}, {}, {6, 5, 4, 3, 2, 1, 0}, {5}, {2, 5}, {1}, {3}, {4, 6}, {5, 6}, {5, 0}, {5, 2}};
        std::vector<KeyQuery> queries;
        for (std::size_t q = 0; q < rights.size(); ++q) {
          queries.push_back({x.row(static_cast<std::int64_t>(q)), rights[q],
                             q % 3 == 0   ? 1
                             : q % 3 == 1 ? 32
                                          : 1000});
        }
        for (const std::int64_t threads : {1, 3}) {
          ThreadPool pool(threads);
          const auto found = nearest_keys(world.sets, queries, d, pool);
          ASSERT_EQ(found.size(), queries.size());
          for (std::size_t q = 0; q < queries.size(); ++q) {
            EXPECT_EQ(found[q], plain_scan(world, queries[q], d)) << "d " << d << ", query " << q;
          }
        }
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(KeySearch, OfEqualKeysTheFirstAreFound) {
  std::mt19937 random(12);
  constexpr std::int64_t kWidth = 24;
  const Matrix<float> few = unit_keys(random, 3, kWidth);
  Matrix<float> many(5000, kWidth);
  for (std::int64_t i = 0; i < many.rows(); ++i) {
    std::copy_n(few.row(i % 3), kWidth, many.row(i));
  }
  const KeyCodes codes(many.view());
  const KeySet sets[] = {{KeyRows(many.view()), &codes}};
  const std::int32_t first[] = {0};
  const KeyQuery query{few.row(1), first, 40};
  ThreadPool pool(2);
  const auto found = nearest_keys(sets, {&query, 1}, kWidth, pool);
  ASSERT_EQ(found[0].size(), 40U);
  for (std::size_t i = 0; i < found[0].size(); ++i) {
    EXPECT_EQ(found[0][i], (NearKey{0.0F, 0, static_cast<std::int64_t>(3 * i + 1)}));
  }
}

TEST(KeySearch, TheBoundsOfTheFirstLookHold) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(13);
    constexpr std::int64_t kWidth = 130;
    const Matrix<float> keys = unit_keys(random, 70, kWidth, 0.3);
    const Matrix<float> x = unit_keys(random, kQueriesAtOnce, kWidth, 0.3);
    const KeyCodes codes(keys.view());
    std::vector<QueryCode> made;
    for (std::int64_t q = 0; q < kQueriesAtOnce; ++q) {
      std::vector<float> turned(x.row(q), x.row(q) + kWidth);
      rotate_key(turned.data(), kWidth);
      made.emplace_back(turned);
    }
    for (std::int64_t count = 1; count <= kQueriesAtOnce; ++count) {
      const QueryCode* queries[kQueriesAtOnce];
      float worst[kQueriesAtOnce];
      BlockDistances out[kQueriesAtOnce];
      for (std::int64_t q = 0; q < count; ++q) {
        queries[q] = &made[static_cast<std::size_t>(q)];
        worst[q] = q == 1 ? -1.0F : 100.0F;  // nothing can interest query 1
      }
      for (std::int64_t block = 0; block < codes.blocks(); ++block) {
        const std::uint32_t seen = look_at_block(codes, block, queries, count, worst, out);
        EXPECT_EQ(seen, ((1U << count) - 1) & ~2U);
        for (std::int64_t q = 0; q < count; ++q) {
          for (std::int64_t k = block * 32; k < std::min<std::int64_t>(70, block * 32 + 32); ++k) {
            if (q == 1) continue;
            const float exact = squared_distance(x.row(q), keys.row(k), kWidth);
            EXPECT_LE(out[q].lower[k % 32], exact);
            EXPECT_GE(out[q].lower[k % 32] + out[q].gap[k % 32], exact);
            EXPECT_LT(out[q].gap[k % 32], 0.2F);
          }
        }
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(KeySearch, WhatMakesNoSenseIsRefused) {
  std::mt19937 random(14);
  const World world(random, {4, 5}, 8);
  const Matrix<float> other = unit_keys(random, 3, 7);
  const KeyCodes other_codes(other.view());
  Matrix<float> x = unit_keys(random, 1, 8);
  ThreadPool pool(1);
  const auto refused = [&](std::vector<std::int32_t> sets, std::int64_t count,
                           const std::string& says) {
    const KeyQuery query{x.row(0), sets, count};
    test::expect_error(
        ErrorCode::kInvalidArgument,
        [&] {
          (void)nearest_keys(world.sets, {&query, 1}, 8, pool);
        },
        says);
  };
  refused({0}, 0, "at least 1");
  refused({2}, 1, "set 2 of 2");
  refused({-1}, 1, "set -1");
  refused({1, 1}, 1, "named before");
  const KeySet wrong[] = {{KeyRows(world.keys[0].view()), &other_codes}};
  const std::int32_t first[] = {0};
  const KeyQuery query{x.row(0), first, 1};
  test::expect_error(
      ErrorCode::kInvalidArgument,
      [&] {
        (void)nearest_keys(wrong, {&query, 1}, 8, pool);
      },
      "another shape");
  x.row(0)[3] = std::nanf("");
  refused({0}, 1, "query 0 is not finite");
}

}  // namespace
}  // namespace pema::kernels
