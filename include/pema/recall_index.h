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

/// Lists of codes around centroids (docs/decisions/0009-search.md). Holds its segments.
/// Thread-safety: immutable, share freely. Give it to EngineOptions::recall_index.
using RecallIndex = memory::SegmentIndex;

/// What an index keeps of every key.
enum class IndexCodes : std::uint8_t {
  kAuto,     ///< kInt8 where that leaves half of the memory budget for the rest, or there is none
  kInt8,     ///< d + 20 bytes a key: exact, or with a wanted recall, and the fastest
  kProduct,  ///< `bytes_per_key` + 12 bytes: serves a wanted recall below 1 alone
             ///< (docs/decisions/0014-large-index.md); what it finds, and its distances, come from
             ///< the segments' stored keys
};

struct RecallIndexOptions {
  std::int64_t lists = 0;    ///< 0: one for every 1,000 keys, at least 1 and at most 4,096
  std::int64_t threads = 0;  ///< 0: one per hardware thread; the index does not depend on it
  Progress* progress = nullptr;
  IndexCodes codes = IndexCodes::kAuto;
  std::int64_t bytes_per_key = 32;  ///< of product codes, in [1, 64]
  /// Bytes of memory for building the index and, once it is open, for the index, what searches keep
  /// of its segments, and the pages of their files that are mapped at a time. Pages beyond it are
  /// let go of and mapped again when they are needed. It makes a scan dearer to the planner; exact
  /// results do not depend on it. 0: no limit. A segment that is scanned is mapped as a whole.
  std::int64_t memory_budget = 0;
};

struct OpenedRecallIndex {
  std::shared_ptr<const RecallIndex> index;
  std::int64_t bytes = 0;  ///< of memory, beside the segments
  std::string built;       ///< empty when it was read; otherwise why it was built
};

/// The index in the file `path`, or a new one that is then written there, where the file is absent,
/// damaged or made for other segments or of other codes. The file holds codes of the segments'
/// keys: who erases a segment removes it too. Product-quantised segments are left out, and scanned.
/// Throws kInvalidArgument (no segments, null or twice the same, options outside their ranges),
/// kMismatch (another width or base model than the first), kUnsupported (wider than 65,536),
/// kOverBudget, kInterrupted, kIo, kDiskFull. Thread-safety: one call builds at a time, others
/// wait.
[[nodiscard]] OpenedRecallIndex open_recall_index(
    const std::string& path, std::span<const std::shared_ptr<const Segment>> segments,
    const RecallIndexOptions& options = {});

}  // namespace pema
