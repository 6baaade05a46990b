#include <unistd.h>

#include "profiles/postgres/database.h"
#include "profiles/registry_address.h"
#include "tests/profiles/backend.h"
#include "tests/support/postgres_server.h"

namespace pema::test {
namespace {

using profiles::postgres::Database;

/// Without the server's programs nothing of this program is run.
class ServerThere final : public ::testing::Environment {
 public:
  void SetUp() override {
    if (const std::string reason = PostgresServer::missing(); !reason.empty()) {
      GTEST_SKIP() << reason;
    }
    static_cast<void>(shared_postgres());
  }
};

const auto* const kServerThere = ::testing::AddGlobalTestEnvironment(new ServerThere);

}  // namespace

StoreOptions new_store(StoreOptions options) {
  static const std::string database = shared_postgres().new_database();
  static int stores = 0;
  const std::string name = message("s", ::getpid(), "_", ++stores);
  Database(database, OpenMode::kReadWrite).execute("CREATE SCHEMA " + name);
  options.registry = database + "&options=-csearch_path%3D" + name;
  return options;
}

bool on_postgres() noexcept { return true; }

std::unique_ptr<profiles::sql::Database> tables_of(const std::string& folder) {
  return std::make_unique<Database>(profiles::read_address(profiles::address_file(folder)).url,
                                    OpenMode::kReadWrite);
}

}  // namespace pema::test
