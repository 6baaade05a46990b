#include "src/memory/index_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/list_search.h"
#include "pema/error.h"
#include "src/memory/scan_in_pieces.h"

namespace pema::memory {
namespace {

// In codes read by a scan of segments (5 ns on the machine of docs/decisions/0009-search.md).
constexpr double kIndexedCode = 0.5;  // byte products, tighter bounds
constexpr double kCentroid = 20;      // its distance, and the query's code for it
constexpr double kProductCode = 0.5;  // look-ups in registers
constexpr double kComputed = 600;     // reading a stored key somewhere, and its distance
constexpr double kMappedKey = 5;      // scanning a key whose pages were let go of

/// A row split into what the index serves and what is scanned.
struct Split {
  std::vector<std::int32_t> place;  // [segments of the index], -1: not seen
  std::vector<std::shared_ptr<const Segment>> rest;
  std::vector<std::int32_t> rest_place;
  std::int64_t indexed = 0;
  std::int64_t rest_keys = 0;
};

/// Checks the row as well.
Split split(const SearchRow& row, std::size_t number, const SegmentIndex& index) {
  check_row(row, number);
  PEMA_CHECK(std::ssize(row.query) == index.lists().cols, kMismatch, "recall row ", number,
             " has width ", row.query.size(), ", the index has ", index.lists().cols,
             "; use an index of this base model's segments");
  Split out;
  out.place.assign(index.digests().size(), -1);
  for (std::size_t p = 0; p < row.segments.size(); ++p) {
    if (row.segments[p] == nullptr) check_segment(row, number, p);
    const std::int32_t s = index.number_of(row.segments[p].get());
    // Named a second time, it is another set of keys.
    if (s >= 0 && out.place[static_cast<std::size_t>(s)] < 0) {
      PEMA_CHECK(row.segments[p]->info().entries == index.size_of(s), kCorrupt, "recall row ",
                 number, ": segment ", p, " (", row.segments[p]->digest().short_hex(), ") has ",
                 row.segments[p]->info().entries, " keys, the index says ", index.size_of(s),
                 "; build the index again");
      out.place[static_cast<std::size_t>(s)] = static_cast<std::int32_t>(p);
      out.indexed += index.size_of(s);
      continue;
    }
    check_segment(row, number, p);
    out.rest.push_back(row.segments[p]);
    out.rest_place.push_back(static_cast<std::int32_t>(p));
    out.rest_keys += row.segments[p]->info().entries;
  }
  return out;
}

/// Of every segment of the index the one that a row sees, null where none does: what nobody in this
/// call may read is not read.
std::vector<const Segment*> seen_segments(std::span<const SearchRow> rows,
                                          std::span<const Split> splits,
                                          std::span<const SearchPlan> plans, std::size_t count) {
  std::vector<const Segment*> seen(count);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (!plans[r].with_index) continue;
    for (std::size_t s = 0; s < count; ++s) {
      const std::int32_t place = splits[r].place[s];
      if (place >= 0) seen[s] = rows[r].segments[static_cast<std::size_t>(place)].get();
    }
  }
  return seen;
}

}  // namespace

bool index_may_pay(std::int64_t indexed, std::int64_t lists) {
  return static_cast<double>(indexed) > kCentroid * static_cast<double>(lists);
}

SearchPlan plan_search(const SegmentIndex* index, std::int64_t indexed, std::int64_t rest,
                       const RecallOptions& options, std::int64_t count) {
  SearchPlan plan;
  plan.scan_cost = static_cast<double>(indexed + rest);
  plan.index_cost = std::numeric_limits<double>::infinity();
  if (index == nullptr || index->entries() == 0) return plan;
  const double wanted = indexed + rest < kAlwaysExact ? 1 : options.wanted_recall;
  const double share = static_cast<double>(indexed) / static_cast<double>(index->entries());
  const IndexMeasure& measure = index->measure(share, wanted);
  plan.probes = measure.probes;
  const double per_scanned = index->scanned_at_once() > 0 ? kMappedKey : 1;
  plan.scan_cost *= per_scanned;
  if (index->kind() == IndexCodes::kProduct) {
    if (wanted >= 1 || measure.shortlist == 0) return plan;
    plan.shortlist = std::max(measure.shortlist, (measure.shortlist * count + 31) / 32);
    plan.index_cost =
        kProductCode * measure.looked_at + kComputed * static_cast<double>(plan.shortlist);
  } else {
    plan.index_cost = kIndexedCode * measure.looked_at;
  }
  plan.index_cost += kCentroid * static_cast<double>(index->lists().lists()) +
                     per_scanned * static_cast<double>(rest);
  plan.with_index = indexed > 0 && plan.index_cost < plan.scan_cost;
  return plan;
}

std::vector<std::vector<Neighbour>> search(std::span<const SearchRow> rows,
                                           kernels::ThreadPool& pool, const SegmentIndex* index,
                                           const RecallOptions& options) {
  PEMA_CHECK(options.wanted_recall > 0 && options.wanted_recall <= 1, kInvalidArgument,
             "a wanted recall of ", options.wanted_recall, " makes no sense; use one in (0, 1]");
  if (index == nullptr || rows.empty()) return search(rows, pool);
  std::vector<Split> splits(rows.size());
  std::vector<SearchPlan> plans(rows.size());
  pool.run(std::ssize(rows), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto r = static_cast<std::size_t>(begin); r < static_cast<std::size_t>(end); ++r) {
      splits[r] = split(rows[r], r, *index);
      plans[r] = plan_search(index, splits[r].indexed, splits[r].rest_keys, options, rows[r].k);
    }
  });
  std::vector<kernels::ListRow> listed;
  std::vector<std::size_t> listed_row;
  std::vector<SearchRow> scanned;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (plans[r].with_index) {
      listed.push_back(
          {rows[r].query.data(), splits[r].place, rows[r].k, plans[r].probes, plans[r].shortlist});
      listed_row.push_back(r);
      scanned.push_back({splits[r].rest, rows[r].query, rows[r].k});
    } else {
      scanned.push_back(rows[r]);
    }
  }
  auto found = index->scanned_at_once() > 0
                   ? scan_in_pieces(scanned, pool, index->scanned_at_once())
                   : search_places(scanned, pool);
  const auto near =
      index->nearest(listed, seen_segments(rows, splits, plans, index->digests().size()), pool);
  for (std::size_t i = 0; i < near.size(); ++i) {
    const std::size_t r = listed_row[i];
    for (kernels::NearKey& key : found[r]) {
      key.place = splits[r].rest_place[static_cast<std::size_t>(key.place)];
    }
    merge_nearest(found[r], near[i], rows[r].k);
  }
  std::vector<std::vector<Neighbour>> result;
  for (std::size_t r = 0; r < rows.size(); ++r) result.push_back(neighbours_of(rows[r], found[r]));
  return result;
}

}  // namespace pema::memory
