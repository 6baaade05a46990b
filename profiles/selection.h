/// A selection: many profiles with all that they need, as one file (docs/formats/selection.md).
///
///   file    := magic[8] "PEMASEL1"  frame*  end
///   frame   := byte type, varint bytes, payload       what a frame names stands before it
///   end     := frame of type 0 whose payload is the SHA-256 of everything before it
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pema/adapter.h"
#include "pema/codebook.h"
#include "pema/memory.h"
#include "pema/model.h"
#include "pema/store.h"

namespace pema::profiles {

/// Stored: never renumber.
enum class FrameType : std::uint8_t {
  kEnd = 0,
  kModel = 1,
  kObject = 2,  ///< bytes of an object's file
  kPool = 3,
  kCodebook = 4,
  kSegment = 5,
  kProfile = 6,
};

/// One profile of a selection; numbers count the file's pools and segments from 0.
struct SelectionProfile {
  std::string name;
  std::optional<std::int64_t> pool;
  LambdaSchedule schedule;
  ProfileMask mask;
  std::vector<std::int64_t> segments;   ///< rising
  std::optional<std::int64_t> expires;  ///< seconds since 1970
};

/// Makes the frames of one file, in the order of calls. Thread-safety: one thread at a time.
class SelectionWriter {
 public:
  using Sink = std::function<void(std::span<const std::byte>)>;
  /// Pieces of the file go to `sink`.
  explicit SelectionWriter(Sink sink);

  std::int64_t add_model(const ModelInfo& model);
  /// With its objects. `model` is the number of its base model.
  std::int64_t add_pool(std::int64_t model, const std::string& name, const Pool& pool);
  /// With its codebook, where that is not there yet.
  std::int64_t add_segment(const Segment& segment, SegmentKind kind, const std::string& name);
  void add_profile(const SelectionProfile& profile);
  /// Ends the file; returns its digest.
  [[nodiscard]] Digest finish();

  [[nodiscard]] std::int64_t objects() const noexcept { return objects_; }
  [[nodiscard]] std::int64_t bytes() const noexcept { return bytes_; }

 private:
  void put(FrameType type, std::span<const std::byte> payload);
  void flush();
  /// Number of an object, which is written where it is new.
  std::int64_t add_object(const Digest& digest, std::span<const std::byte> bytes);

  Sink sink_;
  Sha256 hash_;
  std::vector<std::byte> gathered_;
  std::map<Digest, std::int64_t> object_numbers_;
  std::map<Digest, std::int64_t> codebooks_;
  std::int64_t objects_ = 0;
  std::int64_t bytes_ = 0;
  std::int64_t models_ = 0;
  std::int64_t pools_ = 0;
  std::int64_t segments_ = 0;
};

/// What a checked file holds beside its profiles.
struct SelectionContent {
  struct PoolItem {
    std::string name;
    std::shared_ptr<const Pool> pool;
  };
  struct SegmentItem {
    std::span<const std::byte> bytes;  ///< of its object, in the file
    SegmentKind kind = SegmentKind::kOwn;
    std::string name;  ///< of a shared one
    Digest model;
  };
  std::vector<ModelInfo> models;
  std::vector<PoolItem> pools;
  std::vector<SegmentItem> segments;
  std::map<Digest, std::shared_ptr<const Codebook>> codebooks;
  std::int64_t objects = 0;
  std::int64_t profiles = 0;
  Digest digest;

  [[nodiscard]] std::shared_ptr<const Segment> load(const SegmentItem& item) const;
};

/// Checks all of a file: digest, frames, every object, what refers to what, one base model for each
/// profile, names, masks against pools. The result points
/// into `bytes`. Throws kCorrupt (naming `origin`), kUnsupported (another version).
[[nodiscard]] SelectionContent check_selection(std::span<const std::byte> bytes,
                                               const std::string& origin);
/// Calls `visit` with each profile of a file that was checked.
void visit_selection(std::span<const std::byte> bytes, const std::string& origin,
                     const std::function<void(const SelectionProfile&)>& visit);

}  // namespace pema::profiles
