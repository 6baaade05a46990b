/// The one dialect of profiles/ as PostgreSQL's.
#pragma once

#include <string>
#include <string_view>

namespace pema::profiles::postgres {

struct NativeSql {
  std::string text;    ///< with $1 for ?1
  int parameters = 0;  ///< the highest number among them
};

/// Rewrites ?N to $N, and IS ?N (equal, or both NULL) to IS NOT DISTINCT FROM $N, outside of quotes
/// and comments. Throws kInternal for a '?' without a number.
[[nodiscard]] NativeSql native_sql(std::string_view sql);

/// True for a query that changes nothing, so that it may be asked again.
[[nodiscard]] bool only_reads(std::string_view sql) noexcept;

}  // namespace pema::profiles::postgres
