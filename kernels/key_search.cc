#include "kernels/key_search.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <utility>

#include "kernels/key_rotation.h"
#include "kernels/key_shortlist.h"
#include "pema/error.h"

namespace pema::kernels {
namespace {

// Blocks that all queries of a set look at before the next ones are read: 70 KB of codes at d 576.
constexpr std::int64_t kChunk = 4;

using Candidate = KeyCandidate;
using Shortlist = KeyShortlist;

/// A query as it looks at one set.
struct Onlooker {
  std::int32_t query = 0;
  std::int32_t place = 0;
  std::int32_t table = -1;  ///< of a product-quantised set
};

/// What a query needs of a codebook.
struct Table {
  const ProductSpace* space = nullptr;
  std::int32_t query = 0;
  std::vector<float> values;
};

/// Blocks [begin, end) of one set, for all who see it.
struct Unit {
  std::int32_t set = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t cost = 0;  ///< blocks times queries
};

class Search {
 public:
  Search(std::span<const KeySet> sets, std::span<const KeyQuery> queries, std::int64_t d)
      : sets_(sets), queries_(queries), d_(d), onlookers_(sets.size()), named_(sets.size()) {
    for (std::size_t q = 0; q < queries.size(); ++q) {
      check(q);
      const std::span query(queries[q].query, static_cast<std::size_t>(d));
      codes_.emplace_back(query);
      std::vector<float> turned(query.begin(), query.end());
      rotate_key(turned.data(), d);
      rotated_codes_.emplace_back(turned);
      for (std::size_t place = 0; place < queries[q].sets.size(); ++place) {
        onlookers_[static_cast<std::size_t>(queries[q].sets[place])].push_back(
            {static_cast<std::int32_t>(q), static_cast<std::int32_t>(place)});
      }
    }
    plan_tables();
  }

