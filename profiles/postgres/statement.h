/// A statement prepared on a PostgreSQL server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/postgres/dialect.h"
#include "profiles/postgres/session.h"
#include "profiles/postgres/values.h"
#include "profiles/sql/statement.h"

namespace pema::profiles::postgres {

class Database;

/// The first step runs it and fetches its whole answer: listings are asked for in pages. Prepared
/// once per connection and set of parameter types. Thread-safety: as its Database.
class Statement final : public sql::Statement {
 public:
  /// `database` must outlive the statement.
  Statement(Database& database, NativeSql sql);
  /// A row of `parameters` values that is only bound, for COPY.
  Statement(Database& database, int parameters);

  using sql::Statement::bind;
  Statement& bind(int index, std::int64_t value) override;
  Statement& bind(int index, double value) override;
  Statement& bind(int index, std::string_view text) override;
  Statement& bind(int index, std::span<const std::byte> blob) override;
  Statement& bind_view(int index, std::string_view text) override { return bind(index, text); }
  Statement& bind_view(int index, std::span<const std::byte> blob) override {
    return bind(index, blob);
  }
  Statement& bind_null(int index) override;

  bool step() override;
  void rewind() noexcept override;
  [[nodiscard]] std::int64_t changes() const noexcept override { return changes_; }

  [[nodiscard]] std::int64_t integer(int column) const override;
  [[nodiscard]] double real(int column) const override;
  [[nodiscard]] std::string text(int column) const override;
  [[nodiscard]] std::span<const std::byte> blob(int column) const override;
  [[nodiscard]] bool null(int column) const override;

  /// For Database alone.
  [[nodiscard]] const std::string& sql() const noexcept { return sql_.text; }
  [[nodiscard]] std::span<const Parameter> parameters() const noexcept { return parameters_; }
  /// Name under which it is prepared for the types bound now; empty when it is not yet.
  [[nodiscard]] std::string_view prepared(std::int64_t generation) const noexcept;
  void remember(std::string name, std::int64_t generation);
  /// Takes an answer; the next step goes to its first row.
  void take(Result result) noexcept;
  void reset() noexcept override;

 protected:
  [[noreturn]] void refuse(int column, std::string_view why) const override;

 private:
  struct Variant {
    std::vector<TypeId> types;
    std::string name;
    std::int64_t generation = 0;
  };

  Parameter& parameter(int index);
  [[nodiscard]] bool has_types(const Variant& variant) const noexcept;
  /// Bytes of a value. Throws kCorrupt unless it has one of the types and is not NULL.
  [[nodiscard]] std::span<const std::byte> value(int column, std::span<const TypeId> types) const;

  Database& database_;
  NativeSql sql_;
  std::vector<Parameter> parameters_;
  std::vector<Variant> variants_;
  Result result_;
  int row_ = -1;
  std::int64_t changes_ = 0;
};

}  // namespace pema::profiles::postgres
