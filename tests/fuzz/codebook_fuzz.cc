#include "pema/codebook.h"

#include "pema/memory.h"
#include "tests/fuzz/repair_object.h"

namespace {

/// What is accepted must be usable and serialise to the same bytes.
void check(const std::vector<std::byte>& bytes) {
  const auto codebook = pema::Codebook::from_bytes(bytes);
  pema::fuzz::require(codebook->serialise() == bytes);
  const pema::CodebookInfo& book = codebook->info();
  pema::SegmentInfo info;
  info.model = book.model;
  info.site = book.site;
  info.hidden = book.hidden;
  info.vocab = 9;
  info.keys = pema::KeyType::kProductQuantised;
  pema::Matrix<float> key(1, book.hidden);
  key.row(0)[0] = 1;
  const std::int32_t token[] = {4};
  const std::shared_ptr<const pema::Segment> segments[] = {
      pema::Segment::make(info, key.view(), token, codebook)};
  pema::fuzz::require(pema::recall(segments, key.view().row_span(0), 3).size() == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pema::fuzz::read_object(data, size, check);
}
