// Encrypted objects, under a key of zeros: the first byte of the input is left out when it is 0,
// and the rest is then sealed before it is opened, so that both sides of the seal are walked.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pema/error.h"
#include "profiles/seal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const pema::profiles::DataKey key;
  try {
    if (size > 0 && data[0] == 0) {
      const auto plain = bytes.subspan(1);
      const auto file = pema::profiles::seal_object(plain, key);
      const auto opened = pema::profiles::open_sealed_object(file, key, "fuzz");
      if (!std::ranges::equal(opened.bytes, plain)) __builtin_trap();
    } else {
      static_cast<void>(pema::profiles::open_sealed_object(bytes, key, "fuzz"));
    }
  } catch (const pema::Error&) {
  }
  return 0;
}
