// registry.url. What is accepted has one encoding.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pema/error.h"
#include "profiles/registry_address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  pema::profiles::RegistryAddress address;
  try {
    address = pema::profiles::decode_address(bytes, "fuzz");
  } catch (const pema::Error&) {
    return 0;
  }
  const std::string again = pema::profiles::encode_address(address);
  if (!std::ranges::equal(std::as_bytes(std::span(again)), bytes)) __builtin_trap();
  return 0;
}
