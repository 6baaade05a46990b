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
void check(const std::vector<std::byte>& bytes) {
  const auto found = pema::plm::decode_features(bytes, key(), "fuzz");
  const pema::Samples samples = found.samples.view();
  pema::fuzz::require(samples.features.cols == kHidden);
  pema::fuzz::require(samples.document_start.back() == samples.rows());
  pema::fuzz::require(pema::plm::encode_features(key(), samples, found.cost) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pema::fuzz::read_object(data, size, check);
}
