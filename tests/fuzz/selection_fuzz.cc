// A selection of profiles as it came, and with the digest at its end made right, which a fuzzer
// cannot guess.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "profiles/selection.h"
#include "tests/fuzz/repair_object.h"

namespace {

constexpr std::size_t kEndBytes = 34;

/// With an end that fits what precedes it.
std::vector<std::byte> ended(std::span<const std::byte> data) {
  std::vector<std::byte> bytes(data.begin(), data.end());
  if (bytes.size() < kEndBytes) return bytes;
  const auto body = std::span(bytes).first(bytes.size() - kEndBytes);
  const pema::Digest digest = pema::sha256(body);
  bytes[body.size()] = std::byte{0};
  bytes[body.size() + 1] = std::byte{32};
  std::copy_n(std::as_bytes(std::span(digest.bytes)).begin(), 32, bytes.end() - 32);
  return bytes;
}

void read(std::span<const std::byte> bytes) {
  const pema::profiles::SelectionContent content = pema::profiles::check_selection(bytes, "fuzz");
  std::int64_t profiles = 0;
  pema::profiles::visit_selection(bytes, "fuzz",
                                  [&](const pema::profiles::SelectionProfile&) { ++profiles; });
  pema::fuzz::require(profiles == content.profiles);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  pema::fuzz::accept_or_refuse([&] { read(bytes); });
  const std::vector<std::byte> repaired = ended(bytes);
  pema::fuzz::accept_or_refuse([&] { read(repaired); });
  return 0;
}
