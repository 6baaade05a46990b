#include "profiles/profile_codec.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "pema/error.h"
#include "profiles/mask_check.h"

namespace pema::profiles {
namespace {

constexpr unsigned kSoft = 1;
constexpr unsigned kUpSide = 2;
constexpr std::int64_t kGate = 4;  // beside the curve, so that a row without it is as it was
constexpr double kWeightSteps = 1e4;
constexpr double kTemperatureSteps = 1e6;

void put_bits(std::vector<std::byte>& out, const BitMask& mask) {
  // Words hold the bits as the bytes do: the least significant first.
  static_assert(std::endian::native == std::endian::little);
  const std::span<const std::byte> bytes = std::as_bytes(mask.words());
  out.insert(out.end(), bytes.begin(), bytes.begin() + (mask.size() + 7) / 8);
}

void take_bits(ByteReader& reader, std::int64_t size, BitMask& mask) {
  const std::span<const std::byte> raw = reader.take((size + 7) / 8);
  const int used = static_cast<int>(size % 8);
  if (used != 0 && (std::to_integer<int>(raw.back()) >> used) != 0) {
    reader.refuse("its mask has bits past its end");
  }
  mask.assign(size, raw);
}

void put_weights(std::vector<std::byte>& out, std::span<const float> weights) {
  const std::span<const std::byte> bytes = std::as_bytes(weights);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void take_weights(ByteReader& reader, std::int64_t count, std::vector<float>& weights) {
  const std::span<const std::byte> raw = reader.take(4 * count);
  weights.resize(static_cast<std::size_t>(count));
  if (count > 0) std::memcpy(weights.data(), raw.data(), raw.size());
  if (!all_finite(weights)) reader.refuse("a mask weight is not finite");
}

std::int64_t steps_of(double value, double steps) { return std::llround(value * steps); }

double take_steps(ByteReader& reader, double steps) {
  return static_cast<double>(reader.varint()) / steps;
}

void take_curve(ByteReader& reader, LambdaSchedule& schedule) {
  const std::int64_t first = reader.varint();
  const std::int64_t curve = first % kGate;
  if (curve > 2 || first >= 2 * kGate) reader.refuse("its curve is unknown");
  schedule.gate = first >= kGate;
  schedule.curve = static_cast<LambdaCurve>(curve);
}

void check_schedule(const ByteReader& reader, const LambdaSchedule& schedule) {
  try {
    schedule.validate();
  } catch (const Error& error) {
    reader.refuse(error.what());
  }
}

}  // namespace

void put_varint(std::vector<std::byte>& out, std::int64_t value) {
  PEMA_ASSERT(value >= 0);
  auto rest = static_cast<std::uint64_t>(value);
  while (rest >= 0x80) {
    out.push_back(static_cast<std::byte>((rest & 0x7f) | 0x80));
    rest >>= 7;
  }
  out.push_back(static_cast<std::byte>(rest));
}

std::int64_t ByteReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 63; shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(take(1)[0]);
    value |= (byte & 0x7f) << shift;
    if ((byte & 0x80) != 0) continue;
    if (byte == 0 && shift > 0) refuse("a number has a needless byte");
    return static_cast<std::int64_t>(value);
  }
  refuse("a number is longer than 63 bits");
}

std::span<const std::byte> ByteReader::take(std::int64_t count) {
  if (count < 0 || count > left()) refuse("it ends too early");
  const std::span<const std::byte> taken = bytes_.first(static_cast<std::size_t>(count));
  bytes_ = bytes_.subspan(static_cast<std::size_t>(count));
  return taken;
}

std::byte ByteReader::next() const {
  if (bytes_.empty()) refuse("it ends too early");
  return bytes_.front();
}

void ByteReader::finish() const {
  if (!bytes_.empty()) refuse("it has bytes past its end");
}

void ByteReader::refuse(std::string_view why) const {
  fail(ErrorCode::kCorrupt, what_, ": is damaged (", why,
       "); enrol the profile again or restore a backup");
}

std::vector<std::byte> encode_schedule(const LambdaSchedule& schedule) {
  std::vector<std::byte> out;
  put_varint(out, static_cast<std::int64_t>(schedule.curve) + (schedule.gate ? kGate : 0));
  put_varint(out, steps_of(schedule.lambda_max, kWeightSteps));
  put_varint(out, schedule.length);
  put_varint(out, steps_of(schedule.lambda_own, kWeightSteps));
  put_varint(out, steps_of(schedule.lambda_shared, kWeightSteps));
  put_varint(out, schedule.neighbours);
  put_varint(out, steps_of(schedule.temperature, kTemperatureSteps));
  return out;
}

LambdaSchedule take_schedule(ByteReader& reader) {
  LambdaSchedule schedule;
  take_curve(reader, schedule);
  schedule.lambda_max = take_steps(reader, kWeightSteps);
  schedule.length = reader.varint();
  schedule.lambda_own = take_steps(reader, kWeightSteps);
  schedule.lambda_shared = take_steps(reader, kWeightSteps);
  schedule.neighbours = reader.varint();
  schedule.temperature = take_steps(reader, kTemperatureSteps);
  check_schedule(reader, schedule);
  return schedule;
}

