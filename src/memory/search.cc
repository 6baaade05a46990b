#include "src/memory/search.h"

#include <map>

#include "kernels/key_search.h"
#include "pema/error.h"
#include "src/memory/unit_vector.h"

namespace pema::memory {
namespace {

/// Throws unless the row can be searched.
void check(const SearchRow& row, std::size_t number) {
  PEMA_CHECK(row.k >= 1, kInvalidArgument, "recall row ", number,
             ": a recall needs at least 1 neighbour, not ", row.k);
  PEMA_CHECK(is_unit(row.query), kInvalidArgument, "recall row ", number,
             ": the query is no finite unit vector (its length is ", norm(row.query),
             "); make it with make_recall_keys");
  for (std::size_t s = 0; s < row.segments.size(); ++s) {
    PEMA_CHECK(row.segments[s] != nullptr, kInvalidArgument, "recall row ", number, ": segment ", s,
               " is null");
    const SegmentInfo& info = row.segments[s]->info();
    PEMA_CHECK(info.hidden == std::ssize(row.query), kMismatch, "recall row ", number, ": segment ",
               s, " (", row.segments[s]->digest().short_hex(), ") has keys of width ", info.hidden,
               ", the query has ", row.query.size(),
               "; read only segments that this base model made");
  }
}

/// The key sets of all rows' segments, each once; a segment that a row names twice is two.
class Sets {
 public:
  [[nodiscard]] std::vector<std::int32_t> numbers(const SearchRow& row) {
    std::vector<std::int32_t> out;
    std::map<const Segment*, int> times;
    for (const std::shared_ptr<const Segment>& segment : row.segments) {
      const std::pair key{segment.get(), times[segment.get()]++};
      const auto [found, fresh] = number_.emplace(key, static_cast<std::int32_t>(sets_.size()));
      if (fresh) sets_.push_back(segment->searchable());
      out.push_back(found->second);
    }
    return out;
  }
  [[nodiscard]] std::span<const kernels::KeySet> sets() const noexcept { return sets_; }

 private:
  std::map<std::pair<const Segment*, int>, std::int32_t> number_;
  std::vector<kernels::KeySet> sets_;
};

}  // namespace

std::vector<std::vector<Neighbour>> search(std::span<const SearchRow> rows,
                                           kernels::ThreadPool& pool) {
  std::vector<std::vector<Neighbour>> result(rows.size());
  if (rows.empty()) return result;
  Sets sets;
  std::vector<std::vector<std::int32_t>> visible;
  std::vector<kernels::KeyQuery> queries;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    check(rows[r], r);
    PEMA_CHECK(rows[r].query.size() == rows[0].query.size(), kMismatch, "recall row ", r,
               " has width ", rows[r].query.size(), ", row 0 has ", rows[0].query.size());
    visible.push_back(sets.numbers(rows[r]));
    queries.push_back({rows[r].query.data(), visible.back(), rows[r].k});
  }
  const auto found = kernels::nearest_keys(sets.sets(), queries, std::ssize(rows[0].query), pool);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (const kernels::NearKey& key : found[r]) {
      const Segment& segment = *rows[r].segments[static_cast<std::size_t>(key.place)];
      result[r].push_back({key.distance, segment.tokens()[static_cast<std::size_t>(key.row)]});
    }
  }
  return result;
}

}  // namespace pema::memory
