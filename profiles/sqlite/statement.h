/// A compiled SQL statement and the handle through which it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pema/digest.h"

struct sqlite3_stmt;

namespace pema::profiles::sqlite {

class Database;

/// A prepared statement, finalised by its destructor. Parameters count from 1, columns from 0.
/// Texts and blobs are copied when bound. Thread-safety: as its Database.
class Statement {
 public:
  /// Takes over `prepared`. `database` must outlive the statement.
  Statement(Database& database, sqlite3_stmt* prepared) noexcept;
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, double value);
  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, std::span<const std::byte> blob);
  Statement& bind(int index, const Digest& digest);
  Statement& bind_null(int index);
  /// Without a copy: the bytes must stay as they are until the next binding or the Query's end.
  Statement& bind_view(int index, std::string_view text);
  Statement& bind_view(int index, std::span<const std::byte> blob);
  /// NULL for an empty name.
  Statement& bind_name(int index, std::string_view name);

  /// Goes to the next row; false after the last. Throws as Database::raise.
  bool step();
  /// Runs to the end; for statements without rows.
  void run();
  /// Runs to the end and makes the statement ready to run again; bindings stay.
  void run_again();
  /// Makes the statement ready to run again; bindings stay.
  void rewind() noexcept;
  /// Rows that the connection's last INSERT, UPDATE or DELETE changed.
  [[nodiscard]] std::int64_t changes() const noexcept;

  /// Values of the current row. Throws kCorrupt, naming the column, when the stored type is another
  /// one. Views live until the next step.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::span<const std::byte> blob(int column) const;
  [[nodiscard]] Digest digest(int column) const;
  [[nodiscard]] bool null(int column) const;

 private:
  friend class Query;
  void check_type(int column, int type) const;
  void check(int code) const;
  void reset() noexcept;

  Database& database_;
  sqlite3_stmt* handle_;
  bool in_use_ = false;
};

/// The use of a statement: resets it, drops its bindings and so ends its read lock when it goes out
/// of scope. Movable, so that it can be returned.
class Query {
 public:
  /// Throws kInternal when `statement` is in use.
  explicit Query(Statement& statement);
  ~Query();
  Query(Query&& other) noexcept;
  Query& operator=(Query&&) = delete;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Statement* operator->() const noexcept { return statement_; }

 private:
  Statement* statement_;
};

}  // namespace pema::profiles::sqlite
