#include "src/data/mail_date.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

#include "pema/error.h"

namespace pema::data {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

/// Reads a date from left to right; every step that fails leaves `ok` false for good.
struct Cursor {
  std::string_view rest;
  bool ok = true;

  void skip_spaces() noexcept {
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
  }
  bool accept(char c) noexcept {
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  void expect(char c) noexcept { ok = accept(c) && ok; }
  std::string_view letters() noexcept {
    std::size_t n = 0;
    while (n < rest.size() && is_letter(rest[n])) ++n;
    const std::string_view word = rest.substr(0, n);
    rest.remove_prefix(n);
    return word;
  }
  int number(std::size_t min_digits, std::size_t max_digits) noexcept {
    std::size_t n = 0;
    int value = 0;
    while (n < rest.size() && n < max_digits && is_digit(rest[n]))
      value = value * 10 + rest[n++] - '0';
    ok = ok && n >= min_digits && (n == rest.size() || !is_digit(rest[n]));
    rest.remove_prefix(n);
    digits = n;
    return value;
  }
  std::size_t digits = 0;  ///< that the last `number` read
};

int month_of(std::string_view word) noexcept {
  constexpr std::array<std::string_view, 12> kMonths = {
      "january", "february", "march",     "april",   "may",      "june",
      "july",    "august",   "september", "october", "november", "december"};
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (equal_ignoring_case(word, kMonths[i]) ||
        equal_ignoring_case(word, kMonths[i].substr(0, 3))) {
      return static_cast<int>(i) + 1;
    }
  }
  return 0;
}

/// Minutes east of UTC.
std::optional<int> parse_zone(Cursor& cursor) noexcept {
  if (cursor.rest.empty() || cursor.rest.front() == '(') return 0;
  const bool east = cursor.accept('+');
  if (east || cursor.accept('-')) {
    const int hhmm = cursor.number(4, 4);
    if (!cursor.ok || hhmm % 100 > 59 || hhmm > 1459) return std::nullopt;
    const int minutes = hhmm / 100 * 60 + hhmm % 100;
    return east ? minutes : -minutes;
  }
  constexpr std::array<std::pair<std::string_view, int>, 12> kZones = {{{"UT", 0},
                                                                        {"UTC", 0},
                                                                        {"GMT", 0},
                                                                        {"Z", 0},
                                                                        {"EST", -5},
                                                                        {"EDT", -4},
                                                                        {"CST", -6},
                                                                        {"CDT", -5},
                                                                        {"MST", -7},
                                                                        {"MDT", -6},
                                                                        {"PST", -8},
                                                                        {"PDT", -7}}};
  const std::string_view word = cursor.letters();
  for (const auto& [name, hours] : kZones) {
    if (equal_ignoring_case(word, name)) return hours * 60;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_mail_date(std::string_view text) noexcept {
  Cursor cursor{text};
  cursor.skip_spaces();
  if (!cursor.letters().empty()) {
    cursor.accept(',');
    cursor.skip_spaces();
  }
  const int day = cursor.number(1, 2);
  cursor.skip_spaces();
  const int month = month_of(cursor.letters());
  cursor.skip_spaces();
  int year = cursor.number(2, 4);
  if (cursor.digits == 2) year += year < 50 ? 2000 : 1900;
  cursor.skip_spaces();
  const int hour = cursor.number(1, 2);
  cursor.expect(':');
  const int minute = cursor.number(2, 2);
  int second = 0;
  if (cursor.accept(':')) second = cursor.number(2, 2);
  cursor.skip_spaces();
  const std::optional<int> zone = parse_zone(cursor);
  cursor.skip_spaces();
  const bool ended = cursor.rest.empty() || cursor.rest.front() == '(';
  if (!cursor.ok || !zone || !ended || month == 0 || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const std::int64_t seconds =
      days * 86400 + hour * 3600 + minute * 60 + second - std::int64_t{*zone} * 60;
  constexpr std::int64_t kEnd = 253402300800;  // 10000-01-01, so that iso_date keeps four digits
  if (seconds < 0 || seconds >= kEnd) return std::nullopt;
  return seconds;
}

std::string iso_date(std::int64_t utc_seconds) {
  PEMA_ASSERT(utc_seconds >= 0);
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{utc_seconds / 86400}}};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data();
}

}  // namespace pema::data
