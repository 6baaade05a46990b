/// Segments made of the entries of others, as they are stored.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "pema/memory.h"

namespace pema {

/// A segment, or what is left of it.
struct SegmentPiece {
  std::shared_ptr<const Segment> segment;
  std::vector<std::int64_t> without = {};  ///< entries to leave out, rising
};

/// One segment of the entries of `pieces`, in order. Keys stay as they are stored, nothing is
/// rounded again: a search of it gives the bits that a search of the pieces gives. Throws
/// kInvalidArgument without pieces, on a null segment and on entries that it does not have or that
/// do not rise; kMismatch when the pieces differ in more than their number of entries.
/// Thread-safety: reentrant.
[[nodiscard]] std::shared_ptr<const Segment> join_segments(std::span<const SegmentPiece> pieces);

/// Entries of `segment`, rising, whose key as it is stored and token are those of an entry of
/// `like`. Throws kMismatch when the two differ in more than their number of entries.
/// Thread-safety: reentrant.
[[nodiscard]] std::vector<std::int64_t> equal_entries(const Segment& segment, const Segment& like);

/// Throws kMismatch, naming `what` and the fix, unless `info` differs from that of the list `name`
/// in its number of entries alone: base model, site, width, vocabulary, type and codebook of keys.
void check_same_kind(const SegmentInfo& list, const SegmentInfo& info, std::string_view name);

}  // namespace pema
