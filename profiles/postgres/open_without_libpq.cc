// Takes the place of this folder's sources where libpq was not found.
#include "pema/error.h"
#include "profiles/postgres/open.h"

namespace pema::profiles::postgres {

namespace {

[[noreturn]] void refuse() {
  fail(ErrorCode::kUnsupported,
       "this build of pema has no PostgreSQL: libpq was missing when it was configured; install "
       "libpq-dev, configure and build again, or use a store in a folder");
}

}  // namespace

std::unique_ptr<sql::Database> open_database(const std::string& /*connection_string*/,
                                             OpenMode /*mode*/, std::string_view /*mark*/) {
  refuse();
}

void check_storable(const std::string& /*connection_string*/) { refuse(); }

}  // namespace pema::profiles::postgres
