// What an index keeps of every key: names, bytes, and which codes are chosen.
#include "pema/codebook.h"
#include "pema/error.h"
#include "src/memory/segment_index.h"

namespace pema {

std::string_view to_string(IndexCodes codes) noexcept {
  switch (codes) {
    case IndexCodes::kAuto:
      return "auto";
    case IndexCodes::kInt8:
      return "int8";
    case IndexCodes::kProduct:
      break;
  }
  return "product";
}

IndexCodes parse_index_codes(std::string_view text) {
  for (const IndexCodes codes : {IndexCodes::kAuto, IndexCodes::kInt8, IndexCodes::kProduct}) {
    if (text == to_string(codes)) return codes;
  }
  fail(ErrorCode::kInvalidArgument, "an index has no codes '", text,
       "'; use auto, int8 or product");
}

namespace memory {

void check_segments(const Segments& segments) {
  PEMA_CHECK(!segments.empty(), kInvalidArgument, "an index needs at least one segment");
  for (const auto& segment : segments) {
    PEMA_CHECK(segment != nullptr, kInvalidArgument, "a segment of an index is null");
    const SegmentInfo& info = segment->info();
    const SegmentInfo& first = segments[0]->info();
    PEMA_CHECK(info.hidden == first.hidden && info.model == first.model && info.site == first.site,
               kMismatch, "segment ", segment->digest().short_hex(),
               " is of another base model, site or width than ", segments[0]->digest().short_hex(),
               "; index segments of one base model together");
  }
  PEMA_CHECK(segments[0]->info().hidden <= kernels::ListCodes::kMaxCols, kUnsupported,
             "keys of width ", segments[0]->info().hidden, " are too wide for an index (",
             kernels::ListCodes::kMaxCols, " at most); search them without one");
}

std::int64_t key_code_bytes(std::int64_t hidden, IndexCodes codes, std::int64_t bytes_per_key) {
  return codes == IndexCodes::kInt8 ? (hidden + 3) / 4 * 4 + 20 : bytes_per_key + 12;
}

std::int64_t code_bytes(const Segments& segments, IndexCodes codes, std::int64_t bytes_per_key) {
  std::int64_t sum = 0;
  for (const auto& segment : segments) {
    const SegmentInfo& info = segment->info();
    if (info.keys == KeyType::kProductQuantised) continue;  // left out of an index
    sum += info.entries * key_code_bytes(info.hidden, codes, bytes_per_key);
  }
  return sum;
}

void check_options(std::int64_t lists, std::int64_t bytes_per_key, std::int64_t memory_budget) {
  PEMA_CHECK(bytes_per_key >= 1 && bytes_per_key <= Codebook::kMaxParts && memory_budget >= 0 &&
                 lists >= 0,
             kInvalidArgument, "an index of ", lists, " lists, ", bytes_per_key,
             " bytes a key and a budget of ", memory_budget,
             " bytes cannot be built; bytes per key are in [1, ", Codebook::kMaxParts, "]");
}

IndexCodes SegmentIndex::choose_codes(const IndexOptions& options) const {
  check_options(options.lists, options.bytes_per_key, options.memory_budget);
  const std::int64_t half = options.memory_budget / 2;
  const auto needs = [&](IndexCodes codes) {
    return code_bytes(segments_, codes, options.bytes_per_key);
  };
  const bool roomy = half == 0 || needs(IndexCodes::kInt8) <= half;
  const IndexCodes codes = options.codes != IndexCodes::kAuto ? options.codes
                           : roomy                            ? IndexCodes::kInt8
                                                              : IndexCodes::kProduct;
  PEMA_CHECK(half == 0 || needs(codes) <= half, kOverBudget, "the index in ", to_string(codes),
             " codes takes ", needs(codes), " bytes, more than half of the budget of ",
             options.memory_budget, "; give it more, or fewer bytes per key");
  return codes;
}

}  // namespace memory
}  // namespace pema
