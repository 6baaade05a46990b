/// An index over segments that many rows read: rows that see many keys are searched faster, exactly
/// or with a recall that the caller chooses.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pema/digest.h"
#include "pema/memory.h"
#include "pema/progress.h"

namespace pema::memory {
class SegmentIndex;
}  // namespace pema::memory

namespace pema {

/// Lists of int8 codes around centroids (docs/decisions/0009-search.md). One that was built, or
/// opened for its segments, holds them; one that read_recall_index gave does not. A search reads
/// keys of the searched rows' own segments only. Thread-safety: immutable, share freely. Give it to
/// EngineOptions::recall_index, or let a store keep it (Store::build_index).
using RecallIndex = memory::SegmentIndex;

struct RecallIndexOptions {
  std::int64_t lists = 0;    ///< 0: one for every 1,000 keys, at least 1 and at most 4,096
  std::int64_t threads = 0;  ///< 0: one per hardware thread; the index does not depend on it
  Progress* progress = nullptr;
};

struct OpenedRecallIndex {
  std::shared_ptr<const RecallIndex> index;
  std::int64_t bytes = 0;  ///< of memory, beside the segments
  std::string built;       ///< empty when it was read; otherwise why it was built
};

/// The index in the file `path`, or a new one that is then written there, where the file is absent,
/// damaged or made for other segments. The file holds codes of the segments' keys: who erases a
/// segment removes it too. Product-quantised segments are left out, and scanned. Throws
/// kInvalidArgument (no segments, null or twice the same), kMismatch (another width or base model
/// than the first), kUnsupported (wider than 65,536), kInterrupted, kIo, kDiskFull. Thread-safety:
/// one call builds at a time, others wait.
[[nodiscard]] OpenedRecallIndex open_recall_index(
    const std::string& path, std::span<const std::shared_ptr<const Segment>> segments,
    const RecallIndexOptions& options = {});

/// The index in the file `path`, without its segments: those of the rows serve. Throws kNotFound,
/// kIo, kCorrupt (anything damaged), kUnsupported (a newer version). Thread-safety: reentrant.
[[nodiscard]] std::shared_ptr<const RecallIndex> read_recall_index(const std::string& path);

/// What an index holds.
struct RecallIndexInfo {
  std::int64_t hidden = 0;   ///< d
  std::int64_t entries = 0;  ///< keys
  std::int64_t lists = 0;
  std::int64_t bytes = 0;        ///< of memory, beside the segments
  std::vector<Digest> segments;  ///< in its own order
};
[[nodiscard]] RecallIndexInfo describe(const RecallIndex& index);

}  // namespace pema
