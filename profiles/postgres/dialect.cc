#include "profiles/postgres/dialect.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "pema/error.h"

namespace pema::profiles::postgres {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// End of the quoted text or comment that starts at `at`; `at` itself when none does.
std::size_t skip_literal(std::string_view sql, std::size_t at) {
  if (sql.substr(at, 2) == "--") return std::min(sql.find('\n', at), sql.size());
  if (sql[at] != '\'' && sql[at] != '"') return at;
  const std::size_t end = sql.find(sql[at], at + 1);
  // A doubled quote is two literals that touch: nothing lies between them.
  return end == std::string_view::npos ? sql.size() : end + 1;
}

}  // namespace

NativeSql native_sql(std::string_view sql) {
  NativeSql native;
  for (std::size_t at = 0; at < sql.size();) {
    const std::size_t literal = skip_literal(sql, at);
    if (literal > at) {
      native.text += sql.substr(at, literal - at);
      at = literal;
      continue;
    }
    const char c = sql[at++];
    if (c != '?') {
      native.text += c;
      continue;
    }
    native.text += native.text.ends_with(" IS ") ? "NOT DISTINCT FROM $" : "$";
    PEMA_ASSERT(at < sql.size() && is_digit(sql[at]));
    int number = 0;
    while (at < sql.size() && is_digit(sql[at])) {
      number = 10 * number + (sql[at] - '0');
      native.text += sql[at++];
    }
    PEMA_ASSERT(number > 0 && number <= 65535);
    native.parameters = std::max(native.parameters, number);
  }
  return native;
}

bool only_reads(std::string_view sql) noexcept {
  return sql.starts_with("SELECT ") && sql.find("FOR UPDATE") == std::string_view::npos;
}

}  // namespace pema::profiles::postgres
