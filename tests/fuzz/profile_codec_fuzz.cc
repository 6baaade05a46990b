// The packed values of the registry: the first byte picks one. What is accepted has one encoding.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pema/error.h"
#include "profiles/mask_check.h"
#include "profiles/name.h"
#include "profiles/profile_row.h"

namespace {

using Bytes = std::vector<std::byte>;

void require_same(const Bytes& encoded, const Bytes& given) {
  if (encoded != given) __builtin_trap();
}

/// A row under a setting that many have, or under a bare one.
void decode_row(const Bytes& bytes, bool bare) {
  pema::profiles::Setting setting;
  setting.bare = bare;
  if (!bare) {
    setting.segments = {pema::SegmentId{4}};
    setting.mask = {.soft = false, .up_side = true, .size = 12};
  }
  pema::ProfileRecord record;
  pema::profiles::decode_row(bytes, setting, "fuzz", record);
  std::vector<pema::SegmentId> beside;
  for (const pema::SegmentId id : record.segments) {
    if (bare || id != pema::SegmentId{4}) beside.push_back(id);
  }
  Bytes encoded;
  pema::profiles::encode_row(encoded, setting, record.schedule, record.mask, beside);
  require_same(encoded, bytes);
}

/// The columns of a setting, behind two bytes that say how long the first two are.
void decode_setting(const Bytes& bytes) {
  if (bytes.size() < 2) return;
  const auto rest = std::span(bytes).subspan(2);
  const std::size_t first = std::min(rest.size(), std::to_integer<std::size_t>(bytes[0]));
  const std::size_t second = std::min(rest.size() - first, std::to_integer<std::size_t>(bytes[1]));
  pema::profiles::Setting setting;
  pema::profiles::decode_setting(rest.first(first), rest.subspan(first, second),
                                 rest.subspan(first + second), "fuzz", setting);
  const pema::profiles::SettingColumns columns = pema::profiles::encode_setting(setting);
  Bytes encoded = columns.schedule;
  encoded.insert(encoded.end(), columns.segments.begin(), columns.segments.end());
  encoded.insert(encoded.end(), columns.mask.begin(), columns.mask.end());
  require_same(encoded, Bytes(rest.begin(), rest.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto raw = std::as_bytes(std::span(data, size)).subspan(1);
  const Bytes bytes(raw.begin(), raw.end());
  try {
    switch (data[0] % 7) {
      case 0:
        require_same(
            pema::profiles::encode_schedule(pema::profiles::decode_schedule(bytes, "fuzz")), bytes);
        break;
      case 1:
        require_same(
            pema::profiles::encode_segments(pema::profiles::decode_segments(bytes, "fuzz")), bytes);
        break;
      case 2: {
        const pema::ProfileMask mask = pema::profiles::decode_mask(bytes, "fuzz");
        pema::profiles::check_mask_shape(mask);
        require_same(pema::profiles::encode_mask(mask), bytes);
        break;
      }
      case 4:
        decode_row(bytes, false);
        break;
      case 5:
        decode_row(bytes, true);
        break;
      case 6:
        decode_setting(bytes);
        break;
      default:
        pema::profiles::check_name({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                   "fuzz");
        break;
    }
  } catch (const pema::Error&) {
  }
  return 0;
}
