// Product-quantised keys: tables and distances against float64 and against the decoded keys, for
// every instruction set; the nearest codes; searches over sets of several types.
#include "kernels/product_codes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "hwy/targets.h"
#include "kernels/half.h"
#include "kernels/key_search.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

constexpr std::int64_t kCentroids = ProductSpace::kCentroids;

/// Random centroids and keys of random codes; `turned` with a rotation (a chain of plane ones) and
/// with errors.
struct Quantised {
  Quantised(std::mt19937& random, std::int64_t rows, std::int64_t d, std::int64_t parts,
            bool turned = false)
      : centroids(test::random_matrix(random, d, kCentroids)) {
    for (float& value :
         std::span(centroids.view().data, static_cast<std::size_t>(d * kCentroids))) {
      value /= static_cast<float>(std::sqrt(static_cast<double>(d)));
    }
    space = {d, parts, (d + parts - 1) / parts, centroids.view().data};
    if (turned) turn(random);
    const std::int64_t each = space.bytes();
    const std::int64_t blocks = (rows + ProductCodes::kBlock - 1) / ProductCodes::kBlock;
    bytes.resize(static_cast<std::size_t>(blocks * each * ProductCodes::kBlock));
    keys = {&space, rows, bytes.data()};
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t p = 0; p < each; ++p) {
        bytes[static_cast<std::size_t>((i / 32 * each + p) * 32 + i % 32)] =
            static_cast<std::uint8_t>(random() % 256);
      }
    }
  }
  [[nodiscard]] std::vector<float> decoded(std::int64_t row) const {
    std::vector<float> key(static_cast<std::size_t>(space.cols));
    keys.decode(row, key.data());
    return key;
  }
  /// What the last code of a key says of its error.
  [[nodiscard]] double error(std::int64_t row) const {
    if (space.errors == nullptr) return 0;
    return static_cast<double>(errors[keys.code(row, space.parts)]);
  }
  Matrix<float> centroids;
  Matrix<float> rotation;
  std::vector<float> errors;
  ProductSpace space;
  std::vector<std::uint8_t> bytes;
  ProductCodes keys;

 private:
  void turn(std::mt19937& random) {
    const std::int64_t d = space.cols;
    rotation = Matrix<float>(d, d);
    for (std::int64_t c = 0; c < d; ++c) rotation.row(c)[c] = 1;
    std::uniform_real_distribution<double> angles(0, 3);
    for (std::int64_t turns = 0; turns < 2 * d && d > 1; ++turns) {
      const double angle = angles(random);
      const std::int64_t a = turns % d;
      const std::int64_t b = (turns * 7 + 1) % d == a ? (a + 1) % d : (turns * 7 + 1) % d;
      for (std::int64_t c = 0; c < d; ++c) {
        float* const row = rotation.row(c);
        const auto x = static_cast<double>(row[a]);
        const auto y = static_cast<double>(row[b]);
        row[a] = static_cast<float>(x * std::cos(angle) - y * std::sin(angle));
        row[b] = static_cast<float>(x * std::sin(angle) + y * std::cos(angle));
      }
    }
    for (int j = 0; j < 256; ++j) errors.push_back(static_cast<float>(j) / 1024.0F);
    space.rotation = rotation.data();
    space.errors = errors.data();
  }
};

double exact_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t c = 0; c < a.size(); ++c) {
    const double difference = static_cast<double>(a[c]) - static_cast<double>(b[c]);
    sum += difference * difference;
  }
  return sum;
}

// docs/numerics.md: a part adds width terms, a key m parts, each difference is rounded once; a
// rotation moves the query by at most d u |x|, and adds as much to the decoded key.
double tolerance(const ProductSpace& space, double distance) {
  constexpr double kUnit = 0x1p-24;
  const double sums = static_cast<double>(space.width + space.bytes() + 4) * kUnit * distance;
  if (space.rotation == nullptr) return sums * 1.01;
  const double moved = 4 * static_cast<double>(space.cols) * kUnit * std::sqrt(distance);
  return (sums + 2 * std::sqrt(distance) * moved + moved * moved + kUnit) * 1.01;
}

