/// A transaction that ends with its scope.
#pragma once

#include "profiles/sqlite/database.h"

namespace pema::profiles::sqlite {

/// kWrite takes the write lock at once (BEGIN IMMEDIATE), so that what was read stays true until
/// the commit; kRead fixes one state of the database for several queries.
enum class TransactionKind { kWrite, kRead };

/// Rolled back by its destructor unless committed, also when an exception passes. Thread-safety: as
/// its Database.
class Transaction {
 public:
  /// Throws kBusy when another process keeps the lock; the transaction is then not begun.
  explicit Transaction(Database& database, TransactionKind kind = TransactionKind::kWrite);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// Throws kDiskFull, kIo or kBusy, after which the destructor rolls back. A second call is a bug
  /// (kInternal).
  void commit();

 private:
  Database& database_;
  bool open_ = false;
};

}  // namespace pema::profiles::sqlite
