#include "pema/adapter.h"

#include "tests/fuzz/repair_object.h"

namespace {

/// What is accepted must be usable and serialise to the same bytes.
void check(const std::vector<std::byte>& bytes) {
  const auto object = pema::AdapterBlock::from_bytes(bytes);
  pema::fuzz::require(object->serialise() == bytes);
  const pema::AdapterBlockView& view = object->view();
  pema::fuzz::require(view.down.rows == view.count * view.rank);
  pema::fuzz::require(static_cast<std::int64_t>(view.scale.size()) == view.count);
  for (std::int64_t i = 0; i < view.count; ++i) (void)object->adapter_digest(i);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pema::fuzz::read_object(data, size, check);
}