  std::vector<std::vector<NearKey>> run(ThreadPool& pool) {
    pool.run(std::ssize(tables_), 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto t = static_cast<std::size_t>(begin); t < static_cast<std::size_t>(end); ++t) {
        Table& table = tables_[t];
        table.values.resize(static_cast<std::size_t>(table.space->table_size()));
        make_product_table(*table.space, queries_[static_cast<std::size_t>(table.query)].query,
                           table.values.data());
      }
    });
    const std::vector<Unit> units = split(pool.threads());
    const std::vector<std::size_t> starts = share(units, pool.threads());
    const std::int64_t shares = std::ssize(starts) - 1;
    std::vector<std::vector<Shortlist>> found(static_cast<std::size_t>(shares));
    pool.run(shares, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto s = static_cast<std::size_t>(begin); s < static_cast<std::size_t>(end); ++s) {
        for (const KeyQuery& query : queries_) found[s].emplace_back(query.count);
        for (std::size_t u = starts[s]; u < starts[s + 1]; ++u) look(units[u], found[s]);
      }
    });
    std::vector<std::vector<NearKey>> result(queries_.size());
    pool.run(std::ssize(result), 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto q = static_cast<std::size_t>(begin); q < static_cast<std::size_t>(end); ++q) {
        result[q] = nearest(q, found);
      }
    });
    return result;
  }

 private:
  /// Whether query `q` has not named the set before.
  bool first_time(std::size_t q, std::int32_t set) {
    std::size_t& last = named_[static_cast<std::size_t>(set)];
    return std::exchange(last, q + 1) != q + 1;
  }

  void check(std::size_t q) {
    const KeyQuery& query = queries_[q];
    PEMA_CHECK(query.count >= 1, kInvalidArgument, "nearest_keys: query ", q, " asks for ",
               query.count, " keys; ask for at least 1");
    PEMA_CHECK(std::all_of(query.query, query.query + d_, [](float v) { return std::isfinite(v); }),
               kInvalidArgument, "nearest_keys: query ", q, " is not finite");
    for (const std::int32_t s : query.sets) {
      PEMA_CHECK(s >= 0 && s < std::ssize(sets_) && first_time(q, s), kInvalidArgument,
                 "nearest_keys: query ", q, " names set ", s, " of ", sets_.size(),
                 ", which does not exist or was named before");
      const KeySet& set = sets_[static_cast<std::size_t>(s)];
      const bool fits =
          set.cols() == d_ &&
          (set.codes == nullptr || (set.codes->cols() == d_ && set.codes->rows() == set.rows()));
      PEMA_CHECK(fits, kInvalidArgument, "nearest_keys: set ", s, " of query ", q, " has keys [",
                 set.rows(), ", ", set.cols(), "], or codes of another shape; width ", d_,
                 " is needed");
    }
  }

  /// One table for every query and codebook that meet.
  void plan_tables() {
    std::map<std::pair<const ProductSpace*, std::int32_t>, std::int32_t> known;
    for (std::size_t s = 0; s < sets_.size(); ++s) {
      if (sets_[s].product == nullptr) continue;
      for (Onlooker& onlooker : onlookers_[s]) {
        const ProductSpace* const space = sets_[s].product->space;
        const auto [found, fresh] =
            known.emplace(std::pair(space, onlooker.query), std::ssize(tables_));
        if (fresh) tables_.push_back({space, onlooker.query, {}});
        onlooker.table = found->second;
      }
    }
  }

  /// Units of at most a sixteenth of a thread's share, so that shares are even.
  [[nodiscard]] std::vector<Unit> split(std::int64_t threads) const {
    std::int64_t total = 0;
    for (std::size_t s = 0; s < sets_.size(); ++s) {
      if (!onlookers_[s].empty()) total += sets_[s].blocks() * std::ssize(onlookers_[s]);
    }
    const std::int64_t largest = std::max<std::int64_t>(1, total / (16 * threads));
    std::vector<Unit> units;
    for (std::size_t s = 0; s < sets_.size(); ++s) {
      if (onlookers_[s].empty()) continue;
      const std::int64_t blocks = sets_[s].blocks();
      const std::int64_t watching = std::ssize(onlookers_[s]);
      const std::int64_t length = std::max(kChunk, largest / watching);
      for (std::int64_t begin = 0; begin < blocks; begin += length) {
        const std::int64_t end = std::min(blocks, begin + length);
        units.push_back({static_cast<std::int32_t>(s), begin, end, (end - begin) * watching});
      }
    }
    return units;
  }

  /// Where each thread's units start, and the end.
  static std::vector<std::size_t> share(const std::vector<Unit>& units, std::int64_t threads) {
    std::int64_t total = 0;
    for (const Unit& unit : units) total += unit.cost;
    std::vector<std::size_t> starts{0};
    std::int64_t done = 0;
    for (std::size_t u = 0; u < units.size(); ++u) {
      if (done * threads >= std::ssize(starts) * total) starts.push_back(u);
      done += units[u].cost;
    }
    starts.push_back(units.size());
    return starts;
  }

  void look(const Unit& unit, std::vector<Shortlist>& found) const {
    const std::vector<Onlooker>& all = onlookers_[static_cast<std::size_t>(unit.set)];
    for (std::int64_t begin = unit.begin; begin < unit.end; begin += kChunk) {
      const std::int64_t end = std::min(unit.end, begin + kChunk);
      for (std::size_t first = 0; first < all.size(); first += kQueriesAtOnce) {
        const std::size_t count = std::min<std::size_t>(kQueriesAtOnce, all.size() - first);
        for (std::int64_t b = begin; b < end; ++b) {
          look(unit.set, b, std::span(all).subspan(first, count), found);
        }
      }
    }
  }

  void look(std::int32_t set, std::int64_t block, std::span<const Onlooker> onlookers,
            std::vector<Shortlist>& found) const {
    if (sets_[static_cast<std::size_t>(set)].product != nullptr) {
      for (const Onlooker& onlooker : onlookers) look_up(set, block, onlooker, found);
      return;
    }
    if (sets_[static_cast<std::size_t>(set)].codes == nullptr) {
      look_at_keys(set, block, onlookers, found);
      return;
    }
    const KeyCodes& codes = *sets_[static_cast<std::size_t>(set)].codes;
    const QueryCode* queries[kQueriesAtOnce];
    float worst[kQueriesAtOnce];
    BlockDistances distances[kQueriesAtOnce];
    for (std::size_t i = 0; i < onlookers.size(); ++i) {
      const auto q = static_cast<std::size_t>(onlookers[i].query);
      queries[i] = codes.rotated() ? &rotated_codes_[q] : &codes_[q];
      worst[i] = found[q].worst();
    }
    std::uint32_t interesting =
        look_at_block(codes, block, queries, std::ssize(onlookers), worst, distances);
    const std::int64_t first = block * KeyCodes::kBlock;
    const std::int64_t keys = std::min(KeyCodes::kBlock, codes.rows() - first);
    for (; interesting != 0; interesting &= interesting - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(interesting));
      Shortlist& list = found[static_cast<std::size_t>(onlookers[i].query)];
      for (std::int64_t key = 0; key < keys; ++key) {
        const float lower = distances[i].lower[key];
        if (lower > list.worst()) continue;
        list.offer({lower, onlookers[i].place, first + key}, lower + distances[i].gap[key]);
      }
    }
  }

  /// Keys without codes: each is read once for all.
  void look_at_keys(std::int32_t set, std::int64_t block, std::span<const Onlooker> onlookers,
                    std::vector<Shortlist>& found) const {
    const KeyRows& keys = sets_[static_cast<std::size_t>(set)].keys;
    const std::int64_t last = std::min(keys.rows(), (block + 1) * KeyRows::kBlock);
    std::vector<float> buffer(static_cast<std::size_t>(d_));
    for (std::int64_t row = block * KeyRows::kBlock; row < last; ++row) {
      const float* const key = keys.row(row, buffer.data());
      for (const Onlooker& onlooker : onlookers) {
        const auto q = static_cast<std::size_t>(onlooker.query);
        const float distance = squared_distance(queries_[q].query, key, d_);
        if (distance <= found[q].worst()) {
          found[q].offer({distance, onlooker.place, row}, distance);
        }
      }
    }
  }

  /// Product-quantised keys: what the tables say is the distance.
  void look_up(std::int32_t set, std::int64_t block, const Onlooker& onlooker,
               std::vector<Shortlist>& found) const {
    const ProductCodes& codes = *sets_[static_cast<std::size_t>(set)].product;
    float distances[ProductCodes::kBlock];
    product_distances(codes, block, tables_[static_cast<std::size_t>(onlooker.table)].values.data(),
                      distances);
    const std::int64_t first = block * ProductCodes::kBlock;
    const std::int64_t keys = std::min(ProductCodes::kBlock, codes.rows - first);
    Shortlist& list = found[static_cast<std::size_t>(onlooker.query)];
    for (std::int64_t key = 0; key < keys; ++key) {
      if (distances[key] > list.worst()) continue;
      list.offer({distances[key], onlooker.place, first + key}, distances[key]);
    }
  }

  [[nodiscard]] float distance(const KeyQuery& query, const KeySet& set, const Candidate& candidate,
                               float* buffer) const {
    if (set.product != nullptr) return candidate.lower;
    return squared_distance(query.query, set.keys.row(candidate.row, buffer), d_);
  }

  [[nodiscard]] std::vector<NearKey> nearest(
      std::size_t q, const std::vector<std::vector<Shortlist>>& found) const {
    const KeyQuery& query = queries_[q];
    std::vector<Candidate> candidates;
    for (const std::vector<Shortlist>& lists : found) {
      const auto& some = lists[q].candidates();
      candidates.insert(candidates.end(), some.begin(), some.end());
    }
    std::vector<float> buffer(static_cast<std::size_t>(d_));
    return nearest_candidates(
        std::move(candidates), query.count, [&](const Candidate& candidate) -> NearKey {
          const auto set =
              static_cast<std::size_t>(query.sets[static_cast<std::size_t>(candidate.place)]);
          return {distance(query, sets_[set], candidate, buffer.data()), candidate.place,
                  candidate.row};
        });
  }

  std::span<const KeySet> sets_;
  std::span<const KeyQuery> queries_;
  std::int64_t d_;
  std::vector<QueryCode> codes_;
  std::vector<QueryCode> rotated_codes_;
  std::vector<std::vector<Onlooker>> onlookers_;  // of each set
  std::vector<Table> tables_;
  std::vector<std::size_t> named_;  // 1 + the last query that named the set
};

}  // namespace

std::vector<std::vector<NearKey>> nearest_keys(std::span<const KeySet> sets,
                                               std::span<const KeyQuery> queries, std::int64_t d,
                                               ThreadPool& pool) {
  if (queries.empty()) return {};
  return Search(sets, queries, d).run(pool);
}

}  // namespace pema::kernels
