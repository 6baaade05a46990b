#include "profiles/sqlite/transaction.h"

#include "pema/error.h"

namespace pema::profiles::sqlite {

void Database::begin(TransactionKind kind) {
  execute(kind == TransactionKind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN");
}

void Database::commit() { execute("COMMIT"); }

void Database::rollback() noexcept {
  try {
    execute("ROLLBACK");
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): closing the connection rolls back too
  }
}

}  // namespace pema::profiles::sqlite
