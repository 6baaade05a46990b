// Transactions of postgres::Database: one writer at a time, and what became of a commit whose
// answer was lost.
#include <libpq-fe.h>

#include <string>
#include <vector>

#include "pema/error.h"
#include "profiles/postgres/database.h"
#include "profiles/postgres/errors.h"

namespace pema::profiles::postgres {
namespace {

/// `pema_store` has one row: the write lock, the number of the schema, and the mark of the folder
/// that the objects are in. `pema_writer` has one
/// row per writing connection: the number of its last committed transaction.
constexpr const char* kTables =
    "BEGIN; "
    "CREATE TABLE IF NOT EXISTS pema_store (one bigint PRIMARY KEY, schema bigint NOT NULL, "
    "mark text); "
    "CREATE TABLE IF NOT EXISTS pema_writer (client text PRIMARY KEY, sequence bigint NOT NULL, "
    "seen timestamptz NOT NULL); "
    "INSERT INTO pema_store (one, schema) VALUES (1, 0) ON CONFLICT (one) DO NOTHING; "
    "COMMIT";

constexpr const char* kLock = "SELECT schema FROM pema_store WHERE one = 1 FOR UPDATE";

/// How often a lost answer is asked for.
constexpr int kQuestions = 3;

}  // namespace

void Database::make_tables() {
  // Two who create them at once meet in the server's own tables, where IF NOT EXISTS does not help.
  for (int attempt = 0;; ++attempt) {
    try {
      session_.run(kTables, "creating the store's tables");
      return;
    } catch (const LostConnection&) {
      throw;
    } catch (const Error& error) {
      undo();
      const bool met = error.code() == ErrorCode::kInternal ||
                       error.code() == ErrorCode::kAlreadyExists ||
                       error.code() == ErrorCode::kBusy;
      if (!met || attempt == 3) throw;
    }
  }
}

void Database::begin(sql::TransactionKind kind) {
  PEMA_ASSERT(state_ == State::kNone);
  guarded(true, "beginning a transaction", [&] { start(kind); });
  state_ = kind == sql::TransactionKind::kWrite ? State::kWriting : State::kReading;
}

void Database::start(sql::TransactionKind kind) {
  if (kind == sql::TransactionKind::kRead) {
    session_.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "beginning to read");
    return;
  }
  // READ COMMITTED: each statement sees what was committed before it, and behind the lock that is
  // all there is. A snapshot taken before the lock was granted would be old.
  ++sequence_;
  const std::string sql = message(
      "BEGIN ISOLATION LEVEL READ COMMITTED; ", kLock,
      "; INSERT INTO pema_writer (client, sequence, seen) VALUES ('", client_, "', ", sequence_,
      ", now()) ON CONFLICT (client) DO UPDATE SET sequence = ", sequence_, ", seen = now()");
  try {
    const std::vector<Result> results = session_.run(sql, "beginning to write");
    PEMA_CHECK(results.size() == 3 && PQntuples(results[1].get()) == 1, kCorrupt, path(),
               ": its table pema_store has lost its row; restore the database from a backup");
  } catch (const LostConnection&) {
    throw;
  } catch (const Error&) {
    undo();
    throw;
  }
}

void Database::commit() {
  PEMA_ASSERT(state_ != State::kNone);
  require_alive();
  const bool writing = state_ == State::kWriting;
  try {
    const std::vector<Result> results = session_.run("COMMIT", "committing");
    state_ = State::kNone;
    // The server answers COMMIT with ROLLBACK when a statement had failed.
    PEMA_ASSERT(std::string_view(PQcmdStatus(results.back().get())) == "COMMIT");
  } catch (const LostConnection& loss) {
    state_ = State::kNone;
    if (writing) find_outcome(loss.what());
  } catch (const Error&) {
    state_ = State::kNone;
    throw;
  }
}

void Database::find_outcome(const std::string& loss) {
  for (int question = 1;; ++question) {
    try {
      session_.restore();
      if (happened()) return;
      break;
    } catch (const Error& error) {
      const bool lost_again = session_.lost() && question < kQuestions;
      if (lost_again) continue;
      throw sql::InDoubtError(message(
          loss, "; and then: ", error.what(),
          "; it is not known whether the transaction happened; look before doing it again"));
    }
  }
  throw sql::TransientError(
      ErrorCode::kIo,
      message(loss, "; the server says that the transaction did not happen; try again"));
}

bool Database::happened() {
  // The lost transaction holds the lock until it has ended one way or the other, also where its
  // COMMIT is still on the way; so whoever has the lock reads the truth.
  const std::vector<Result> results =
      session_.run(message("BEGIN ISOLATION LEVEL READ COMMITTED; ", kLock,
                           "; SELECT 1 FROM pema_writer WHERE client = '", client_,
                           "' AND sequence = ", sequence_, "; ROLLBACK"),
                   "asking whether the transaction happened");
  return results.size() == 4 && PQntuples(results[2].get()) == 1;
}

void Database::rollback() noexcept {
  if (state_ == State::kNone) return;
  undo();
  state_ = State::kNone;
  failure_ = nullptr;
}

void Database::undo() noexcept {
  if (session_.lost()) return;
  try {
    session_.run("ROLLBACK", "rolling back");
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): a lost session rolls back too
  }
}

}  // namespace pema::profiles::postgres
