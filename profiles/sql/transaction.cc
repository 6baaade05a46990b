#include "profiles/sql/transaction.h"

#include <chrono>
#include <random>
#include <thread>

namespace pema::profiles::sql {
namespace {

/// Half of 10, 20, 40 ... ms and a random other half, so that two that met do not meet again.
void pause_before(int attempt) {
  thread_local std::minstd_rand random(std::random_device{}());
  const int half = 5 << attempt;
  std::uniform_int_distribution<int> other_half(0, half);
  std::this_thread::sleep_for(std::chrono::milliseconds(half + other_half(random)));
}

}  // namespace

Transaction::Transaction(Database& database, TransactionKind kind) : database_(database) {
  database_.begin(kind);
  open_ = true;
}

Transaction::~Transaction() {
  // SQLite has already rolled back by itself after some errors, a full disk among them.
  if (open_ && database_.in_transaction()) database_.rollback();
}

void Transaction::commit() {
  PEMA_ASSERT(open_);
  database_.commit();
  open_ = false;
}

void run_transaction(Database& database, TransactionKind kind, const std::function<void()>& body) {
  for (int attempt = 0;; ++attempt) {
    try {
      Transaction transaction(database, kind);
      body();
      transaction.commit();
      return;
    } catch (const TransientError&) {
      if (attempt + 1 == kTransactionAttempts) throw;
    }
    pause_before(attempt);
  }
}

}  // namespace pema::profiles::sql
