/// A PostgreSQL database that a store keeps its tables in, as a sql::Database.
///
/// It mends itself: a connection that is lost between transactions is made again, prepared
/// statements with it, and queries outside of transactions are asked again; inside a transaction
/// the loss is a TransientError, nothing having happened; a loss during the commit is looked into.
/// How: docs/decisions/0015-postgresql.md.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "pema/store.h"
#include "profiles/postgres/session.h"
#include "profiles/postgres/statement.h"
#include "profiles/sql/database.h"

namespace pema::profiles::postgres {

/// How long locks, and a server that is away, are waited for.
inline constexpr int kWaitMilliseconds = 5000;

/// Thread-safety: one thread at a time; threads share a ConnectionPool.
class Database final : public sql::Database {
 public:
  /// kCreate makes the two tables that transactions need, where they are missing. User, password
  /// and TLS come from the string, its service file and the environment, as libpq reads them.
  /// Throws as Session.
  Database(const std::string& connection_string, OpenMode mode,
           int wait_milliseconds = kWaitMilliseconds);
  ~Database() override;

  [[nodiscard]] sql::Query query(std::string_view sql) override;
  void execute(const std::string& sql) override;
  /// In pipeline mode: a round trip for many items.
  void for_each(std::string_view sql, std::int64_t count, const sql::Binder& bind,
                const sql::Reader& read) override;
  /// COPY in its binary form.
  void insert_many(std::string_view table, std::span<const std::string_view> columns,
                   std::int64_t count, const sql::Binder& bind) override;

  /// kWrite locks the row of `pema_store`; kRead is REPEATABLE READ, READ ONLY. Also throws kIo
  /// when the server stays away, kCorrupt when the database has no such row.
  void begin(sql::TransactionKind kind) override;
  void commit() override;
  void rollback() noexcept override;
  [[nodiscard]] bool in_transaction() const noexcept override { return state_ != State::kNone; }
  [[nodiscard]] sql::Engine engine() const noexcept override { return sql::Engine::kPostgres; }
  [[nodiscard]] bool read_only() const noexcept override { return mode_ == OpenMode::kReadOnly; }
  [[nodiscard]] const std::string& path() const noexcept override { return session_.address(); }

  /// Notices, without a round trip, that the server has closed the connection, so that the next use
  /// makes a new one.
  void check_health() noexcept { session_.notice_loss(); }

  /// For Statement: runs it with what is bound.
  [[nodiscard]] Result run(Statement& statement);

 private:
  enum class State { kNone, kReading, kWriting };

  Statement& statement(std::string_view sql);
  void prepare(Statement& statement);
  /// Does `action`. Outside of a transaction it is done once more where that is `harmless`: on a
  /// new connection when the old one was lost, or when the server undid it. Inside a transaction
  /// every error ends it: nothing more is run.
  void guarded(bool harmless, std::string_view doing, const std::function<void()>& action);
  void require_alive() const;

  // Transactions (transaction.cc).
  void make_tables();
  void start(sql::TransactionKind kind);
  void undo() noexcept;
  void find_outcome(const std::string& loss);
  [[nodiscard]] bool happened();

  // Many items (many.cc).
  void run_batch(Statement& statement, std::int64_t& done, std::int64_t count,
                 const sql::Binder& bind, const sql::Reader& read);
  void copy_rows(std::int64_t count, std::size_t columns, const sql::Binder& bind);

  OpenMode mode_;
  Session session_;
  std::map<std::string, std::unique_ptr<Statement>, std::less<>> statements_;
  std::int64_t prepared_ = 0;  ///< numbers the names of prepared statements
  State state_ = State::kNone;
  std::exception_ptr failure_;  ///< what ended the open transaction on the server
  std::string client_;          ///< key of this connection's row in pema_writer
  std::int64_t sequence_ = 0;   ///< number of its last write transaction
};

}  // namespace pema::profiles::postgres
