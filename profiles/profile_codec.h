/// Packed values of the registry and of bundles (docs/formats/registry.md). Each value has one
/// encoding only; anything else is refused.
///
///   varint   := unsigned LEB128 without needless bytes
///   schedule := varint curve + 4 * gate, lambda_max * 1e4, length, lambda_own * 1e4, lambda_shared
///   * 1e4,
///               neighbours, temperature * 1e6
///   segments := varint*            first number, then differences; rising
///   mask     := shape sides
///   shape    := nothing | byte flags (1 soft, 2 up side too), varint N
///   sides    := nothing | side [, side]
///   side     := ceil(N / 8) bytes, LSB first | N f32, little-endian
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/ids.h"
#include "pema/mask.h"
#include "pema/schedule.h"

namespace pema::profiles {

/// Appends `value` as LEB128. Throws kInternal when it is negative.
void put_varint(std::vector<std::byte>& out, std::int64_t value);

/// Reads values from bytes it does not own. Thread-safety: one thread at a time.
class ByteReader {
 public:
  /// `what` is named in messages; both must outlive the reader.
  ByteReader(std::span<const std::byte> bytes, std::string_view what)
      : bytes_(bytes), what_(what) {}

  /// Throws kCorrupt past the end, above 63 bits, or on a needless byte.
  [[nodiscard]] std::int64_t varint();
  /// The next `count` bytes. Throws kCorrupt when there are fewer.
  [[nodiscard]] std::span<const std::byte> take(std::int64_t count);
  /// The byte that comes next, without taking it. Throws kCorrupt at the end.
  [[nodiscard]] std::byte next() const;
  [[nodiscard]] std::int64_t left() const noexcept {
    return static_cast<std::int64_t>(bytes_.size());
  }
  /// Throws kCorrupt unless everything was read.
  void finish() const;
  /// Throws kCorrupt with `why`.
  [[noreturn]] void refuse(std::string_view why) const;

 private:
  std::span<const std::byte> bytes_;
  std::string_view what_;
};

/// Encodes what `LambdaSchedule::quantised` keeps; `schedule` must be valid.
[[nodiscard]] std::vector<std::byte> encode_schedule(const LambdaSchedule& schedule);
/// Throws kCorrupt, naming `what`.
[[nodiscard]] LambdaSchedule decode_schedule(std::span<const std::byte> bytes,
                                             std::string_view what);
/// The schedule that begins here. Throws kCorrupt.
[[nodiscard]] LambdaSchedule take_schedule(ByteReader& reader);

/// What people have in common: curve, gate, length, neighbours and temperature.
void put_common_schedule(std::vector<std::byte>& out, const LambdaSchedule& schedule);
/// Its lambdas are the default's. Throws kCorrupt.
[[nodiscard]] LambdaSchedule take_common_schedule(ByteReader& reader);
/// What is tuned for each person: lambda_max, lambda_own, lambda_shared.
void put_lambdas(std::vector<std::byte>& out, const LambdaSchedule& schedule);
/// Throws kCorrupt.
void take_lambdas(ByteReader& reader, LambdaSchedule& schedule);

/// `segments` must rise strictly.
void put_rising(std::vector<std::byte>& out, std::span<const SegmentId> segments);
/// Appends all that is left to read. Throws kCorrupt.
void take_rising(ByteReader& reader, std::vector<SegmentId>& segments);
/// `segments` must rise strictly.
[[nodiscard]] std::vector<std::byte> encode_segments(std::span<const SegmentId> segments);
/// Throws kCorrupt, naming `what`.
[[nodiscard]] std::vector<SegmentId> decode_segments(std::span<const std::byte> bytes,
                                                     std::string_view what);

/// What a mask's bytes depend on beside its contents.
struct MaskShape {
  bool soft = false;
  bool up_side = false;   ///< the up side is stored too
  std::int64_t size = 0;  ///< adapters; 0: no mask
  bool operator==(const MaskShape&) const = default;
};

[[nodiscard]] MaskShape shape_of(const ProfileMask& mask) noexcept;
/// Nothing for a shape without a size.
void put_shape(std::vector<std::byte>& out, const MaskShape& shape);
/// The shape that begins here; there must be one. Throws kCorrupt.
[[nodiscard]] MaskShape take_shape(ByteReader& reader);
/// `mask` must pass check_mask_shape.
void put_sides(std::vector<std::byte>& out, const ProfileMask& mask);
/// Reads the sides into `mask`, whose memory is used again where it suffices. Throws kCorrupt.
void take_sides(ByteReader& reader, const MaskShape& shape, ProfileMask& mask);

/// `mask` must pass check_mask_shape.
[[nodiscard]] std::vector<std::byte> encode_mask(const ProfileMask& mask);
/// Throws kCorrupt, naming `what`.
[[nodiscard]] ProfileMask decode_mask(std::span<const std::byte> bytes, std::string_view what);

}  // namespace pema::profiles
