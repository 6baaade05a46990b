/// Connection strings. What is in them stays in them: messages show host, port and database alone.
#pragma once

#include <string>
#include <string_view>

namespace pema::profiles::postgres {

/// True for what names a database instead of a folder: "postgresql://..." or "postgres://...".
/// Thread-safety: reentrant.
[[nodiscard]] bool is_connection_string(std::string_view text) noexcept;

/// "postgresql://host:port/database". Never user, password or options.
[[nodiscard]] std::string address_of(std::string_view host, std::string_view port,
                                     std::string_view database);

}  // namespace pema::profiles::postgres
