// Lists of product codes: sums of table look-ups, codes, and a first look that finds what its own
// formula says is nearest, for every instruction set, under each row's own rights.
#include "kernels/product_lists.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "hwy/targets.h"
#include "kernels/near_lists.h"
#include "kernels/product_list_search.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

constexpr std::int64_t kBlock = ProductLists::kBlock;

template <typename Body>
void for_every_target(const Body& body) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

struct Codebook {
  Codebook(std::mt19937& random, std::int64_t d, std::int64_t parts)
      : centroids(test::random_matrix(random, d, ProductSpace::kCentroids)),
        space{d, parts, (d + parts - 1) / parts, centroids.data()} {}
  Matrix<float> centroids;
  ProductSpace space;
};

double decoded_at(const ProductSpace& space, const std::uint8_t* code, std::int64_t c) {
  return static_cast<double>(space.at(c, code[c / space.width]));
}

TEST(ProductLists, SumsAreThoseOfTheLookUps) {
  std::mt19937 random(1);
  for (const std::int64_t parts : {1, 2, 31, 64}) {
    std::vector<std::uint8_t> block(static_cast<std::size_t>(parts * kBlock));
    std::vector<std::uint8_t> table(static_cast<std::size_t>(parts * 256));
    for (std::uint8_t& byte : block) byte = static_cast<std::uint8_t>(random());
    for (std::uint8_t& byte : table)
      byte = static_cast<std::uint8_t>(random() % 3 == 0 ? 255 : random());
    std::uint16_t sums[kBlock];
    sum_product_table(block.data(), table.data(), parts, sums);
    std::uint16_t vectors[kBlock];
    const bool has = sum_product_table_vbmi(block.data(), table.data(), parts, vectors);
    for (std::int64_t key = 0; key < kBlock; ++key) {
      int expected = 0;
      for (std::int64_t p = 0; p < parts; ++p) {
        expected += table[static_cast<std::size_t>(
            p * 256 + block[static_cast<std::size_t>(p * kBlock + key)])];
      }
      EXPECT_EQ(sums[key], expected);
      EXPECT_EQ(has ? vectors[key] : sums[key], expected);
    }
  }
}

TEST(ProductLists, CodesAreTheNearestCentroidsAndTermsTheirs) {
  for_every_target([] {
    std::mt19937 random(2);
    const Codebook book(random, 37, 8);  // 5 dimensions a part, the last has 2
    const Matrix<float> vectors = test::random_matrix(random, 21, 37);
    for (std::int64_t i = 1; i < 21; ++i) {
      std::uint8_t code[8];
      const float term = encode_product_offset(book.space, vectors.row(i), vectors.row(0), code);
      double expected = 0;
      for (std::int64_t c = 0; c < 37; ++c) {
        const double v = decoded_at(book.space, code, c);
        expected += v * (v + 2 * static_cast<double>(vectors.row(0)[c]));
      }
      EXPECT_NEAR(term, expected, 1e-4);
      for (std::int64_t p = 0; p < 8; ++p) {
        const auto distance = [&](std::uint8_t j) {
          double sum = 0;
          for (std::int64_t c = 5 * p; c < std::min<std::int64_t>(37, 5 * p + 5); ++c) {
            const double v =
                static_cast<double>(vectors.row(i)[c]) - static_cast<double>(book.space.at(c, j));
            sum += v * v;
          }
          return sum;
        };
        for (int j = 0; j < 256; ++j) {
          EXPECT_LE(distance(code[p]), distance(static_cast<std::uint8_t>(j)) + 1e-4);
        }
      }
    }
  });
}

TEST(ProductLists, ATableIsOffByHalfAStepAtMost) {
  for_every_target([] {
    std::mt19937 random(3);
    const Codebook book(random, 37, 8);
    const Matrix<float> x = test::random_matrix(random, 1, 37);
    const ProductTable table(book.space, x.row(0));
    // Codes that are j in every part: least is known for the sum alone.
    for (int j = 0; j < 256; ++j) {
      double exact = 0;
      for (std::int64_t c = 0; c < 37; ++c) {
        exact -= 2 * static_cast<double>(x.row(0)[c]) *
                 static_cast<double>(book.space.at(c, static_cast<std::uint8_t>(j)));
      }
      double sum = static_cast<double>(table.least);
      for (std::size_t p = 0; p < 8; ++p) {
        sum +=
            static_cast<double>(table.step) * table.values[p * 256 + static_cast<std::size_t>(j)];
      }
      EXPECT_NEAR(sum, exact, 8 * static_cast<double>(table.step) / 2 + 1e-4);
    }
  });
}

