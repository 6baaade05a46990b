#include "src/core/object_file.h"

#include "tests/fuzz/repair_object.h"

namespace {

using pema::core::ObjectKind;

/// What parses must be built again, byte for byte.
void check(const std::vector<std::byte>& bytes) {
  for (const ObjectKind kind :
       {ObjectKind::kAdapterBlock, ObjectKind::kSegment, ObjectKind::kBundle, ObjectKind::kFeatures,
        ObjectKind::kProjection, ObjectKind::kRoundedSegment, ObjectKind::kCodebook,
        ObjectKind::kTurnedCodebook}) {
    pema::fuzz::accept_or_refuse([&] {
      const pema::core::ObjectParts parts = pema::core::parse_object(bytes, kind, "fuzz");
      pema::fuzz::require(pema::core::build_object(kind, parts.meta, parts.sections) == bytes);
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pema::fuzz::read_object(data, size, check);
}
