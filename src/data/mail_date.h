/// Dates of changelog trailers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pema::data {

/// Seconds since 1970-01-01 UTC of an RFC 2822 date ("Mon, 02 Jan 2006 15:04:05 -0700"; the weekday
/// and the seconds may be missing, the zone may be a name of RFC 2822 or missing, a comment in
/// parentheses may follow). Nothing for any other text, for days that do not exist, and for years
/// outside [1970, 9999]. The weekday is not compared with the date: many old trailers have a wrong
/// one. Never throws. Thread-safety: pure.
[[nodiscard]] std::optional<std::int64_t> parse_mail_date(std::string_view text) noexcept;

/// "YYYY-MM-DD" in UTC of such seconds, for years in [1970, 9999].
[[nodiscard]] std::string iso_date(std::int64_t utc_seconds);

}  // namespace pema::data
