// A build without libpq.
#include <gtest/gtest.h>

#include "profiles/postgres/address.h"
#include "profiles/postgres/open.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

TEST(PostgresMissingTest, OpeningSaysWhatIsMissing) {
  EXPECT_TRUE(profiles::postgres::is_connection_string("postgresql://localhost/pema"));
  expect_error(
      ErrorCode::kUnsupported,
      [] {
        static_cast<void>(profiles::postgres::open_database("postgresql://ada:hunter2@localhost/x",
                                                            OpenMode::kReadWrite));
      },
      "libpq-dev");
}

}  // namespace
}  // namespace pema::test
