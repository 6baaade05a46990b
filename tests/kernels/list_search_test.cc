// Keys in lists: the bounds of their codes hold, and a search finds what a plain scan of the lists
// asked for finds, for every instruction set, under each row's own rights.
#include "kernels/list_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "hwy/targets.h"
#include "kernels/key_codes.h"
#include "kernels/key_rotation.h"
#include "tests/support/random_numbers.h"

namespace pema::kernels {
namespace {

constexpr std::int64_t kBlock = ListCodes::kBlock;

Matrix<float> unit_rows(std::mt19937& random, std::int64_t rows, std::int64_t d) {
  Matrix<float> out = test::random_matrix(random, rows, d);
  for (std::int64_t r = 0; r < rows; ++r) {
    double square = 0;
    for (const float v : out.view().row_span(r)) {
      square += static_cast<double>(v) * static_cast<double>(v);
    }
    for (float& v : out.view().row_span(r)) v /= static_cast<float>(std::sqrt(square));
  }
  return out;
}

/// Lists around random keys; entry i of `keys` is row i / segments of segment i % segments.
struct World {
  World(std::mt19937& random, std::int64_t n, std::int64_t d, std::int64_t lists,
        std::int64_t segments_in)
      : keys(unit_rows(random, n, d)), segments(segments_in) {
    for (std::int64_t i = 0; i < lists; ++i) {
      centroids.insert(centroids.end(), keys.row(i), keys.row(i) + d);
      rotate_key(centroids.data() + i * d, d);
    }
    std::vector<std::vector<std::pair<float, std::int64_t>>> members(
        static_cast<std::size_t>(lists));
    list_of.resize(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<float> y(keys.row(i), keys.row(i) + d);
      rotate_key(y.data(), d);
      std::int64_t best = 0;
      float least = 5;
      // The last list stays empty.
      for (std::int64_t list = 0; list + 1 < std::max<std::int64_t>(2, lists); ++list) {
        const float distance = squared_distance(y.data(), centroids.data() + list * d, d);
        if (distance < least) best = list;
        least = std::min(least, distance);
      }
      list_of[static_cast<std::size_t>(i)] = best;
      members[static_cast<std::size_t>(best)].emplace_back(least, i);
    }
    starts.push_back(0);
    for (auto& list : members) {
      std::sort(list.begin(), list.end());
      starts.push_back(starts.back() + (std::ssize(list) + kBlock - 1) / kBlock);
    }
    views.cols = d;
    const auto places = static_cast<std::size_t>(starts.back() * kBlock);
    codes.resize(places * static_cast<std::size_t>(views.quads() * 4));
    scales.resize(places);
    lengths.resize(places);
    residuals.resize(places);
    segment.resize(places);
    row.resize(places);
    for (std::size_t list = 0; list < members.size(); ++list) {
      const auto& some = members[list];
      for (std::int64_t p = 0; p < (starts[list + 1] - starts[list]) * kBlock; ++p) {
        const auto place = static_cast<std::size_t>(starts[list] * kBlock + p);
        const std::int64_t i =
            some[static_cast<std::size_t>(std::min(p, std::ssize(some) - 1))].second;
        std::vector<float> v(keys.row(i), keys.row(i) + d);
        rotate_key(v.data(), d);
        for (std::int64_t c = 0; c < d; ++c) {
          v[static_cast<std::size_t>(c)] -= centroids[list * static_cast<std::size_t>(d) + c];
        }
        const ListCode code =
            encode_offset(v.data(), d, p % kBlock,
                          codes.data() + (starts[list] + p / kBlock) * views.quads() * 4 * kBlock);
        scales[place] = code.scale;
        lengths[place] = code.length;
        residuals[place] = code.residual;
        segment[place] = p < std::ssize(some) ? static_cast<std::int32_t>(i % segments) : -1;
        row[place] = static_cast<std::int32_t>(i / segments);
      }
    }
    views.centroids = centroids;
    views.list_start = starts;
    views.codes = codes;
    views.scales = scales;
    views.lengths = lengths;
    views.residuals = residuals;
    views.segment = segment;
    views.row = row;
  }

  [[nodiscard]] const float* key(std::int32_t of_segment, std::int32_t of_row) const {
    return keys.row(of_row * segments + of_segment);
  }

  /// What a scan of the `probes` nearest lists finds.
  [[nodiscard]] std::vector<NearKey> scan(const ListRow& query) const {
    const std::vector<std::int32_t> ranks = list_ranks(views, query.query);
    std::vector<NearKey> all;
    for (std::int64_t i = 0; i < keys.rows(); ++i) {
      const std::int32_t place = query.place[static_cast<std::size_t>(i % segments)];
      const auto list = static_cast<std::size_t>(list_of[static_cast<std::size_t>(i)]);
      if (place < 0 || ranks[list] >= query.probes) continue;
      all.push_back({squared_distance(query.query, keys.row(i), views.cols), place, i / segments});
    }
    std::sort(all.begin(), all.end(), [](const NearKey& a, const NearKey& b) {
      if (a.distance != b.distance) return a.distance < b.distance;
      return a.place != b.place ? a.place < b.place : a.row < b.row;
    });
    all.resize(static_cast<std::size_t>(std::min(query.count, std::ssize(all))));
    return all;
  }

