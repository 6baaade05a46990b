/// What a store knows of its index files: caches over segments, built when asked for, never needed
/// for a correct answer (pema/recall_index.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pema/digest.h"
#include "pema/ids.h"

namespace pema {

/// Which segments an index is built over. Stored: never renumber.
enum class IndexScope : std::uint8_t {
  kSegments = 0,   ///< those that were named
  kPool = 1,       ///< the own segments of all profiles of a pool, in any version
  kEverybody = 2,  ///< every segment that a profile reads
};

struct RecallIndexRecord {
  RecallIndexId id;
  std::string name;
  Digest digest;  ///< of the object file
  Digest model;   ///< base model of its segments
  IndexScope scope = IndexScope::kSegments;
  std::string pool;            ///< of kPool
  double wanted_recall = 1.0;  ///< what rows find through it, as EngineOptions::wanted_recall
  std::int64_t hidden = 0;     ///< d
  std::int64_t entries = 0;    ///< keys
  std::int64_t lists = 0;
  std::int64_t segments = 0;      ///< product-quantised ones are left out
  std::int64_t bytes = 0;         ///< of the object file
  std::int64_t memory_bytes = 0;  ///< when it is loaded, beside the segments
};

/// What Store::build_index is asked for. Names as those of profiles.
struct RecallIndexDraft {
  std::string name = {};
  IndexScope scope = IndexScope::kSegments;
  std::vector<SegmentId> segments = {};  ///< of kSegments
  std::string pool = {};                 ///< of kPool
  double wanted_recall = 1.0;            ///< in (0, 1]
};

struct BuiltRecallIndex {
  RecallIndexRecord record;
  std::string built;  ///< why; empty when the index was whole, and of these segments, already
};

/// An index, and which of a list of segments it holds.
struct IndexCover {
  RecallIndexRecord index;
  std::vector<std::size_t> held;  ///< places in the list, rising
};

}  // namespace pema
