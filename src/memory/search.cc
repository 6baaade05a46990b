#include "src/memory/search.h"

#include <algorithm>
#include <iterator>

#include "pema/error.h"
#include "src/memory/segment_table.h"
#include "src/memory/unit_vector.h"

namespace pema::memory {
void check_row(const SearchRow& row, std::size_t number) {
  PEMA_CHECK(row.k >= 1, kInvalidArgument, "recall row ", number,
             ": a recall needs at least 1 neighbour, not ", row.k);
  PEMA_CHECK(is_unit(row.query), kInvalidArgument, "recall row ", number,
             ": the query is no finite unit vector (its length is ", norm(row.query),
             "); make it with make_recall_keys");
}

void check_segment(const SearchRow& row, std::size_t number, std::size_t place) {
  PEMA_CHECK(row.segments[place] != nullptr, kInvalidArgument, "recall row ", number, ": segment ",
             place, " is null");
  const SegmentInfo& info = row.segments[place]->info();
  PEMA_CHECK(info.hidden == std::ssize(row.query), kMismatch, "recall row ", number, ": segment ",
             place, " (", row.segments[place]->digest().short_hex(), ") has keys of width ",
             info.hidden, ", the query has ", row.query.size(),
             "; read only segments that this base model made");
}

namespace {

/// The key sets of all rows' segments, each once; a segment that a row names twice is two.
class Sets {
 public:
  Sets(std::span<const SearchRow> rows, KeepCodes keep) : keep_(keep) {
    std::size_t most = 0;
    for (const SearchRow& row : rows) most += row.segments.size();
    table_ = SegmentTable(most);
  }

  /// Checks the row's segments on the way.
  [[nodiscard]] std::vector<std::int32_t> numbers(const SearchRow& row, std::size_t number) {
    std::vector<std::int32_t> out;
    out.reserve(row.segments.size());
    for (std::size_t place = 0; place < row.segments.size(); ++place) {
      const Segment* const segment = row.segments[place].get();
      if (segment == nullptr) check_segment(row, number, place);
      const auto fresh = static_cast<std::int32_t>(sets_.size());
      std::int32_t set = table_.insert(segment, fresh);
      if (set == fresh) add(row, number, place);
      // The set of the second, third... time, made when first needed.
      while (last_row_[static_cast<std::size_t>(set)] == number + 1) {
        std::int32_t& again = again_[static_cast<std::size_t>(set)];
        if (again < 0) {
          again = static_cast<std::int32_t>(sets_.size());
          set = again;
          add(row, number, place);
        } else {
          set = again;
        }
      }
      last_row_[static_cast<std::size_t>(set)] = number + 1;
      out.push_back(set);
    }
    return out;
  }
  [[nodiscard]] std::span<const kernels::KeySet> sets() const noexcept { return sets_; }

 private:
  void add(const SearchRow& row, std::size_t number, std::size_t place) {
    check_segment(row, number, place);
    sets_.push_back(row.segments[place]->searchable(keep_));
    last_row_.push_back(0);
    again_.push_back(-1);
  }

  KeepCodes keep_;
  SegmentTable table_;
  std::vector<kernels::KeySet> sets_;
  std::vector<std::size_t> last_row_;  // 1 + the last row that named the set
  std::vector<std::int32_t> again_;    // the set of the same segment named once more, or -1
};

}  // namespace

std::vector<std::vector<kernels::NearKey>> search_places(std::span<const SearchRow> rows,
                                                         kernels::ThreadPool& pool,
                                                         KeepCodes keep) {
  if (rows.empty()) return {};
  Sets sets(rows, keep);
  std::vector<std::vector<std::int32_t>> visible;
  std::vector<kernels::KeyQuery> queries;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    check_row(rows[r], r);
    PEMA_CHECK(rows[r].query.size() == rows[0].query.size(), kMismatch, "recall row ", r,
               " has width ", rows[r].query.size(), ", row 0 has ", rows[0].query.size());
    visible.push_back(sets.numbers(rows[r], r));
    queries.push_back({rows[r].query.data(), visible.back(), rows[r].k});
  }
  return kernels::nearest_keys(sets.sets(), queries, std::ssize(rows[0].query), pool);
}

void merge_nearest(std::vector<kernels::NearKey>& into, std::span<const kernels::NearKey> more,
                   std::int64_t count) {
  std::vector<kernels::NearKey> both;
  std::merge(into.begin(), into.end(), more.begin(), more.end(), std::back_inserter(both),
             kernels::nearer);
  if (std::ssize(both) > count) both.resize(static_cast<std::size_t>(count));
  into = std::move(both);
}

std::vector<Neighbour> neighbours_of(const SearchRow& row, std::span<const kernels::NearKey> keys) {
  std::vector<Neighbour> out;
  out.reserve(keys.size());
  for (const kernels::NearKey& key : keys) {
    const Segment& segment = *row.segments[static_cast<std::size_t>(key.place)];
    out.push_back({key.distance, segment.tokens()[static_cast<std::size_t>(key.row)]});
  }
  return out;
}

std::vector<std::vector<Neighbour>> search(std::span<const SearchRow> rows,
                                           kernels::ThreadPool& pool) {
  const auto found = search_places(rows, pool);
  std::vector<std::vector<Neighbour>> result;
  for (std::size_t r = 0; r < rows.size(); ++r) result.push_back(neighbours_of(rows[r], found[r]));
  return result;
}

}  // namespace pema::memory
