#include "tools/key_choice.h"

#include <vector>

#include "pema/error.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {

CodebookRecord require_codebook(const Store& store, const std::string& name) {
  if (const auto codebook = store.find_codebook(name)) return *codebook;
  std::string known;
  for (const CodebookRecord& codebook : store.codebooks()) {
    if (codebook.name.empty()) continue;
    known += (known.empty() ? "" : ", ") + printable(codebook.name);
  }
  fail(ErrorCode::kNotFound, "no codebook '", printable(name), "' in ", store.folder(), "; there ",
       known.empty() ? std::string("are none, learn one with `pema memory codebook train`")
                     : "are: " + known);
}

KeyChoice choose_keys(const Store& store, const std::string& text) {
  const std::size_t colon = text.find(':');
  KeyChoice choice;
  choice.type = parse_key_type(text.substr(0, colon));
  const bool quantised = choice.type == KeyType::kProductQuantised;
  PEMA_CHECK(quantised || colon == std::string::npos, kInvalidArgument, "'", printable(text),
             "': only pq keys have a codebook");
  if (!quantised) return choice;
  if (colon != std::string::npos) {
    choice.codebook = store.load_codebook(require_codebook(store, text.substr(colon + 1)).digest);
    return choice;
  }
  const std::vector<CodebookRecord> codebooks = store.codebooks();
  PEMA_CHECK(!codebooks.empty(), kNotFound, "there is no codebook in ", store.folder(),
             "; learn one with `pema memory codebook train NAME --from SEGMENT`");
  PEMA_CHECK(codebooks.size() == 1, kInvalidArgument, "there are ", codebooks.size(),
             " codebooks in ", store.folder(), "; choose with pq:NAME (`pema memory codebook ls`)");
  choice.codebook = store.load_codebook(codebooks[0].digest);
  return choice;
}

KeyChoice keys_of(const Store& store, const SegmentRecord& segment) {
  KeyChoice choice;
  choice.type = segment.info.keys;
  if (!segment.info.codebook.is_zero()) {
    choice.codebook = store.load_codebook(segment.info.codebook);
  }
  return choice;
}

std::shared_ptr<const Segment> make_segment(SegmentInfo info, MatrixView<const float> keys,
                                            std::span<const std::int32_t> tokens,
                                            const KeyChoice& choice) {
  info.keys = choice.type;
  return Segment::make(info, keys, tokens, choice.codebook);
}

}  // namespace pema::tools
