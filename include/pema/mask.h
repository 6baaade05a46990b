/// Masks: which adapters of a pool a profile uses (X-PEFT, arXiv 2401.16137, section 3).
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "pema/digest.h"

namespace pema {

/// A set of adapter numbers in [0, size), stored as bits, least significant first. Bits past `size`
/// are always zero. Thread-safety: like a std::vector.
class BitMask {
 public:
  BitMask() = default;
  /// An empty set over `size` adapters. Throws kInvalidArgument when size is negative or above
  /// kMaxSize.
  explicit BitMask(std::int64_t size);
  /// Reads ceil(size / 8) bytes, LSB first. Throws kCorrupt when the length differs or a bit past
  /// `size` is set.
  [[nodiscard]] static BitMask from_bytes(std::int64_t size, std::span<const std::byte> bytes);
  /// Throws kInvalidArgument on an index outside [0, size).
  [[nodiscard]] static BitMask from_indices(std::int64_t size,
                                            std::span<const std::int64_t> indices);

  /// Becomes from_bytes(size, bytes), in the memory that is there where it suffices. Throws as
  /// from_bytes; the mask is then empty.
  void assign(std::int64_t size, std::span<const std::byte> bytes);

  static constexpr std::int64_t kMaxSize = std::int64_t{1} << 24;

  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  [[nodiscard]] bool test(std::int64_t index) const;
  void set(std::int64_t index, bool value = true);
  [[nodiscard]] std::int64_t popcount() const noexcept;
  [[nodiscard]] bool none() const noexcept { return popcount() == 0; }
  /// Members common to both. Masks of different sizes are compared as sets: the shorter one has no
  /// members past its end.
  [[nodiscard]] std::int64_t overlap(const BitMask& other) const noexcept;
  /// Set members in rising order.
  [[nodiscard]] std::vector<std::int64_t> indices() const;
  /// ceil(size / 8) bytes, LSB first.
  [[nodiscard]] std::vector<std::byte> to_bytes() const;
  [[nodiscard]] std::span<const std::uint64_t> words() const noexcept { return words_; }

  bool operator==(const BitMask&) const = default;

 private:
  std::int64_t size_ = 0;
  std::vector<std::uint64_t> words_;
};

/// How a profile weighs the adapters of its pool.
/// Hard: `down` (and, in `separate` algebra, `up`) are bit sets. Soft: one float32 per adapter
/// instead. In `mixture` algebra `up` and `up_weights` are empty: one set serves both sides.
struct ProfileMask {
  BitMask down;
  BitMask up;
  std::vector<float> down_weights;
  std::vector<float> up_weights;

  [[nodiscard]] bool soft() const noexcept { return !down_weights.empty(); }
  /// True when no adapter is selected on one side, so that the delta is zero.
  [[nodiscard]] bool none() const noexcept;
  /// Number of adapters that the mask was made for; 0 for a profile without a mask.
  [[nodiscard]] std::int64_t size() const noexcept;
  /// Bytes that a registry stores for it: ceil(N / 8) per hard side, 4 N per soft side.
  [[nodiscard]] std::int64_t stored_bytes() const noexcept;
  /// Weight of adapter i on the down side (up = false) or the up side: 0 or 1 for hard masks.
  [[nodiscard]] float weight(std::int64_t index, bool up_side) const;
  /// SHA-256 over kind, sizes and contents: equal masks compose to equal bottlenecks.
  [[nodiscard]] Digest digest() const;

  bool operator==(const ProfileMask&) const = default;
};

}  // namespace pema