/// Keys of random codes in lists around random centroids.
struct World {
  World(std::mt19937& random, std::int64_t d, std::int64_t parts, std::int64_t lists_in,
        std::int64_t segments)
      : book(random, d, parts),
        centroids(test::random_matrix(random, lists_in, d)),
        rotation(d, d) {
    for (std::int64_t c = 0; c < d; ++c) {
      std::vector<float> axis(static_cast<std::size_t>(d));
      axis[static_cast<std::size_t>(c)] = 1;
      axis = rotated_copy(axis.data(), d);
      for (std::int64_t r = 0; r < d; ++r) rotation.row(r)[c] = axis[static_cast<std::size_t>(r)];
    }
    starts.push_back(0);
    std::vector<std::int32_t> next(static_cast<std::size_t>(segments));
    for (std::int64_t list = 0; list < lists_in; ++list) {
      double square = 0;
      for (const float v : centroids.view().row_span(list)) {
        square += static_cast<double>(v) * static_cast<double>(v);
      }
      squares.push_back(static_cast<float>(square));
      const auto keys = static_cast<std::int64_t>(random() % 200);
      starts.push_back(starts.back() + (keys + kBlock - 1) / kBlock);
      for (std::int64_t i = 0; i < (keys + kBlock - 1) / kBlock * kBlock; ++i) {
        const auto s = static_cast<std::int32_t>(i * segments / 200);
        segment.push_back(i < keys ? s : -1);
        row.push_back(i < keys ? next[static_cast<std::size_t>(s)]++ : 0);
        terms.push_back(static_cast<float>(random() % 1000) / 1000);
      }
    }
    codes.resize(segment.size() * static_cast<std::size_t>(parts));
    for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(random());
    views.cols = d;
    views.centroids = {centroids.data(), static_cast<std::size_t>(lists_in * d)};
    views.list_start = starts;
    views.segment = segment;
    views.row = row;
    views.rotation = rotation.data();
    views.space = book.space;
    views.squares = squares;
    views.codes = codes;
    views.terms = terms;
  }

  /// By the formula of ProductLists, in float64, without the rounding of a table.
  [[nodiscard]] double distance(const float* query, std::int64_t list, std::int64_t place) const {
    const std::vector<float> x = rotated_copy(query, views.cols);
    double sum = static_cast<double>(terms[static_cast<std::size_t>(place)]);
    for (std::int64_t c = 0; c < views.cols; ++c) {
      const auto value = static_cast<double>(x[static_cast<std::size_t>(c)]);
      const double gap =
          static_cast<double>(query[c]) - static_cast<double>(centroids.row(list)[c]);
      const std::int64_t part = c / views.space.width;
      const std::uint8_t code = codes[static_cast<std::size_t>(
          (place / kBlock * views.space.parts + part) * kBlock + place % kBlock)];
      sum += gap * gap - 2 * value * static_cast<double>(views.space.at(c, code));
    }
    return sum;
  }

  Codebook book;
  Matrix<float> centroids, rotation;
  std::vector<float> squares, terms;
  std::vector<std::int64_t> starts;
  std::vector<std::int32_t> segment, row;
  std::vector<std::uint8_t> codes;
  ProductLists views;
};

TEST(ProductLists, AFirstLookFindsTheNearestVisibleKeysOfTheNearestLists) {
  for_every_target([] {
    std::mt19937 random(4);
    const World world(random, 24, 6, 30, 9);
    const Matrix<float> x = test::random_matrix(random, 12, 24);
    std::vector<std::vector<std::int32_t>> places;
    for (std::int64_t q = 0; q < 12; ++q) {
      places.emplace_back();
      for (int s = 0; s < 9; ++s) places.back().push_back(random() % 3 == 0 ? s : -1);
    }
    std::vector<ListRow> rows;
    for (std::int64_t q = 0; q < 12; ++q) {
      const std::int64_t probes[] = {1, 7, 30};
      const std::int64_t shortlist[] = {1, 40, 5000, 90};
      rows.push_back(
          {x.row(q), places[static_cast<std::size_t>(q)], 1, probes[q % 3], shortlist[q % 4]});
    }
    ThreadPool pool(1);
    FirstLookCounts counts;
    const auto found = shortlists(world.views, rows, pool, &counts);
    EXPECT_GT(counts.looked_at, 0);
    EXPECT_GT(counts.visited, counts.looked_at) << "blocks without a visible key are passed over";
    for (std::size_t q = 0; q < rows.size(); ++q) {
      const auto ranks = ranks_of(list_distances(world.views, rows[q].query));
      const ProductTable table(world.views.space, rotated_copy(rows[q].query, 24).data());
      const double loss = 6 * static_cast<double>(table.step) / 2 + 1e-4;
      std::vector<std::pair<double, std::int64_t>> all;
      for (std::int64_t list = 0; list < 30; ++list) {
        if (ranks[static_cast<std::size_t>(list)] >= rows[q].probes) continue;
        for (std::int64_t place = world.starts[static_cast<std::size_t>(list)] * kBlock;
             place < world.starts[static_cast<std::size_t>(list) + 1] * kBlock; ++place) {
          const std::int32_t segment = world.segment[static_cast<std::size_t>(place)];
          if (segment < 0 || rows[q].place[static_cast<std::size_t>(segment)] < 0) continue;
          all.emplace_back(world.distance(rows[q].query, list, place), place);
        }
      }
      std::sort(all.begin(), all.end());
      ASSERT_EQ(std::ssize(found[q]), std::min(rows[q].shortlist, std::ssize(all)));
      for (std::size_t i = 0; i < found[q].size(); ++i) {
        EXPECT_NEAR(static_cast<double>(found[q][i].distance), all[i].first, loss);
        const auto at = std::find_if(all.begin(), all.end(), [&](const auto& key) {
          return key.second == found[q][i].place;
        });
        ASSERT_NE(at, all.end()) << "a key outside the row's rights or lists";
        EXPECT_NEAR(static_cast<double>(found[q][i].distance), at->first, loss);
      }
      for (const std::int64_t threads : {2, 5}) {
        ThreadPool many(threads);
        for (const auto& other : {shortlists(world.views, rows, many)[q],
                                  shortlists(world.views, {&rows[q], 1}, many)[0]}) {
          ASSERT_EQ(other.size(), found[q].size());
          for (std::size_t i = 0; i < other.size(); ++i) {
            EXPECT_EQ(other[i].distance, found[q][i].distance);
            EXPECT_EQ(other[i].place, found[q][i].place);
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace pema::kernels
