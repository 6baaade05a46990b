/// An index over segments that many rows read: rows that see many keys are searched faster, exactly
/// or with a recall that the caller chooses.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "pema/memory.h"
#include "pema/progress.h"

namespace pema::memory {
class SegmentIndex;
}  // namespace pema::memory

namespace pema {

/// Lists of int8 codes around centroids (docs/decisions/0009-search.md). Holds its segments.
/// Thread-safety: immutable, share freely. Give it to EngineOptions::recall_index.
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

}  // namespace pema
