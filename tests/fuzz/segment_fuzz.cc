#include "pema/memory.h"

#include "tests/fuzz/repair_object.h"

namespace {

/// What is accepted must be usable and serialise to the same bytes.
void check(const std::vector<std::byte>& bytes) {
  const auto object = pema::Segment::from_bytes(bytes);
  pema::fuzz::require(object->serialise() == bytes);
  const std::int64_t entries = object->info().entries;
  pema::fuzz::require(static_cast<std::int64_t>(object->tokens().size()) == entries);
  const std::shared_ptr<const pema::Segment> segments[] = {object};
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