TEST(ProductCodes, DistancesAreThoseOfTheDecodedKeys) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(21);
    for (const auto& [d, parts] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 1}, {7, 3}, {64, 16}, {577, 32}, {576, 32}, {33, 33}}) {
      for (const bool turned : {false, true}) {
        const Quantised some(random, 67, d, parts, turned);
        Matrix<float> query = test::random_matrix(random, 1, d);
        for (float& v : query.view().row_span(0)) v *= 0.5F;
        std::vector<float> table(static_cast<std::size_t>(some.space.table_size()));
        make_product_table(some.space, query.row(0), table.data());
        for (std::int64_t block = 0; block < 3; ++block) {
          float found[ProductCodes::kBlock];
          product_distances(some.keys, block, table.data(), found);
          for (std::int64_t i = block * 32; i < std::min<std::int64_t>(67, block * 32 + 32); ++i) {
            const double exact = exact_distance(query.view().row_span(0), some.decoded(i));
            const double expected = std::clamp(exact - some.error(i), 0.0, 4.0);
            EXPECT_NEAR(found[i % 32], expected, tolerance(some.space, exact)) << d << " " << i;
          }
        }
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(ProductCodes, AKeyIsAtNoDistanceFromItselfWhereItsErrorIsKnown) {
  std::mt19937 random(24);
  Quantised some(random, 32, 40, 5, true);
  const Matrix<float> keys = test::random_matrix(random, 32, 40);
  std::vector<double> errors;
  std::vector<std::uint8_t> code(6);
  for (std::int64_t i = 0; i < 32; ++i) {
    encode_product(some.space, keys.row(i), code.data());
    for (std::int64_t p = 0; p < 6; ++p) {
      some.bytes[static_cast<std::size_t>(p * 32 + i)] = code[static_cast<std::size_t>(p)];
    }
    errors.push_back(exact_distance(keys.view().row_span(i), some.decoded(i)));
  }
  // Levels are the errors themselves, each many times: the nearest one is the key's own.
  std::vector<double> rising = errors;
  std::sort(rising.begin(), rising.end());
  for (std::size_t j = 0; j < 256; ++j) some.errors[j] = static_cast<float>(rising[j / 8]);
  std::vector<float> table(static_cast<std::size_t>(some.space.table_size()));
  for (std::int64_t i = 0; i < 32; ++i) {
    encode_product(some.space, keys.row(i), code.data());
    some.bytes[static_cast<std::size_t>(5 * 32 + i)] = code[5];
  }
  for (std::int64_t i = 0; i < 32; ++i) {
    make_product_table(some.space, keys.row(i), table.data());
    float found[ProductCodes::kBlock];
    product_distances(some.keys, 0, table.data(), found);
    EXPECT_GT(errors[static_cast<std::size_t>(i)], 0.01);
    EXPECT_LE(found[i], 1e-4 * errors[static_cast<std::size_t>(i)]);
    EXPECT_GE(found[i], 0.0F);
  }
}

TEST(ProductCodes, EveryPartTakesItsNearestCentroid) {
  std::mt19937 random(22);
  const Quantised some(random, 1, 23, 5);
  const Matrix<float> key = test::random_matrix(random, 1, 23);
  std::vector<std::uint8_t> code(5);
  encode_product(some.space, key.row(0), code.data());
  for (std::int64_t p = 0; p < 5; ++p) {
    const auto distance = [&](std::uint8_t j) {
      double sum = 0;
      for (std::int64_t c = p * 5; c < std::min<std::int64_t>(23, p * 5 + 5); ++c) {
        const double difference = static_cast<double>(key.row(0)[c] - some.space.at(c, j));
        sum += difference * difference;
      }
      return sum;
    };
    double least = 1e9;
    for (int j = 0; j < 256; ++j) {
      least = std::min(least, distance(static_cast<std::uint8_t>(j)));
    }
    EXPECT_NEAR(distance(code[static_cast<std::size_t>(p)]), least, 1e-6);
  }
  // The centroids of a code are coded as that code: of equal ones the first is taken.
  Quantised twin(random, 1, 6, 2);
  for (std::int64_t c = 0; c < 6; ++c) twin.centroids.row(c)[200] = twin.centroids.row(c)[9];
  std::vector<float> exact(6);
  for (std::int64_t c = 0; c < 6; ++c) exact[static_cast<std::size_t>(c)] = twin.space.at(c, 200);
  encode_product(twin.space, exact.data(), code.data());
  EXPECT_EQ(code[0], 9);
  EXPECT_EQ(code[1], 9);
}

/// One set of each type over unit keys, and what a search must find.
struct Mixed {
  Mixed(std::mt19937& random, std::int64_t n, std::int64_t d)
      : width(d), plain(test::random_matrix(random, n, d)), quantised(random, n, d, 4, d % 2 == 1) {
    for (std::int64_t i = 0; i < n; ++i) {
      double square = 0;
      for (const float v : plain.view().row_span(i)) square += static_cast<double>(v * v);
      for (float& v : plain.view().row_span(i)) v /= static_cast<float>(std::sqrt(square));
    }
    const std::int64_t pairs = (d + 1) / 2;
    halves.resize(static_cast<std::size_t>(n * d));
    codes.resize(static_cast<std::size_t>((n + 31) / 32 * pairs * 64));
    for (std::int64_t i = 0; i < n; ++i) {
      const float longest = 127.0F * std::sqrt(static_cast<float>(d));
      scales.push_back((1.0F + 0.01F * static_cast<float>(i % 7)) / longest);
      for (std::int64_t c = 0; c < d; ++c) {
        halves[static_cast<std::size_t>(i * d + c)] = to_float16(plain.row(i)[c]);
        codes[static_cast<std::size_t>((i / 32 * pairs + c / 2) * 64 + i % 32 * 2 + c % 2)] =
            static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127);
      }
    }
    rows = {KeyRows(std::as_const(plain).view()),
            KeyRows(MatrixView<const std::uint16_t>{halves.data(), n, d}),
            KeyRows(n, d, codes.data(), scales.data())};
    for (const KeyRows& r : rows) made.emplace_back(r);
    for (std::size_t s = 0; s < rows.size(); ++s) sets.push_back({rows[s], &made[s]});
    sets.push_back({{}, nullptr, &quantised.keys});
  }
  std::int64_t width;
  Matrix<float> plain;
  Quantised quantised;
  std::vector<std::uint16_t> halves;
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
  std::vector<KeyRows> rows;
  std::vector<KeyCodes> made;
  std::vector<KeySet> sets;
};

std::vector<NearKey> plain_scan(const Mixed& mixed, const KeyQuery& query) {
  std::vector<NearKey> all;
  std::vector<float> buffer(static_cast<std::size_t>(mixed.width));
  std::vector<float> table(static_cast<std::size_t>(mixed.quantised.space.table_size()));
  make_product_table(mixed.quantised.space, query.query, table.data());
  for (std::size_t place = 0; place < query.sets.size(); ++place) {
    const KeySet& set = mixed.sets[static_cast<std::size_t>(query.sets[place])];
    for (std::int64_t row = 0; row < set.rows(); ++row) {
      float distance = 0;
      if (set.product != nullptr) {
        float block[ProductCodes::kBlock];
        product_distances(*set.product, row / 32, table.data(), block);
        distance = block[row % 32];
      } else {
        distance = squared_distance(query.query, set.keys.row(row, buffer.data()), mixed.width);
      }
      all.push_back({distance, static_cast<std::int32_t>(place), row});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const NearKey& a, const NearKey& b) { return a.distance < b.distance; });
  all.resize(static_cast<std::size_t>(std::min(query.count, std::ssize(all))));
  return all;
}

TEST(MixedKeys, AreFoundAsByAPlainScanOverTheDecodedKeys) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(23);
    for (const std::int64_t d : {4, 15, 130}) {
      for (const std::int64_t n : {1, 32, 150}) {
        const Mixed mixed(random, n, d);
        Matrix<float> x = test::random_matrix(random, 9, d);
        for (std::int64_t q = 0; q < 9; ++q) {
          for (float& v : x.view().row_span(q)) v /= static_cast<float>(2 * d);
        }
        const std::vector<std::vector<std::int32_t>> rights{
            {0, 1, 2, 3}, {3, 2, 1, 0}, {3}, {2}, {1}, {3, 0}, {2, 3}, {1, 2}, {0}};
        std::vector<KeyQuery> queries;
        for (std::size_t q = 0; q < rights.size(); ++q) {
          queries.push_back(
              {x.row(static_cast<std::int64_t>(q)), rights[q], q % 2 == 0 ? 5 : 1000});
        }
        for (const std::int64_t threads : {1, 3}) {
          ThreadPool pool(threads);
          const auto found = nearest_keys(mixed.sets, queries, d, pool);
          for (std::size_t q = 0; q < queries.size(); ++q) {
            EXPECT_EQ(found[q], plain_scan(mixed, queries[q])) << d << " " << n << " " << q;
            EXPECT_EQ(found[q], nearest_keys(mixed.sets, {&queries[q], 1}, d, pool)[0]);
          }
        }
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(MixedKeys, Float16IsReadExactly) {
  std::vector<std::uint16_t> all;
  for (int h = 0; h < 0x10000; ++h) {
    if ((h & 0x7c00) != 0x7c00) all.push_back(static_cast<std::uint16_t>(h));
  }
  const KeyRows rows(MatrixView<const std::uint16_t>{all.data(), 1, std::ssize(all)});
  std::vector<float> out(all.size());
  (void)rows.row(0, out.data());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(out[i]),
              std::bit_cast<std::uint32_t>(from_float16(all[i])));
  }
}

}  // namespace
}  // namespace pema::kernels
