/// One SQLite connection, closed by its destructor. Only the sources of this folder see sqlite3.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "pema/store.h"
#include "profiles/sql/database.h"
#include "profiles/sqlite/statement.h"

struct sqlite3;

namespace pema::profiles::sqlite {

/// How long a call waits for another process's lock before it fails with kBusy.
inline constexpr int kBusyMilliseconds = 5000;

/// A connection. Thread-safety: one thread at a time.
class Database final : public sql::Database {
 public:
  /// kCreate makes the file when it is missing. kReadOnly never changes a row; where the folder can
  /// be written it uses SQLite's log files and takes them away again, where it cannot it reads the
  /// file as it stands and refuses with kBusy once somebody changes it. Throws kNotFound, kIo,
  /// kBusy, kCorrupt.
  Database(const std::string& path, OpenMode mode, int busy_milliseconds = kBusyMilliseconds,
           Durability durability = Durability::kDurable);
  ~Database() override;

  [[nodiscard]] Query query(std::string_view sql) override;
  /// Throws as `raise`.
  void execute(const std::string& sql) override;
  /// kWrite is BEGIN IMMEDIATE. Throws as `raise`.
  void begin(sql::TransactionKind kind) override;
  void commit() override;
  void rollback() noexcept override;

  /// True between BEGIN and the end of the transaction, also when SQLite rolled back by itself.
  [[nodiscard]] bool in_transaction() const noexcept override;
  [[nodiscard]] sql::Engine engine() const noexcept override { return sql::Engine::kSqlite; }
  /// True when the connection was opened for reading only.
  [[nodiscard]] bool read_only() const noexcept override { return mode_ == OpenMode::kReadOnly; }
  /// True when the file is read as it stands, without locks (see the constructor).
  [[nodiscard]] bool immutable() const noexcept { return immutable_; }
  [[nodiscard]] const std::string& path() const noexcept override { return path_; }
  /// For the other sources of this folder.
  [[nodiscard]] sqlite3* handle() const noexcept { return handle_; }

  /// Moves the log into the file and empties it, as far as other connections allow: writers wait
  /// for it, so it waits for readers (a backup may read for minutes) no more than 50 ms. Returns
  /// false when one was in the way.
  bool checkpoint();

  /// Takes a new connection in place of this one, so that nothing stays in memory of what passed
  /// through: pages, bound values, room to build rows in. All of it is zeroed where
  /// use_clean_memory() is true. No Query and no transaction may live. Throws as the constructor;
  /// the old connection then stays.
  void renew();

  /// Every commit so far, also of other processes and of those that sync nothing, survives a power
  /// cut once this returns. Throws as raise.
  void sync_log();

  /// Copies the file, as the open read transaction sees it, to `path`, which is replaced. Others go
  /// on reading and writing. `after` is told the bytes of each step (about 1 MiB), of how many in
  /// all; it may sleep or throw, which ends the copy. Not synced. Throws kDiskFull, kIo, kCorrupt.
  void copy_to(const std::string& path,
               const std::function<void(std::int64_t bytes, std::int64_t total)>& after);

  /// Throws the pema::Error for an SQLite result code: BUSY and LOCKED kBusy, FULL kDiskFull,
  /// CORRUPT and NOTADB kCorrupt, IOERR, CANTOPEN and READONLY kIo; the message has the path, what
  /// was being done, and the fix.
  [[noreturn]] void raise(int code, std::string_view doing) const;

 private:
  struct Stamp {
    std::int64_t bytes = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };

  void open();
  void configure();
  void turn_log_on();
  void close() noexcept;
  [[nodiscard]] Stamp stamp() const;
  void check_unchanged() const;

  std::string path_;
  OpenMode mode_;
  int busy_milliseconds_;
  Durability durability_;
  bool immutable_ = false;
  Stamp stamp_;
  sqlite3* handle_ = nullptr;
  std::map<std::string, std::unique_ptr<Statement>, std::less<>> statements_;
};

}  // namespace pema::profiles::sqlite
