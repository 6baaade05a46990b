/// A segment's keys as they are stored: decoding, and what a search needs of them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "kernels/key_search.h"
#include "pema/codebook.h"
#include "src/memory/segment_object.h"

namespace pema::memory {

/// Keys rounded for storage: the sections of the object.
struct RoundedKeys {
  std::vector<std::byte> keys;
  std::vector<float> scales;  ///< [n] of int8 keys, else empty
};

/// Rounds unit keys [n, d] as `info` says; unit length is the caller's to check. `codebook` is read
/// for product-quantised keys only.
[[nodiscard]] RoundedKeys round_keys(const SegmentInfo& info, MatrixView<const float> keys,
                                     const Codebook* codebook);

/// Thread-safety: immutable apart from what `searchable` makes once.
class StoredKeys {
 public:
  /// Views into `parts`, whose bytes the caller keeps. Throws kCorrupt, naming `name`, when a code
  /// is illegal or a byte behind the last key is not zero.
  StoredKeys(const SegmentParts& parts, std::shared_ptr<const Codebook> codebook,
             const std::string& name);

  /// Key `entry` [d], where it lies or decoded into `buffer` [d].
  [[nodiscard]] const float* row(std::int64_t entry, float* buffer) const;
  [[nodiscard]] const kernels::KeySet& searchable(KeepCodes keep) const;
  /// The bytes in which key `entry` is stored, of int8 and product-quantised keys with its block.
  [[nodiscard]] std::span<const std::byte> stored(std::int64_t entry) const noexcept;
  [[nodiscard]] std::int64_t search_bytes() const;

 private:
  std::shared_ptr<const Codebook> codebook_;
  std::span<const std::byte> bytes_;
  std::int64_t unit_bytes_ = 0;  ///< of a key or, of int8 and product-quantised keys, a block
  std::int64_t unit_keys_ = 1;
  kernels::KeyRows rows_;
  kernels::ProductCodes product_;
  mutable std::once_flag once_;
  mutable kernels::KeyCodes codes_;
  mutable kernels::KeySet set_;
  kernels::KeySet plain_;  ///< of float32 and float16 keys, without codes
};

}  // namespace pema::memory