LambdaSchedule decode_schedule(std::span<const std::byte> bytes, std::string_view what) {
  ByteReader reader(bytes, what);
  const LambdaSchedule schedule = take_schedule(reader);
  reader.finish();
  return schedule;
}

void put_common_schedule(std::vector<std::byte>& out, const LambdaSchedule& schedule) {
  put_varint(out, static_cast<std::int64_t>(schedule.curve) + (schedule.gate ? kGate : 0));
  put_varint(out, schedule.length);
  put_varint(out, schedule.neighbours);
  put_varint(out, steps_of(schedule.temperature, kTemperatureSteps));
}

LambdaSchedule take_common_schedule(ByteReader& reader) {
  LambdaSchedule schedule;
  take_curve(reader, schedule);
  schedule.length = reader.varint();
  schedule.neighbours = reader.varint();
  schedule.temperature = take_steps(reader, kTemperatureSteps);
  check_schedule(reader, schedule);
  return schedule;
}

void put_lambdas(std::vector<std::byte>& out, const LambdaSchedule& schedule) {
  put_varint(out, steps_of(schedule.lambda_max, kWeightSteps));
  put_varint(out, steps_of(schedule.lambda_own, kWeightSteps));
  put_varint(out, steps_of(schedule.lambda_shared, kWeightSteps));
}

void take_lambdas(ByteReader& reader, LambdaSchedule& schedule) {
  schedule.lambda_max = take_steps(reader, kWeightSteps);
  schedule.lambda_own = take_steps(reader, kWeightSteps);
  schedule.lambda_shared = take_steps(reader, kWeightSteps);
  check_schedule(reader, schedule);
}

void put_rising(std::vector<std::byte>& out, std::span<const SegmentId> segments) {
  std::int64_t previous = 0;
  for (const SegmentId segment : segments) {
    PEMA_ASSERT(segment.value > previous);
    put_varint(out, segment.value - previous);
    previous = segment.value;
  }
}

void take_rising(ByteReader& reader, std::vector<SegmentId>& segments) {
  std::int64_t previous = 0;
  while (reader.left() > 0) {
    const std::int64_t difference = reader.varint();
    if (difference == 0 || __builtin_add_overflow(previous, difference, &previous)) {
      reader.refuse("its segment numbers do not rise");
    }
    segments.push_back(SegmentId{previous});
  }
}

std::vector<std::byte> encode_segments(std::span<const SegmentId> segments) {
  std::vector<std::byte> out;
  put_rising(out, segments);
  return out;
}

std::vector<SegmentId> decode_segments(std::span<const std::byte> bytes, std::string_view what) {
  ByteReader reader(bytes, what);
  std::vector<SegmentId> segments;
  take_rising(reader, segments);
  return segments;
}

MaskShape shape_of(const ProfileMask& mask) noexcept {
  const bool up_side = mask.soft() ? !mask.up_weights.empty() : mask.up.size() > 0;
  return {.soft = mask.soft(), .up_side = up_side, .size = mask.size()};
}

void put_shape(std::vector<std::byte>& out, const MaskShape& shape) {
  if (shape.size == 0) return;
  out.push_back(static_cast<std::byte>((shape.soft ? kSoft : 0) | (shape.up_side ? kUpSide : 0)));
  put_varint(out, shape.size);
}

MaskShape take_shape(ByteReader& reader) {
  const auto flags = std::to_integer<unsigned>(reader.take(1)[0]);
  if (flags > (kSoft | kUpSide)) reader.refuse("its mask has unknown flags");
  const std::int64_t size = reader.varint();
  if (size < 1 || size > BitMask::kMaxSize) reader.refuse("its mask has an impossible size");
  return {.soft = (flags & kSoft) != 0, .up_side = (flags & kUpSide) != 0, .size = size};
}

void put_sides(std::vector<std::byte>& out, const ProfileMask& mask) {
  put_weights(out, mask.down_weights);
  put_weights(out, mask.up_weights);
  put_bits(out, mask.down);
  put_bits(out, mask.up);
}

void take_sides(ByteReader& reader, const MaskShape& shape, ProfileMask& mask) {
  const std::int64_t down = shape.soft ? 0 : shape.size;
  const std::int64_t up = shape.up_side ? down : 0;
  take_bits(reader, down, mask.down);
  take_bits(reader, up, mask.up);
  take_weights(reader, shape.size - down, mask.down_weights);
  take_weights(reader, shape.up_side ? shape.size - down : 0, mask.up_weights);
}

std::vector<std::byte> encode_mask(const ProfileMask& mask) {
  std::vector<std::byte> out;
  out.reserve(static_cast<std::size_t>(mask.stored_bytes() + 6));
  put_shape(out, shape_of(mask));
  put_sides(out, mask);
  return out;
}

ProfileMask decode_mask(std::span<const std::byte> bytes, std::string_view what) {
  ProfileMask mask;
  if (bytes.empty()) return mask;
  ByteReader reader(bytes, what);
  take_sides(reader, take_shape(reader), mask);
  reader.finish();
  return mask;
}

}  // namespace pema::profiles
