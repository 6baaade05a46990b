#include "profiles/profile_codec.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "pema/error.h"

namespace pema::profiles {
namespace {

constexpr unsigned kSoft = 1;
constexpr unsigned kUpSide = 2;
constexpr std::int64_t kGate = 4;  // beside the curve, so that a row without it is as it was
constexpr double kWeightSteps = 1e4;
constexpr double kTemperatureSteps = 1e6;

void put_bytes(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_weights(std::vector<std::byte>& out, std::span<const float> weights) {
  for (const float weight : weights) {
    const auto bits = std::bit_cast<std::uint32_t>(weight);
    for (int shift = 0; shift < 32; shift += 8) {
      out.push_back(static_cast<std::byte>((bits >> shift) & 0xff));
    }
  }
}

std::vector<float> take_weights(ByteReader& reader, std::int64_t count) {
  const std::span<const std::byte> raw = reader.take(4 * count);
  std::vector<float> weights(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      bits |= std::to_integer<std::uint32_t>(raw[4 * i + j]) << (8 * j);
    }
    weights[i] = std::bit_cast<float>(bits);
    if (!std::isfinite(weights[i])) reader.refuse("a mask weight is not finite");
  }
  return weights;
}

std::int64_t steps_of(double value, double steps) { return std::llround(value * steps); }

bool all_finite(std::span<const float> weights) {
  for (const float weight : weights) {
    if (!std::isfinite(weight)) return false;
  }
  return true;
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

LambdaSchedule decode_schedule(std::span<const std::byte> bytes, std::string_view what) {
  ByteReader reader(bytes, what);
  const auto scaled = [&](double steps) { return static_cast<double>(reader.varint()) / steps; };
  LambdaSchedule schedule;
  const std::int64_t first = reader.varint();
  const std::int64_t curve = first % kGate;
  schedule.gate = first >= kGate;
  if (curve > 2 || first >= 2 * kGate) reader.refuse("its curve is unknown");
  schedule.curve = static_cast<LambdaCurve>(curve);
  schedule.lambda_max = scaled(kWeightSteps);
  schedule.length = reader.varint();
  schedule.lambda_own = scaled(kWeightSteps);
  schedule.lambda_shared = scaled(kWeightSteps);
  schedule.neighbours = reader.varint();
  schedule.temperature = scaled(kTemperatureSteps);
  reader.finish();
  try {
    schedule.validate();
  } catch (const Error& error) {
    reader.refuse(error.what());
  }
  return schedule;
}

std::vector<std::byte> encode_segments(std::span<const SegmentId> segments) {
  std::vector<std::byte> out;
  std::int64_t previous = 0;
  for (const SegmentId segment : segments) {
    PEMA_ASSERT(segment.value > previous);
    put_varint(out, segment.value - previous);
    previous = segment.value;
  }
  return out;
}

std::vector<SegmentId> decode_segments(std::span<const std::byte> bytes, std::string_view what) {
  ByteReader reader(bytes, what);
  std::vector<SegmentId> segments;
  std::int64_t previous = 0;
  while (reader.left() > 0) {
    const std::int64_t difference = reader.varint();
    if (difference == 0 || __builtin_add_overflow(previous, difference, &previous)) {
      reader.refuse("its segment numbers do not rise");
    }
    segments.push_back(SegmentId{previous});
  }
  return segments;
}

std::vector<std::byte> encode_mask(const ProfileMask& mask) {
  std::vector<std::byte> out;
  if (mask.size() == 0) return out;
  const bool up_side = mask.soft() ? !mask.up_weights.empty() : mask.up.size() > 0;
  out.reserve(static_cast<std::size_t>(mask.stored_bytes() + 6));
  out.push_back(static_cast<std::byte>((mask.soft() ? kSoft : 0) | (up_side ? kUpSide : 0)));
  put_varint(out, mask.size());
  if (mask.soft()) {
    put_weights(out, mask.down_weights);
    put_weights(out, mask.up_weights);
  } else {
    put_bytes(out, mask.down.to_bytes());
    put_bytes(out, mask.up.to_bytes());
  }
  return out;
}

ProfileMask decode_mask(std::span<const std::byte> bytes, std::string_view what) {
  ProfileMask mask;
  if (bytes.empty()) return mask;
  ByteReader reader(bytes, what);
  const auto flags = std::to_integer<unsigned>(reader.take(1)[0]);
  if (flags > (kSoft | kUpSide)) reader.refuse("its mask has unknown flags");
  const std::int64_t size = reader.varint();
  if (size < 1 || size > BitMask::kMaxSize) reader.refuse("its mask has an impossible size");
  const bool up_side = (flags & kUpSide) != 0;
  if ((flags & kSoft) != 0) {
    mask.down_weights = take_weights(reader, size);
    if (up_side) mask.up_weights = take_weights(reader, size);
  } else {
    const std::int64_t side = (size + 7) / 8;
    const auto read_side = [&] {
      const std::span<const std::byte> raw = reader.take(side);
      const int spare = static_cast<int>(8 * side - size);
      if ((std::to_integer<int>(raw.back()) >> (8 - spare)) != 0) {
        reader.refuse("its mask has bits past its end");
      }
      return BitMask::from_bytes(size, raw);
    };
    mask.down = read_side();
    if (up_side) mask.up = read_side();
  }
  reader.finish();
  return mask;
}

void check_mask_shape(const ProfileMask& mask) {
  if (mask.soft() || !mask.up_weights.empty()) {
    PEMA_CHECK(mask.down.size() == 0 && mask.up.size() == 0, kInvalidArgument,
               "a mask is hard or soft, not both; clear the bit sets or the weights");
    PEMA_CHECK(mask.up_weights.empty() || mask.up_weights.size() == mask.down_weights.size(),
               kInvalidArgument, "the sides of a soft mask have ", mask.down_weights.size(),
               " and ", mask.up_weights.size(), " weights; they must agree");
    PEMA_CHECK(mask.size() <= BitMask::kMaxSize, kInvalidArgument, "a mask covers at most ",
               BitMask::kMaxSize, " adapters, not ", mask.size());
    PEMA_CHECK(all_finite(mask.down_weights) && all_finite(mask.up_weights), kInvalidArgument,
               "a mask weight is not finite; train the mask again");
    return;
  }
  PEMA_CHECK(mask.up.size() == 0 || mask.up.size() == mask.down.size(), kInvalidArgument,
             "the sides of a mask cover ", mask.down.size(), " and ", mask.up.size(),
             " adapters; they must agree");
}

}  // namespace pema::profiles
