/// An index over segments that many rows read: rows that see many keys are searched faster, exactly
/// or with a recall that the caller chooses.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/digest.h"
#include "pema/memory.h"
#include "pema/progress.h"

namespace pema::memory {
class SegmentIndex;
}  // namespace pema::memory

namespace pema {

/// Lists of codes around centroids (docs/decisions/0009-search.md). One that was built, or opened
/// for its segments, holds them; one that read_recall_index gave does not. A search reads
/// keys of the searched rows' own segments only. Thread-safety: immutable, share freely. Give it to
/// EngineOptions::recall_index, or let a store keep it (Store::build_index).
using RecallIndex = memory::SegmentIndex;

/// What an index keeps of every key.
enum class IndexCodes : std::uint8_t {
  kAuto,     ///< kInt8 where that leaves half of the memory budget for the rest, or there is none
  kInt8,     ///< d + 20 bytes a key: exact, or with a wanted recall, and the fastest
  kProduct,  ///< `bytes_per_key` + 12 bytes: serves a wanted recall below 1 alone
             ///< (docs/decisions/0017-large-index.md); what it finds, and its distances, come from
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

/// The index in the file `path`, without its segments: those of the rows serve. Throws kNotFound,
/// kIo, kCorrupt (anything damaged), kUnsupported (a newer version). Thread-safety: reentrant.
[[nodiscard]] std::shared_ptr<const RecallIndex> read_recall_index(const std::string& path);

/// The codes of an index.
struct RecallIndexCodes {
  IndexCodes codes = IndexCodes::kInt8;  ///< kInt8 or kProduct
  std::int64_t bytes_per_key = 0;        ///< of kProduct, as few as do what the options asked for
};
/// What the file `path` says of its codes, which are not read. Nothing where it is absent, no
/// index, or its head is damaged. Thread-safety: reentrant.
[[nodiscard]] std::optional<RecallIndexCodes> codes_in_file(const std::string& path);
/// Whether such codes of `entries` keys of width `hidden` are what `options` ask for: those named,
/// product codes of as many bytes, within half of the budget. Throws kInvalidArgument (options
/// outside their ranges).
[[nodiscard]] bool codes_suit(const RecallIndexCodes& codes, std::int64_t hidden,
                              std::int64_t entries, const RecallIndexOptions& options);
/// "auto", "int8", "product".
[[nodiscard]] std::string_view to_string(IndexCodes codes) noexcept;
/// The same back. Throws kInvalidArgument, naming what there is.
[[nodiscard]] IndexCodes parse_index_codes(std::string_view text);

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
