#include "tools/terminal/time_text.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>

#include "pema/error.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr std::int64_t kDay = 86'400;

/// Digits at the front of `text`, exactly `digits` of them; takes them and `end` behind them away.
std::optional<int> take_number(std::string_view& text, std::size_t digits, char end) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  const auto read = std::from_chars(text.data(), text.data() + digits, value);
  if (read.ec != std::errc() || read.ptr != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  if (end != '\0') {
    if (text.empty() || text[0] != end) return std::nullopt;
    text.remove_prefix(1);
  }
  return value;
}

std::optional<std::int64_t> read_time(std::string_view text) {
  if (text.ends_with('Z')) text.remove_suffix(1);
  const auto year = take_number(text, 4, '-');
  const auto month = take_number(text, 2, '-');
  if (!year || !month) return std::nullopt;
  const auto day = take_number(text, 2, '\0');
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  std::int64_t seconds = std::chrono::sys_days(date).time_since_epoch().count() * kDay;
  if (text.empty()) return seconds;
  if (text[0] != 'T') return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take_number(text, 2, ':');
  const auto minute = take_number(text, 2, text.size() > 2 ? ':' : '\0');
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  seconds += *hour * 3600 + *minute * 60;
  if (text.empty()) return seconds;
  const auto second = take_number(text, 2, '\0');
  if (!second || *second > 59 || !text.empty()) return std::nullopt;
  return seconds + *second;
}

std::int64_t unit_seconds(char unit) {
  switch (unit) {
    case 'd':
      return kDay;
    case 'h':
      return 3600;
    case 'm':
      return 60;
    case 's':
      return 1;
    default:
      return 0;
  }
}

}  // namespace

std::string format_time(std::int64_t seconds) {
  const std::int64_t days = (seconds >= 0 ? seconds : seconds - (kDay - 1)) / kDay;
  const std::int64_t clock = seconds - days * kDay;
  if (days < -719'528 || days > 2'932'896) return message(seconds, " seconds after 1970");
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock / 3600), static_cast<int>(clock / 60 % 60),
                static_cast<int>(clock % 60));
  return text;
}

std::int64_t parse_time(std::string_view text) {
  const std::optional<std::int64_t> seconds = read_time(text);
  PEMA_CHECK(seconds.has_value(), kInvalidArgument, "'", printable(text),
             "' is no time; use UTC as in 2027-01-31 or 2027-01-31T12:00:00Z");
  return *seconds;
}

std::int64_t parse_period(std::string_view text) {
  std::int64_t count = 0;
  const std::int64_t unit = text.empty() ? 0 : unit_seconds(text.back());
  const char* const end = text.data() + text.size() - (text.empty() ? 0 : 1);
  const auto read = std::from_chars(text.data(), end, count);
  PEMA_CHECK(unit > 0 && read.ec == std::errc() && read.ptr == end && count > 0 &&
                 count <= 1'000'000 * (kDay / unit),
             kInvalidArgument, "'", printable(text),
             "' is no period; use a number with d, h, m or s, as in 90d");
  return count * unit;
}

std::string format_period(std::int64_t seconds) {
  if (seconds % kDay != 0) return message(seconds, " s");
  return message(seconds / kDay, seconds == kDay ? " day" : " days");
}

}  // namespace pema::tools
