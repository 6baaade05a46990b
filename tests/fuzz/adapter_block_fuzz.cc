#include "pema/adapter.h"

#include "pema/error.h"
#include "tests/fuzz/repair_object.h"

namespace {

/// What is accepted must be usable and serialise to the same bytes.
void read(const std::vector<std::byte>& bytes) {
  try {
    const auto object = pema::AdapterBlock::from_bytes(bytes);
    pema::fuzz::require(object->serialise() == bytes);
    const pema::AdapterBlockView& view = object->view();
    pema::fuzz::require(view.down.rows == view.count * view.rank);
    pema::fuzz::require(static_cast<std::int64_t>(view.scale.size()) == view.count);
    for (std::int64_t i = 0; i < view.count; ++i) (void)object->adapter_digest(i);
  } catch (const pema::Error& error) {
    pema::fuzz::require(error.code() == pema::ErrorCode::kCorrupt ||
                        error.code() == pema::ErrorCode::kUnsupported);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  read({bytes.begin(), bytes.end()});
  read(pema::fuzz::repaired(bytes));
  return 0;
}