  Matrix<float> keys;
  std::int64_t segments;
  std::vector<std::int64_t> list_of;
  std::vector<float> centroids;
  std::vector<std::int64_t> starts;
  std::vector<std::uint8_t> codes;
  std::vector<float> scales, lengths, residuals;
  std::vector<std::int32_t> segment, row;
  ListCodes views;
};

TEST(KeyRotation, KeepsLengthsAndProducts) {
  std::mt19937 random(1);
  for (const std::int64_t d : {1, 2, 3, 64, 65, 576}) {
    const Matrix<float> x = unit_rows(random, 2, d);
    Matrix<float> y = x;
    for (std::int64_t r = 0; r < 2; ++r) rotate_key(y.row(r), d);
    double before = 0;
    double after = 0;
    for (std::int64_t c = 0; c < d; ++c) {
      before += static_cast<double>(x.row(0)[c]) * static_cast<double>(x.row(1)[c]);
      after += static_cast<double>(y.row(0)[c]) * static_cast<double>(y.row(1)[c]);
    }
    // Twice the relative error that rotate_key promises for a length.
    EXPECT_NEAR(before, after, 2 * 4 * (std::log2(static_cast<double>(d)) + 2) / (1 << 24)) << d;
  }
}

TEST(ListSearch, TheBoundsOfTheCodesHold) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(2);
    constexpr std::int64_t kWidth = 131;
    const World world(random, 300, kWidth, 4, 3);
    const Matrix<float> x = unit_rows(random, kListQueries, kWidth);
    for (std::int64_t list = 0; list < 3; ++list) {
      std::vector<ListQuery> made(kListQueries);
      const ListQuery* queries[kListQueries];
      float worst[kListQueries];
      for (std::int64_t q = 0; q < kListQueries; ++q) {
        std::vector<float> rotated(x.row(q), x.row(q) + kWidth);
        rotate_key(rotated.data(), kWidth);
        made[static_cast<std::size_t>(q)].set(rotated.data(), world.views.centroid(list), kWidth);
        queries[q] = &made[static_cast<std::size_t>(q)];
        worst[q] = q == 1 ? -1.0F : 100.0F;  // nothing can interest query 1
      }
      for (std::int64_t count = 1; count <= kListQueries; ++count) {
        for (std::int64_t block = world.starts[static_cast<std::size_t>(list)];
             block < world.starts[static_cast<std::size_t>(list) + 1]; ++block) {
          ListDistances out[kListQueries];
          std::uint32_t interesting[kListQueries];
          look_at_list_block(world.views, block, queries, count, worst, out, interesting);
          for (std::int64_t q = 0; q < count; ++q) {
            EXPECT_EQ(interesting[q], q == 1 ? 0U : ~0U);
            for (std::int64_t i = 0; i < kBlock; ++i) {
              const auto place = static_cast<std::size_t>(block * kBlock + i);
              if (world.segment[place] < 0) continue;
              const float exact = squared_distance(
                  x.row(q), world.key(world.segment[place], world.row[place]), kWidth);
              EXPECT_LE(out[q].lower[i], exact);
              EXPECT_GE(out[q].lower[i] + out[q].gap[i], exact);
              EXPECT_LT(out[q].gap[i], 0.2F);
            }
          }
        }
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(ListSearch, FindsWhatAPlainScanOfTheListsFinds) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::mt19937 random(3);
    for (const std::int64_t d : {1, 3, 6, 64, 101}) {
      // Many lists in few dimensions: whole lists and blocks are out of reach.
      const std::int64_t lists = d < 64 ? 60 : 12;
      const World world(random, 700, d, lists, 5);
      const Matrix<float> x = unit_rows(random, 20, d);
      std::vector<std::vector<std::int32_t>> places;
      std::vector<ListRow> rows;
      for (std::int64_t q = 0; q < 20; ++q) {
        std::vector<std::int32_t> place{4, 3, 2, 1, 0};
        for (std::int32_t& p : place) p = random() % 3 == 0 ? -1 : p;
        places.push_back(place);
      }
      for (std::int64_t q = 0; q < 20; ++q) {
        const std::int64_t counts[] = {1, 32, 1000};
        const std::int64_t probes[] = {lists, 1, 3, 7};
        rows.push_back(
            {x.row(q), places[static_cast<std::size_t>(q)], counts[q % 3], probes[q % 4]});
      }
      const KeyReader read = [&](std::int32_t segment, std::int32_t row, float*) {
        return world.key(segment, row);
      };
      for (const std::int64_t threads : {1, 3}) {
        ThreadPool pool(threads);
        const auto found = nearest_in_lists(world.views, rows, read, pool);
        for (std::size_t q = 0; q < rows.size(); ++q) {
          EXPECT_EQ(found[q], world.scan(rows[q])) << "d " << d << ", row " << q;
          EXPECT_EQ(nearest_in_lists(world.views, {&rows[q], 1}, read, pool)[0], found[q]);
        }
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace
}  // namespace pema::kernels
