#include "profiles/sqlite/database.h"
#include "tests/profiles/backend.h"

namespace pema::test {

StoreOptions new_store(StoreOptions options) { return options; }

bool on_postgres() noexcept { return false; }

std::unique_ptr<profiles::sql::Database> tables_of(const std::string& folder) {
  return std::make_unique<profiles::sqlite::Database>(folder + "/registry.db",
                                                      OpenMode::kReadWrite);
}

}  // namespace pema::test
