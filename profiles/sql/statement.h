/// A prepared SQL statement of any back end, and the handle through which it is used.
///
/// One dialect serves all of them; docs/formats/postgresql.md lists what a statement may contain.
/// Parameters are written ?1, ?2, ... and count from 1, columns count from 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pema/digest.h"

namespace pema::profiles::sql {

/// Parameters are bound before the first step; one that was not bound is NULL. Texts and blobs are
/// copied when bound. Thread-safety: as its Database.
class Statement {
 public:
  Statement() = default;
  virtual ~Statement() = default;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  virtual Statement& bind(int index, std::int64_t value) = 0;
  virtual Statement& bind(int index, double value) = 0;
  /// Throws kInvalidArgument unless `text` is UTF-8 without zero bytes: what one back end cannot
  /// keep, none keeps, so that a store can move.
  virtual Statement& bind(int index, std::string_view text) = 0;
  virtual Statement& bind(int index, std::span<const std::byte> blob) = 0;
  /// Without a copy, where the back end can do without: the bytes must stay as they are until the
  /// next binding or the Query's end.
  virtual Statement& bind_view(int index, std::string_view text) = 0;
  virtual Statement& bind_view(int index, std::span<const std::byte> blob) = 0;
  virtual Statement& bind_null(int index) = 0;
  Statement& bind(int index, const Digest& digest);
  /// NULL for an empty name.
  Statement& bind_name(int index, std::string_view name);

  /// Goes to the next row; false after the last. Throws what the database has against it.
  virtual bool step() = 0;
  /// Runs to the end; for statements without rows.
  void run();
  /// Runs to the end and makes the statement ready to run again; bindings stay.
  void run_again();
  /// Runs a statement that gives one row (INSERT ... RETURNING); the first column of it. Throws
  /// kCorrupt when there is no row or that is no integer.
  [[nodiscard]] std::int64_t run_for_integer();
  /// Makes the statement ready to run again; bindings stay.
  virtual void rewind() noexcept = 0;
  /// Rows that its last run inserted, changed or deleted.
  [[nodiscard]] virtual std::int64_t changes() const noexcept = 0;

  /// Values of the current row. Throws kCorrupt, naming the column, when the stored type is another
  /// one. Views live until the next step. A truth value is an integer, 0 or 1.
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
  [[nodiscard]] virtual double real(int column) const = 0;
  [[nodiscard]] virtual std::string text(int column) const = 0;
  [[nodiscard]] virtual std::span<const std::byte> blob(int column) const = 0;
  [[nodiscard]] virtual bool null(int column) const = 0;
  /// A blob of 32 bytes.
  [[nodiscard]] Digest digest(int column) const;

 protected:
  /// Throws kCorrupt: the value in `column` of the current row is not what belongs there.
  [[noreturn]] virtual void refuse(int column, std::string_view why) const = 0;
  /// Forgets rows and bindings, and ends what lock they held.
  virtual void reset() noexcept = 0;

 private:
  friend class Query;
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
  Statement& operator*() const noexcept { return *statement_; }

 private:
  Statement* statement_;
};

/// Throws kInvalidArgument unless `text` is UTF-8 without zero bytes.
void check_bound_text(int index, std::string_view text);

}  // namespace pema::profiles::sql
