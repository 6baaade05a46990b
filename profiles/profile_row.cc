#include "profiles/profile_row.h"

#include <algorithm>

#include "pema/error.h"

namespace pema::profiles {
namespace {

constexpr std::byte kNoMask{4};  // of a bare setting's row; no shape begins so

void take_bare_mask(ByteReader& reader, ProfileMask& mask) {
  if (reader.next() == kNoMask) {
    static_cast<void>(reader.take(1));
    mask = {};
  } else {
    take_sides(reader, take_shape(reader), mask);
  }
}

/// Adds the segments that are left to read to `segments`, which rise.
void take_segments(ByteReader& reader, std::vector<SegmentId>& segments) {
  if (reader.left() == 0) return;
  const auto common = std::ssize(segments);
  take_rising(reader, segments);
  std::inplace_merge(segments.begin(), segments.begin() + common, segments.end());
  if (std::adjacent_find(segments.begin(), segments.end()) != segments.end()) {
    reader.refuse("it names a segment twice");
  }
}

}  // namespace

SettingColumns encode_setting(const Setting& setting) {
  PEMA_ASSERT(!setting.bare);
  SettingColumns columns;
  put_common_schedule(columns.schedule, setting.schedule);
  columns.segments = encode_segments(setting.segments);
  put_shape(columns.mask, setting.mask);
  return columns;
}

void decode_setting(std::span<const std::byte> schedule, std::span<const std::byte> segments,
                    std::span<const std::byte> mask, std::string_view what, Setting& setting) {
  ByteReader common(schedule, what);
  setting.schedule = take_common_schedule(common);
  common.finish();
  setting.segments = decode_segments(segments, what);
  setting.mask = {};
  if (mask.empty()) return;
  ByteReader shape(mask, what);
  setting.mask = take_shape(shape);
  shape.finish();
}

void encode_row(std::vector<std::byte>& out, const Setting& setting, const LambdaSchedule& schedule,
                const ProfileMask& mask, std::span<const SegmentId> segments) {
  if (setting.bare) {
    const std::vector<std::byte> whole = encode_schedule(schedule);
    out.insert(out.end(), whole.begin(), whole.end());
    if (mask.size() == 0) out.push_back(kNoMask);
    put_shape(out, shape_of(mask));
  } else {
    put_lambdas(out, schedule);
  }
  put_sides(out, mask);
  put_rising(out, segments);
}

void decode_row(std::span<const std::byte> data, const Setting& setting, std::string_view what,
                ProfileRecord& record) {
  ByteReader reader(data, what);
  record.pool = setting.pool;
  record.segments = setting.segments;
  if (setting.bare) {
    record.schedule = take_schedule(reader);
    take_bare_mask(reader, record.mask);
  } else {
    record.schedule = setting.schedule;
    take_lambdas(reader, record.schedule);
    take_sides(reader, setting.mask, record.mask);
  }
  take_segments(reader, record.segments);
}

}  // namespace pema::profiles
