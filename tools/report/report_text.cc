#include "tools/report/report_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "pema/error.h"

namespace pema::tools::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";
constexpr std::string_view kMinus = "\xE2\x88\x92";

/// One decoded code point and the bytes it took; an invalid sequence takes one byte.
struct Decoded {
  std::uint32_t code_point = 0;
  std::size_t length = 1;
  bool valid = false;
};

Decoded decode(std::string_view raw, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < raw.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(raw[i])) : 0U;
  };
  const std::uint32_t lead = byte(at);
  if (lead < 0x80U) return {lead, 1, true};
  std::size_t length = 0;
  std::uint32_t value = 0;
  std::uint32_t smallest = 0;
  if (lead >= 0xC2U && lead <= 0xDFU) {
    length = 2, value = lead & 0x1FU, smallest = 0x80U;
  } else if (lead >= 0xE0U && lead <= 0xEFU) {
    length = 3, value = lead & 0x0FU, smallest = 0x800U;
  } else if (lead >= 0xF0U && lead <= 0xF4U) {
    length = 4, value = lead & 0x07U, smallest = 0x10000U;
  } else {
    return {};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80U) return {};
    value = (value << 6U) | (byte(at + i) & 0x3FU);
  }
  const bool surrogate = value >= 0xD800U && value <= 0xDFFFU;
  if (value < smallest || value > 0x10FFFFU || surrogate) return {};
  return {value, length, true};
}

bool showable(std::uint32_t c) {
  if (c == '\t' || c == '\n') return true;
  if (c < 0x20U || (c >= 0x7FU && c <= 0x9FU)) return false;
  // Bidirectional overrides and isolates could make a person's text reorder the page around it.
  if ((c >= 0x202AU && c <= 0x202EU) || (c >= 0x2066U && c <= 0x2069U)) return false;
  return (c & 0xFFFEU) != 0xFFFEU && !(c >= 0xFDD0U && c <= 0xFDEFU);
}

std::string digits_of(double value, int digits) {
  std::array<char, 64> buffer{};
  const auto [end, status] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                           std::chars_format::fixed, digits);
  PEMA_ASSERT(status == std::errc{});
  return {buffer.data(), end};
}

}  // namespace

std::string clean(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size();) {
    const Decoded next = decode(raw, at);
    if (next.valid && showable(next.code_point)) {
      out.append(raw.substr(at, next.length));
    } else if (!(next.valid && next.code_point == '\r')) {
      out.append(kReplacement);
    }
    at += next.length;
  }
  return out;
}

std::string escape(std::string_view raw) {
  std::string out;
  for (const char c : clean(raw)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::int64_t code_points(std::string_view text) {
  std::int64_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

std::string prefix(std::string_view raw, std::int64_t limit) {
  std::string text = clean(raw);
  std::size_t at = 0;
  for (std::int64_t kept = 0; kept < limit && at < text.size(); ++kept) {
    at += decode(text, at).length;
  }
  text.resize(at);
  return text;
}

std::string shorten(std::string_view raw, std::int64_t limit) {
  std::string text = clean(raw);
  if (code_points(text) <= limit) return text;
  return prefix(text, limit - 1).append(kEllipsis);
}

std::string fixed(double value, int digits) {
  std::string plain = digits_of(std::abs(value), digits);
  const bool zero = plain.find_first_not_of("0.") == std::string::npos;
  const std::size_t point = std::min(plain.find('.'), plain.size());
  for (std::size_t at = point; at > 3; at -= 3) plain.insert(at - 3, 1, ',');
  return value < 0 && !zero ? std::string(kMinus).append(plain) : plain;
}

std::string signed_fixed(double value, int digits) {
  std::string text = fixed(value, digits);
  const bool positive = value > 0 && text.find_first_not_of("0.") != std::string::npos;
  return positive ? std::string(1, '+').append(text) : text;
}

std::string trimmed(double value, int digits) {
  std::string text = fixed(value, digits);
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string byte_size(double bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < kUnits.size()) bytes /= 1000, ++unit;
  const int digits = unit == 0 || bytes >= 100 ? 0 : (bytes >= 10 ? 1 : 2);
  return trimmed(bytes, digits) + " " + std::string(kUnits[unit]);
}

std::string duration(double seconds) {
  if (seconds < 59.5) return fixed(seconds, seconds < 10 ? 1 : 0) + " s";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  const auto two = [](std::int64_t n) {
    return std::string(n < 10 ? "0" : "").append(std::to_string(n));
  };
  if (whole < 3600) return std::to_string(whole / 60) + " min " + two(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + two(whole % 3600 / 60) + " min";
}

std::string coordinate(double value) {
  std::string text = digits_of(value, 2);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string table(std::string_view caption, const std::vector<Column>& columns,
                  const std::vector<std::vector<std::string>>& rows) {
  const auto kind = [&](std::size_t i) { return columns.at(i).numeric ? " class=\"n\"" : ""; };
  PEMA_ASSERT(!columns.empty());
  const std::string name =
      caption.empty() ? "Table by: " + columns.front().header : std::string(caption);
  std::string out = "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"" +
                    escape(name) + "\"><table>";
  if (!caption.empty()) out += "<caption>" + escape(caption) + "</caption>";
  out += "<thead><tr>";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    out += std::string("<th scope=\"col\"") + kind(i) + ">" + escape(columns[i].header) + "</th>";
  }
  out += "</tr></thead>\n<tbody>";
  for (const auto& row : rows) {
    PEMA_ASSERT(row.size() == columns.size());
    out += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string tag = i == 0 ? "th" : "td";
      out.append("<").append(tag).append(i == 0 ? " scope=\"row\"" : "").append(kind(i));
      out.append(">").append(row[i]).append("</").append(tag).append(">");
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace pema::tools::report
