/// Text of the report: escaping and numbers, independent of the process's locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pema::tools::report {

/// `raw` as valid UTF-8 that XML and HTML both accept: invalid sequences, control characters other
/// than tab and newline, noncharacters and bidirectional overrides become U+FFFD; carriage returns
/// are dropped. Not escaped.
[[nodiscard]] std::string clean(std::string_view raw);

/// `clean(raw)` with & < > " ' as character references; safe in element text and in attributes.
[[nodiscard]] std::string escape(std::string_view raw);

/// The first `limit` code points of `clean(raw)`.
[[nodiscard]] std::string prefix(std::string_view raw, std::int64_t limit);

/// The first `limit` code points of `clean(raw)`, the last one an ellipsis where some were cut.
[[nodiscard]] std::string shorten(std::string_view raw, std::int64_t limit);

/// Code points in a valid UTF-8 string.
[[nodiscard]] std::int64_t code_points(std::string_view text);

/// `value` with `digits` decimals, thousands separated by commas, U+2212 as the minus sign; a value
/// that rounds to zero has no sign. Requires a finite value, |value| <= 1e15.
[[nodiscard]] std::string fixed(double value, int digits);

/// `fixed` with an explicit + before positive values.
[[nodiscard]] std::string signed_fixed(double value, int digits);

/// `value` with at most `digits` decimals and no trailing zeros: 0.5, 1, 0.25.
[[nodiscard]] std::string trimmed(double value, int digits);

/// Bytes in decimal units: "128 B", "36.9 kB", "1.38 MB" (1 kB = 1,000 B).
[[nodiscard]] std::string byte_size(double bytes);

/// Seconds as "2.1 s", "5 min 20 s" or "1 h 02 min".
[[nodiscard]] std::string duration(double seconds);

/// A plain SVG coordinate: at most two decimals, ASCII minus.
[[nodiscard]] std::string coordinate(double value);

/// One column of a table.
struct Column {
  std::string header;    ///< plain text, escaped by `table`
  bool numeric = false;  ///< right-aligned with tabular figures
};

/// An HTML table in a box that scrolls sideways. `rows` hold markup (already escaped), one cell per
/// column; the first cell of a row is its header. `caption` is plain text; "" writes none.
[[nodiscard]] std::string table(std::string_view caption, const std::vector<Column>& columns,
                                const std::vector<std::vector<std::string>>& rows);

}  // namespace pema::tools::report
