#include "kernels/product_list_search.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <limits>

#include "kernels/head_product.h"
#include "kernels/near_lists.h"

namespace pema::kernels {
namespace {

constexpr std::int64_t kBlock = ProductLists::kBlock;

bool before(const ListedKey& a, const ListedKey& b) noexcept {
  return a.distance != b.distance ? a.distance < b.distance : a.place < b.place;
}

/// The first `count` of many keys, by `before`.
class Nearest {
 public:
  explicit Nearest(std::int64_t count) : count_(static_cast<std::size_t>(count)) {}

  /// A key beyond this cannot be among them.
  [[nodiscard]] float worst() const noexcept { return worst_; }
  void offer(const ListedKey& key) {
    keys_.push_back(key);
    if (keys_.size() >= 2 * count_ + kBlock) shorten();
  }
  void offer_all(std::span<const ListedKey> keys) {
    for (const ListedKey& key : keys) offer(key);
  }
  /// In order.
  [[nodiscard]] std::vector<ListedKey> take() {
    shorten();
    std::sort(keys_.begin(), keys_.end(), before);
    return std::move(keys_);
  }

 private:
  void shorten() {
    if (keys_.size() <= count_) return;
    const auto last = keys_.begin() + static_cast<std::ptrdiff_t>(count_) - 1;
    std::nth_element(keys_.begin(), last, keys_.end(), before);
    worst_ = last->distance;
    keys_.resize(count_);
  }

  std::size_t count_;
  float worst_ = std::numeric_limits<float>::infinity();
  std::vector<ListedKey> keys_;
};

/// Which keys of a block a row may see: the one place that knows its rights.
std::uint64_t visible_in_block(std::span<const std::int32_t> place, const std::int32_t* segment) {
  std::uint64_t mask = 0;
  std::int32_t last = -1;
  std::uint64_t seen = 0;
  for (unsigned key = 0; key < kBlock; ++key) {
    if (segment[key] != last) {
      last = segment[key];
      seen = last >= 0 && place[static_cast<std::size_t>(last)] >= 0 ? 1 : 0;
    }
    mask |= seen << key;
  }
  return mask;
}

/// From products of a query with the centroids.
void to_distances(const ProductLists& lists, const float* query, std::vector<float>& values) {
  float square = 0;
  for (std::int64_t c = 0; c < lists.cols; ++c) square += query[c] * query[c];
  for (std::size_t list = 0; list < values.size(); ++list) {
    values[list] = square + lists.squares[list] - 2 * values[list];
  }
}

class FirstLook {
 public:
  FirstLook(const ProductLists& lists, std::span<const ListRow> rows)
      : lists_(lists), rows_(rows), distances_(std::ssize(rows), lists.lists()) {}

  std::vector<std::vector<ListedKey>> run(ThreadPool& pool, FirstLookCounts* counts) {
    prepare(pool);
    // Few rows share their lists out, so that every thread has something to do.
    const std::int64_t rows = std::ssize(rows_);
    const std::int64_t pieces = (pool.threads() + rows - 1) / rows;
    std::vector<std::vector<ListedKey>> found(static_cast<std::size_t>(rows * pieces));
    pool.run(std::ssize(found), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        found[static_cast<std::size_t>(i)] =
            look(static_cast<std::size_t>(i / pieces), i % pieces, pieces);
      }
    });
    if (counts != nullptr) *counts = {visited_, looked_at_};
    if (pieces == 1) return found;
    std::vector<std::vector<ListedKey>> result;
    for (std::int64_t r = 0; r < rows; ++r) {
      Nearest nearest(rows_[static_cast<std::size_t>(r)].shortlist);
      for (std::int64_t p = 0; p < pieces; ++p) {
        nearest.offer_all(found[static_cast<std::size_t>(r * pieces + p)]);
      }
      result.push_back(nearest.take());
    }
    return result;
  }

