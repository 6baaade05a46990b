/// A bundle: one profile with everything it needs, as one file (docs/formats/bundle.md).
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pema/adapter.h"
#include "pema/memory.h"
#include "pema/model.h"
#include "pema/schedule.h"
#include "pema/store.h"

namespace pema::profiles {

/// A segment in a bundle.
struct BundleSegment {
  std::shared_ptr<const Segment> segment;
  SegmentKind kind = SegmentKind::kOwn;
  std::string name;       ///< of a shared segment
  bool appended = false;  ///< to the one before, whose name it has
};

/// The contents of a bundle, checked.
struct Bundle {
  ModelInfo model;  ///< all zero when there is neither pool nor segment
  std::string profile;
  ProfileMask mask;
  LambdaSchedule schedule;
  std::string pool_name;
  std::shared_ptr<const Pool> pool;  ///< null for a profile without adapters
  std::vector<BundleSegment> segments;
};

/// True when something was appended to a segment: such a bundle is of a kind of its own.
[[nodiscard]] inline bool has_lists(const Bundle& bundle) {
  return std::any_of(bundle.segments.begin(), bundle.segments.end(),
                     [](const BundleSegment& item) { return item.appended; });
}

/// The bytes of a bundle file. Throws kUnsupported when its metadata, in practice a soft mask over
/// millions of adapters, is larger than the container allows.
[[nodiscard]] std::vector<std::byte> encode_bundle(const Bundle& bundle);

/// Reads what encode_bundle wrote and checks all of it: container, checksums, digest of every inner
/// object, digest of the pool, one base model throughout, mask against pool, names. Throws kCorrupt
/// (naming `origin`) or kUnsupported (version newer than this build). Thread-safety: reentrant.
[[nodiscard]] Bundle decode_bundle(std::span<const std::byte> bytes, const std::string& origin);

}  // namespace pema::profiles
