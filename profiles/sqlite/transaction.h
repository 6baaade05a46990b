/// Transactions of SQLite: those of profiles/sql.
#pragma once

#include "profiles/sql/transaction.h"
#include "profiles/sqlite/database.h"

namespace pema::profiles::sqlite {

using sql::Transaction;
using sql::TransactionKind;

}  // namespace pema::profiles::sqlite
