// Input: the mask's size as a little-endian i32, then the stored bytes.
#include "pema/mask.h"

#include <algorithm>
#include <cstring>

#include "pema/error.h"
#include "tests/fuzz/repair_object.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  std::int32_t adapters = 0;
  if (bytes.size() < sizeof adapters) return 0;
  std::memcpy(&adapters, bytes.data(), sizeof adapters);
  const auto stored = bytes.subspan(sizeof adapters);
  try {
    const pema::BitMask mask = pema::BitMask::from_bytes(adapters, stored);
    const std::vector<std::byte> again = mask.to_bytes();
    pema::fuzz::require(std::equal(again.begin(), again.end(), stored.begin(), stored.end()));
    const std::vector<std::int64_t> indices = mask.indices();
    pema::fuzz::require(static_cast<std::int64_t>(indices.size()) == mask.popcount());
    pema::fuzz::require(pema::BitMask::from_indices(adapters, indices) == mask);
    pema::fuzz::require(mask.overlap(mask) == mask.popcount());
  } catch (const pema::Error& error) {
    pema::fuzz::require(error.code() == pema::ErrorCode::kCorrupt ||
                        error.code() == pema::ErrorCode::kInvalidArgument);
  }
  return 0;
}
