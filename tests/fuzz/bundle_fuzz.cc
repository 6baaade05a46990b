// A whole bundle, or only its metadata under good checksums: a fuzzer cannot guess a CRC.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pema/error.h"
#include "profiles/bundle.h"
#include "src/core/object_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    const pema::profiles::Bundle bundle = pema::profiles::decode_bundle(bytes, "fuzz");
    // What was accepted has one encoding.
    if (pema::profiles::encode_bundle(bundle) !=
        std::vector<std::byte>(bytes.begin(), bytes.end())) {
      __builtin_trap();
    }
  } catch (const pema::Error&) {
  }
  try {
    const std::span<const std::byte> sections[] = {{}};
    const std::vector<std::byte> wrapped = pema::core::build_object(
        pema::core::ObjectKind::kBundle,
        bytes.first(std::min<std::size_t>(size, pema::core::kMaxMetaBytes)), sections);
    static_cast<void>(pema::profiles::decode_bundle(wrapped, "fuzz"));
  } catch (const pema::Error&) {
  }
  return 0;
}
