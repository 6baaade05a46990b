#include "src/core/object_file.h"

#include <algorithm>

#include "pema/error.h"
#include "tests/fuzz/repair_object.h"

namespace {

using pema::core::ObjectKind;

/// What parses must be built again, byte for byte.
void parse(std::span<const std::byte> bytes) {
  for (const ObjectKind kind : {ObjectKind::kAdapterBlock, ObjectKind::kSegment,
                                ObjectKind::kBundle, ObjectKind::kFeatures}) {
    try {
      const pema::core::ObjectParts parts = pema::core::parse_object(bytes, kind, "fuzz");
      const std::vector<std::byte> again =
          pema::core::build_object(kind, parts.meta, parts.sections);
      pema::fuzz::require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    } catch (const pema::Error& error) {
      pema::fuzz::require(error.code() == pema::ErrorCode::kCorrupt ||
                          error.code() == pema::ErrorCode::kUnsupported);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  parse(bytes);
  parse(pema::fuzz::repaired(bytes));
  return 0;
}
