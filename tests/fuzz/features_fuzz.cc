#include "pema/error.h"
#include "src/plm/feature_file.h"
#include "tests/fuzz/repair_object.h"

namespace {

constexpr std::int64_t kHidden = 4;

pema::plm::FeatureKey key() {
  pema::plm::FeatureKey key;
  key.hidden = kHidden;
  return key;
}

/// What is accepted must be usable and encode to the same bytes.
void read(const std::vector<std::byte>& bytes) {
  try {
    const auto found = pema::plm::decode_features(bytes, key(), "fuzz");
    const pema::Samples samples = found.samples.view();
    pema::fuzz::require(samples.features.cols == kHidden);
    pema::fuzz::require(samples.document_start.back() == samples.rows());
    pema::fuzz::require(pema::plm::encode_features(key(), samples, found.cost) == bytes);
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
