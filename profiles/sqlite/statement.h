/// A compiled SQLite statement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "profiles/sql/statement.h"

struct sqlite3_stmt;

namespace pema::profiles::sqlite {

class Database;
using sql::Query;

/// A prepared statement, finalised by its destructor. Thread-safety: as its Database.
class Statement final : public sql::Statement {
 public:
  /// Takes over `prepared`. `database` must outlive the statement.
  Statement(Database& database, sqlite3_stmt* prepared) noexcept;
  ~Statement() override;

  using sql::Statement::bind;
  Statement& bind(int index, std::int64_t value) override;
  Statement& bind(int index, double value) override;
  Statement& bind(int index, std::string_view text) override;
  Statement& bind(int index, std::span<const std::byte> blob) override;
  Statement& bind_view(int index, std::string_view text) override;
  Statement& bind_view(int index, std::span<const std::byte> blob) override;
  Statement& bind_null(int index) override;

  /// Throws as Database::raise.
  bool step() override;
  void rewind() noexcept override;
  [[nodiscard]] std::int64_t changes() const noexcept override;

  [[nodiscard]] std::int64_t integer(int column) const override;
  [[nodiscard]] double real(int column) const override;
  [[nodiscard]] std::string text(int column) const override;
  [[nodiscard]] std::span<const std::byte> blob(int column) const override;
  [[nodiscard]] bool null(int column) const override;

 protected:
  [[noreturn]] void refuse(int column, std::string_view why) const override;
  void reset() noexcept override;

 private:
  void check_type(int column, int type) const;
  void check(int code) const;

  Database& database_;
  sqlite3_stmt* handle_;
  bool done_ = false;
};

}  // namespace pema::profiles::sqlite
