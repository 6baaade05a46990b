#include "profiles/postgres/address.h"

#include "pema/error.h"

namespace pema::profiles::postgres {

bool is_connection_string(std::string_view text) noexcept {
  return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

std::string address_of(std::string_view host, std::string_view port, std::string_view database) {
  return message("postgresql://", host, port.empty() ? "" : ":", port, "/", database);
}

}  // namespace pema::profiles::postgres
