// The packed columns of table profile: the first byte picks one. What is accepted has one encoding.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pema/error.h"
#include "profiles/name.h"
#include "profiles/profile_codec.h"

namespace {

using Bytes = std::vector<std::byte>;

void require_same(const Bytes& encoded, const Bytes& given) {
  if (encoded != given) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto raw = std::as_bytes(std::span(data, size)).subspan(1);
  const Bytes bytes(raw.begin(), raw.end());
  try {
    switch (data[0] % 4) {
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
      default:
        pema::profiles::check_name({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                   "fuzz");
        break;
    }
  } catch (const pema::Error&) {
  }
  return 0;
}