 private:
  void prepare(ThreadPool& pool) {
    const std::int64_t rows = std::ssize(rows_);
    std::vector<const float*> queries(rows_.size());
    std::vector<float*> out(rows_.size());
    std::vector<float*> rotated(rows_.size());
    Matrix<float> turned(rows, lists_.cols);
    order_.resize(rows_.size());
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      queries[r] = rows_[r].query;
      out[r] = distances_.row(static_cast<std::int64_t>(r));
      rotated[r] = turned.row(static_cast<std::int64_t>(r));
    }
    head_product({lists_.centroids.data(), lists_.lists(), lists_.cols}, queries, out, false, pool);
    head_product({lists_.rotation, lists_.cols, lists_.cols}, queries, rotated, false, pool);
    tables_.resize(rows_.size());
    pool.run(rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto r = static_cast<std::size_t>(begin); r < static_cast<std::size_t>(end); ++r) {
        const auto row = static_cast<std::int64_t>(r);
        tables_[r] = ProductTable(lists_.space, turned.row(row));
        std::vector<float> distance(distances_.row(row), distances_.row(row) + lists_.lists());
        to_distances(lists_, rows_[r].query, distance);
        const auto probes = std::clamp<std::int64_t>(rows_[r].probes, 1, lists_.lists());
        order_[r] = nearest_lists(distance, probes);
        std::copy(distance.begin(), distance.end(), distances_.row(row));
      }
    });
  }

  /// Lists piece, piece + pieces, ... of a row's nearest.
  std::vector<ListedKey> look(std::size_t r, std::int64_t piece, std::int64_t pieces) {
    Nearest nearest(rows_[r].shortlist);
    std::int64_t visited = 0;
    std::int64_t looked_at = 0;
    for (auto i = static_cast<std::size_t>(piece); i < order_[r].size();
         i += static_cast<std::size_t>(pieces)) {
      const auto list = static_cast<std::size_t>(order_[r][i]);
      const float base = distances_.row(static_cast<std::int64_t>(r))[list] + tables_[r].least;
      for (std::int64_t block = lists_.list_start[list]; block < lists_.list_start[list + 1];
           ++block) {
        ++visited;
        looked_at += look_at_block(r, block, base, nearest) ? 1 : 0;
      }
    }
    visited_ += visited;
    looked_at_ += looked_at;
    return nearest.take();
  }

  bool look_at_block(std::size_t r, std::int64_t block, float base, Nearest& nearest) const {
    const std::int64_t first = block * kBlock;
    const std::uint64_t visible = visible_in_block(rows_[r].place, lists_.segment.data() + first);
    if (visible == 0) return false;
    std::array<std::uint16_t, kBlock> sums;
    std::array<float, kBlock> distances;
    sum_product_table(lists_.codes.data() + block * lists_.block_bytes(), tables_[r].values.data(),
                      lists_.space.parts, sums.data());
    std::uint64_t near =
        visible & near_in_block(lists_.terms.data() + first, sums.data(), base, tables_[r].step,
                                nearest.worst(), distances.data());
    for (; near != 0; near &= near - 1) {
      const int key = std::countr_zero(near);
      nearest.offer({distances[static_cast<std::size_t>(key)], first + key});
    }
    return true;
  }

  const ProductLists& lists_;
  std::span<const ListRow> rows_;
  Matrix<float> distances_;                       // [rows, lists], squared, to the centroids
  std::vector<std::vector<std::int32_t>> order_;  // [rows], its lists, nearest first
  std::vector<ProductTable> tables_;              // [rows]
  std::atomic<std::int64_t> visited_{0};
  std::atomic<std::int64_t> looked_at_{0};
};

}  // namespace

std::vector<std::vector<ListedKey>> shortlists(const ProductLists& lists,
                                               std::span<const ListRow> rows, ThreadPool& pool,
                                               FirstLookCounts* counts) {
  if (rows.empty() || lists.lists() == 0) return std::vector<std::vector<ListedKey>>(rows.size());
  return FirstLook(lists, rows).run(pool, counts);
}

std::vector<float> list_distances(const ProductLists& lists, const float* query) {
  const float* const rows[] = {query};
  std::vector<float> out(static_cast<std::size_t>(lists.lists()));
  float* const outs[] = {out.data()};
  dot_rows({lists.centroids.data(), lists.cols, nullptr}, 0, lists.lists(), lists.cols, rows, outs,
           false);
  to_distances(lists, query, out);
  return out;
}

}  // namespace pema::kernels
