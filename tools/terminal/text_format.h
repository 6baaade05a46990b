/// Sizes, times and tables as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pema::tools {

/// "0 B", "1023 B", "1.5 KiB", "94 MiB".
[[nodiscard]] std::string format_bytes(std::int64_t bytes);
/// Bytes of "1000000", "512M", "1.5G" or "2GiB"; K, M, G and T are powers of 1024, with or without
/// "B" or "iB". Throws kInvalidArgument on anything else, and from 2^62 on.
[[nodiscard]] std::int64_t parse_bytes(std::string_view text);
/// "0.4 s", "12 s", "3 min 20 s", "2 h 05 min". Negative or not finite: "?".
[[nodiscard]] std::string format_duration(double seconds);
/// "950", "12.3k", "4.5M": at most five characters for a rate.
[[nodiscard]] std::string format_rate(double per_second);
/// printf's %.*f with a point whatever the locale.
[[nodiscard]] std::string format_fixed(double value, int decimals);

/// Columns of a UTF-8 text, one per character; enough for names and numbers.
[[nodiscard]] int text_columns(std::string_view text) noexcept;
/// The text with bytes below 32, 127 and bytes that are not UTF-8 shown as \xNN, so that a name
/// cannot move the cursor.
[[nodiscard]] std::string printable(std::string_view text);

/// A table with a header row, columns padded, numbers to the right.
class Table {
 public:
  /// A leading '>' in a title aligns the column to the right.
  explicit Table(std::vector<std::string> titles);
  /// Throws kInternal when the number of cells differs from the number of titles.
  void add(std::vector<std::string> cells);
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<bool> right_;
};

}  // namespace pema::tools
