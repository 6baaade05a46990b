#include "src/engine/projection_file.h"
#include "tests/fuzz/repair_object.h"

namespace {

/// What is accepted must encode to the same bytes.
void check(const std::vector<std::byte>& bytes) {
  const pema::engine::ProjectionKey key{{}, pema::NumberType::kInt8, 2, 3};
  const auto entry = pema::engine::decode_projection(bytes, key, "fuzz");
  pema::fuzz::require(entry.projection_int8.rows() == key.rows);
  pema::fuzz::require(pema::engine::encode_projection(key, entry) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pema::fuzz::read_object(data, size, check);
}
