/// A transaction that ends with its scope, and one that is run again when it has to be.
#pragma once

#include <functional>

#include "profiles/sql/database.h"

namespace pema::profiles::sql {

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

/// How often run_transaction runs a transaction before it gives up.
inline constexpr int kTransactionAttempts = 8;

/// Runs `body` in a transaction and commits it; after a TransientError again from the start, with
/// growing random pauses (5 to 640 ms), kTransactionAttempts times in all. `body` must give the
/// same result when it runs again. Throws what the last attempt threw; an InDoubtError at once.
void run_transaction(Database& database, TransactionKind kind, const std::function<void()>& body);

}  // namespace pema::profiles::sql
