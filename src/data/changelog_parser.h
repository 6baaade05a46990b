/// The grammar of Debian changelogs (Debian Policy 4.4), line by line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pema::data {

/// Why an entry cannot be used.
enum class EntryFault : std::uint8_t {
  kNone = 0,
  kBadDate,    ///< the trailer's date is not an RFC 2822 date
  kNotUtf8,    ///< a byte outside UTF-8 in any of its lines
  kMalformed,  ///< no trailer, a trailer without name and address, text in column 0
  kEmpty,      ///< nothing between header and trailer
  kMachine,    ///< binary-only=yes: written by a build daemon, not by a person
};

/// One entry: `source (version) distributions; urgency=U`, lines, ` -- Name <mail>  date`.
struct ChangelogEntry {
  std::string source;
  std::string version;
  std::string distributions;     ///< joined by one space
  std::string urgency;           ///< lower case; "unknown" where the header has none
  std::string text;              ///< lines without indentation, joined by "\n"; no blank lines
  std::string name;              ///< as written
  std::string mail;              ///< as written
  std::int64_t utc_seconds = 0;  ///< since 1970-01-01
  EntryFault fault = EntryFault::kNone;  ///< other fields may be empty when it is not kNone
};

/// Reads one changelog. Lines outside entries (comments, editor variables, old free text) are
/// skipped. Thread-safety: one thread at a time.
class ChangelogParser {
 public:
  /// Takes one line without its "\n". Returns false when the first line that says anything is not
  /// a changelog header: the text is not a Debian changelog and reading on is useless.
  bool line(std::string_view text);
  /// Ends the text: an entry without trailer becomes kMalformed.
  void finish();
  /// False until the first header was seen.
  [[nodiscard]] bool is_debian() const noexcept { return seen_header_; }
  [[nodiscard]] std::vector<ChangelogEntry>& entries() noexcept { return entries_; }

 private:
  void close_entry();
  void trailer(std::string_view text);

  bool seen_header_ = false;
  bool open_ = false;
  bool utf8_ = true;
  ChangelogEntry current_;
  std::vector<ChangelogEntry> entries_;
};

/// All entries of a changelog in memory; empty for text that is not a Debian changelog.
[[nodiscard]] std::vector<ChangelogEntry> parse_changelog(std::string_view text);

}  // namespace pema::data
