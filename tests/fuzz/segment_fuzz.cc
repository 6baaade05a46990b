#include <algorithm>

#include "pema/codebook.h"
#include "pema/memory.h"
#include "tests/fuzz/repair_object.h"
#include "tests/fuzz/tiny_codebook.h"

namespace {

/// What is accepted must be usable and serialise to the same bytes.
void check(const std::vector<std::byte>& bytes) {
  const auto object =
      pema::Segment::from_bytes(bytes, [](const pema::Digest&) { return pema::fuzz::codebook(); });
  pema::fuzz::require(object->serialise() == bytes);
  const std::int64_t entries = object->info().entries;
  pema::fuzz::require(static_cast<std::int64_t>(object->tokens().size()) == entries);
  const std::shared_ptr<const pema::Segment> segments[] = {object};
  std::vector<float> key(static_cast<std::size_t>(object->info().hidden));
  if (object->info().keys != pema::KeyType::kFloat32) {
    for (std::int64_t i = 0; i < entries; ++i) object->decode(i, key);
    std::fill(key.begin(), key.end(), 0.0F);
    key[0] = 1;
    const auto found = pema::recall(segments, key, 3);
    pema::fuzz::require(std::ssize(found) == std::min<std::int64_t>(3, entries));
    return;
  }
  for (std::int64_t i = 0; i < entries; ++i) {
    const auto found = pema::recall(segments, object->keys().row_span(i), 3);
    pema::fuzz::require(!found.empty() && found[0].distance == 0.0F);
    pema::fuzz::require(!pema::recall_distribution(found, 0.02).empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pema::fuzz::read_object(data, size, check);
}
