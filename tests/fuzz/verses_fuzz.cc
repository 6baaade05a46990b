#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>

#include "pema/error.h"
#include "src/core/utf8.h"
#include "src/data/verses.h"
#include "tests/fuzz/repair_object.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using pema::fuzz::require;
  std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
  try {
    for (const auto& book : pema::data::parse_verses(in, "fuzz")) {
      require(!book.key.empty() && !book.entries.empty());
      for (const auto& verse : book.entries) {
        require(!verse.target.empty() && pema::core::is_utf8(verse.target));
        require(verse.prompt.size() > 1 && verse.prompt.back() == '\n');
      }
    }
  } catch (const pema::Error& error) {
    require(error.code() == pema::ErrorCode::kCorrupt);
  }
  return 0;
}
