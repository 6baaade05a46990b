#include "tools/terminal/text_format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "pema/error.h"
#include "src/core/utf8.h"

namespace pema::tools {
namespace {

std::string two_digits(std::int64_t value) { return message(value < 10 ? "0" : "", value); }

}  // namespace

std::string format_fixed(double value, int decimals) {
  std::array<char, 400> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    std::chars_format::fixed, decimals);
  return {buffer.data(), result.ptr};
}

std::string format_bytes(std::int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && value >= 1024) {
    value /= 1024;
    ++unit;
  }
  return format_fixed(value, unit > 0 && value < 10 ? 1 : 0) + " " + kUnits[unit];
}

std::int64_t parse_bytes(std::string_view text) {
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::size_t power =
      unit.empty() ? std::string_view::npos : std::string_view("KMGT").find(unit[0]);
  double scale = 1;
  if (power != std::string_view::npos) {
    scale = std::exp2(10.0 * static_cast<double>(power + 1));
    unit.remove_prefix(1);
    if (unit == "iB") unit = {};
  }
  if (unit == "B") unit = {};
  PEMA_CHECK(error == std::errc() && unit.empty() && value >= 0 && value * scale < std::exp2(62),
             kInvalidArgument, "'", printable(text),
             "' is no size; write bytes, or a number with K, M, G or T, such as 512M");
  return static_cast<std::int64_t>(value * scale);
}

std::string format_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  if (seconds < 9.95) return format_fixed(seconds, 1) + " s";
  const std::int64_t whole = std::llround(seconds);
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) {
    return message(whole / 60, " min ", two_digits(whole % 60), " s");
  }
  return message(whole / 3600, " h ", two_digits(whole / 60 % 60), " min");
}

std::string format_rate(double per_second) {
  if (!(per_second >= 0) || per_second > 1e15) return "?";
  if (per_second < 99.95) return format_fixed(per_second, 1);
  if (per_second < 9999.5) return format_fixed(per_second, 0);
  if (per_second < 999.95e3) return format_fixed(per_second / 1e3, 1) + "k";
  return format_fixed(per_second / 1e6, 1) + "M";
}

int text_columns(std::string_view text) noexcept {
  int columns = 0;
  for (const char byte : text) {
    if ((static_cast<unsigned char>(byte) & 0xc0) != 0x80) ++columns;
  }
  return columns;
}

std::string printable(std::string_view text) {
  constexpr const char* kHex = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    const std::size_t size = core::utf8_character_bytes(text);
    if (size == 0 || byte < 32 || byte == 127) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
      text.remove_prefix(1);
    } else {
      out += text.substr(0, size);
      text.remove_prefix(size);
    }
  }
  return out;
}

Table::Table(std::vector<std::string> titles) {
  for (std::string& title : titles) {
    const bool right = title.starts_with('>');
    if (right) title.erase(0, 1);
    right_.push_back(right);
  }
  rows_.push_back(std::move(titles));
}

void Table::add(std::vector<std::string> cells) {
  PEMA_ASSERT(cells.size() == right_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<int> widths(right_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], text_columns(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(static_cast<std::size_t>(widths[i] - text_columns(row[i])), ' ');
      if (i > 0) line += "  ";
      line += right_[i] ? pad + row[i] : row[i] + pad;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line;
    out += '\n';
  }
  return out;
}

}  // namespace pema::tools
