/// Dates and periods as text, always UTC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pema::tools {

/// "2027-01-31T12:00:00Z" of seconds since 1970; the number itself outside of the years 0 to 9999.
[[nodiscard]] std::string format_time(std::int64_t seconds);
/// The reverse, also of "2027-01-31" (its first second) and "2027-01-31T12:00", with or without the
/// Z. Throws kInvalidArgument on anything else and on days that no calendar has.
[[nodiscard]] std::int64_t parse_time(std::string_view text);
/// Seconds of "90d", "12h", "30m", "45s". Throws kInvalidArgument on anything else, on 0 and above
/// a million days.
[[nodiscard]] std::int64_t parse_period(std::string_view text);
/// "90 days" where it is whole days, "N s" otherwise.
[[nodiscard]] std::string format_period(std::int64_t seconds);

}  // namespace pema::tools
