/// A connection to a database of any back end.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "pema/error.h"
#include "profiles/sql/statement.h"

namespace pema::profiles::sql {

/// kWrite takes the store's write lock at once, so that what was read stays true until the commit;
/// kRead fixes one state of the database for several queries.
enum class TransactionKind { kWrite, kRead };

/// What a database is, for the few statements that exist in one of them alone.
enum class Engine { kSqlite, kPostgres };

/// The transaction did not happen, and running it again from its start may succeed: two of them
/// stood in each other's way, or the server went away before the commit. run_transaction does it.
class TransientError : public Error {
 public:
  using Error::Error;
};

/// The server went away during a commit and did not come back in time: nobody knows whether the
/// transaction happened. Its code is kIo. Nothing runs such a transaction again by itself.
class InDoubtError : public Error {
 public:
  explicit InDoubtError(const std::string& message) : Error(ErrorCode::kIo, message) {}
};

/// Binds the parameters of item `index`.
using Binder = std::function<void(std::int64_t index, Statement& statement)>;
/// Takes one row of the answer to item `index`.
using Reader = std::function<void(std::int64_t index, const Statement& row)>;

/// Thread-safety: one thread at a time.
class Database {
 public:
  Database() = default;
  virtual ~Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// A prepared statement, compiled once per connection and reset when the Query ends. Asking for
  /// `sql` again while a Query of it lives is a bug (kInternal). Throws kCorrupt, here or in the
  /// first step, when the schema does not know what `sql` names.
  [[nodiscard]] virtual Query query(std::string_view sql) = 0;
  /// Runs statements without results, as many as `sql` holds.
  virtual void execute(const std::string& sql) = 0;
  /// First column of the first row. Throws kCorrupt when there is none or it is no integer.
  [[nodiscard]] std::int64_t integer(std::string_view sql);

  /// Runs `sql` for `count` items, `read` once per row, items in order. PostgreSQL keeps many of
  /// them on their way at once. Throws as `bind`, `read` and Statement::step; rows of the items
  /// before may have been read by then.
  virtual void for_each(std::string_view sql, std::int64_t count, const Binder& bind,
                        const Reader& read);
  /// Inserts `count` rows into the named columns, through COPY where there is one. Each parameter
  /// has exactly the type of its column. Requires a write transaction; after an error its caller
  /// ends it.
  virtual void insert_many(std::string_view table, std::span<const std::string_view> columns,
                           std::int64_t count, const Binder& bind);

  /// Transaction is the way to call these. Throws kBusy when another process keeps the write lock;
  /// nothing is begun then.
  virtual void begin(TransactionKind kind) = 0;
  /// Returns when the transaction is on the disk. Throws kDiskFull, kIo, kBusy, TransientError,
  /// InDoubtError.
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;
  /// True between begin and the end of the transaction.
  [[nodiscard]] virtual bool in_transaction() const noexcept = 0;

  [[nodiscard]] virtual Engine engine() const noexcept = 0;
  /// True when the connection was opened for reading only.
  [[nodiscard]] virtual bool read_only() const noexcept = 0;
  /// What messages call the database: a file, or an address without user and password.
  [[nodiscard]] virtual const std::string& path() const noexcept = 0;
};

}  // namespace pema::profiles::sql
