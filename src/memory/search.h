/// Recall for a batch: one call, every row in the segments that it may see.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/key_search.h"
#include "kernels/parallel.h"
#include "pema/memory.h"

namespace pema::memory {

/// One row of a search.
struct SearchRow {
  std::span<const std::shared_ptr<const Segment>> segments;
  std::span<const float> query;  ///< [d], a recall key
  std::int64_t k = 0;
};

/// What `recall` gives for each row, keys of segments that several rows see being read once for up
/// to 8 of them. Throws as `recall`, naming the row. Thread-safety: reentrant apart from `pool`.
[[nodiscard]] std::vector<std::vector<Neighbour>> search(std::span<const SearchRow> rows,
                                                         kernels::ThreadPool& pool);

/// The same as places: NearKey::place is a number of the row's segments.
[[nodiscard]] std::vector<std::vector<kernels::NearKey>> search_places(
    std::span<const SearchRow> rows, kernels::ThreadPool& pool, KeepCodes keep = KeepCodes::kYes);

/// Makes `into` the `count` nearest of both; each is in the order of kernels::nearer.
void merge_nearest(std::vector<kernels::NearKey>& into, std::span<const kernels::NearKey> more,
                   std::int64_t count);

/// Throws unless row `number` can be searched; its segments are looked at by check_segment.
void check_row(const SearchRow& row, std::size_t number);
/// Throws unless segment `place` of row `number` goes with its query.
void check_segment(const SearchRow& row, std::size_t number, std::size_t place);
/// Places to neighbours.
[[nodiscard]] std::vector<Neighbour> neighbours_of(const SearchRow& row,
                                                   std::span<const kernels::NearKey> keys);

}  // namespace pema::memory
