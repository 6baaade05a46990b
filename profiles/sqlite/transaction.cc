#include "profiles/sqlite/transaction.h"

#include "pema/error.h"

namespace pema::profiles::sqlite {

Transaction::Transaction(Database& database, TransactionKind kind) : database_(database) {
  database_.execute(kind == TransactionKind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN");
  open_ = true;
}

Transaction::~Transaction() {
  // SQLite has already rolled back by itself after some errors, a full disk among them.
  if (!open_ || !database_.in_transaction()) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): closing the connection rolls back too
  }
}

void Transaction::commit() {
  PEMA_ASSERT(open_);
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace pema::profiles::sqlite
