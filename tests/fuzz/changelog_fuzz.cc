#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/core/utf8.h"
#include "src/data/changelog_parser.h"
#include "src/data/mail_date.h"
#include "tests/fuzz/repair_object.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using pema::fuzz::require;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& entry : pema::data::parse_changelog(text)) {
    require(!entry.source.empty() && !entry.version.empty());
    if (entry.fault != pema::data::EntryFault::kNone) continue;
    require(!entry.text.empty() && entry.text.size() <= size);
    require(pema::core::is_utf8(entry.text) && pema::core::is_utf8(entry.name));
    require(!entry.name.empty() || !entry.mail.empty());
    require(pema::data::iso_date(entry.utc_seconds).size() == 10);
  }
  if (const auto seconds = pema::data::parse_mail_date(text)) {
    require(pema::data::iso_date(*seconds).size() == 10);
  }
  return 0;
}
