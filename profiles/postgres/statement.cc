#include "profiles/postgres/statement.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <utility>

#include "pema/error.h"
#include "profiles/postgres/database.h"

namespace pema::profiles::postgres {

Statement::Statement(Database& database, NativeSql sql)
    : database_(database),
      sql_(std::move(sql)),
      parameters_(static_cast<std::size_t>(sql_.parameters)) {}

Statement::Statement(Database& database, int parameters)
    : database_(database), parameters_(static_cast<std::size_t>(parameters)) {}

Parameter& Statement::parameter(int index) {
  PEMA_ASSERT(result_ == nullptr && index >= 1 &&
              static_cast<std::size_t>(index) <= parameters_.size());
  return parameters_[static_cast<std::size_t>(index) - 1];
}

Statement& Statement::bind(int index, std::int64_t value) {
  parameter(index).set(value);
  return *this;
}

Statement& Statement::bind(int index, double value) {
  parameter(index).set(value);
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  sql::check_bound_text(index, text);
  parameter(index).set(TypeId::kText, text);
  return *this;
}

Statement& Statement::bind(int index, std::span<const std::byte> blob) {
  parameter(index).set(TypeId::kBytea, {reinterpret_cast<const char*>(blob.data()), blob.size()});
  return *this;
}

Statement& Statement::bind_null(int index) {
  parameter(index) = Parameter();
  return *this;
}

bool Statement::step() {
  if (result_ == nullptr) take(database_.run(*this));
  return ++row_ < PQntuples(result_.get());
}

void Statement::take(Result result) noexcept {
  result_ = std::move(result);
  row_ = -1;
  // Empty for a statement that changes nothing.
  changes_ = std::strtoll(PQcmdTuples(result_.get()), nullptr, 10);
}

void Statement::rewind() noexcept {
  result_.reset();
  row_ = -1;
}

std::span<const std::byte> Statement::value(int column, std::span<const TypeId> types) const {
  PEMA_ASSERT(result_ != nullptr && row_ >= 0 && row_ < PQntuples(result_.get()) && column >= 0 &&
              column < PQnfields(result_.get()));
  const auto type = static_cast<TypeId>(PQftype(result_.get(), column));
  if (PQgetisnull(result_.get(), row_, column) != 0 ||
      std::find(types.begin(), types.end(), type) == types.end()) {
    refuse(column, "holds a value of another type");
  }
  return {reinterpret_cast<const std::byte*>(PQgetvalue(result_.get(), row_, column)),
          static_cast<std::size_t>(PQgetlength(result_.get(), row_, column))};
}

std::int64_t Statement::integer(int column) const {
  static constexpr std::array kTypes{TypeId::kInt8, TypeId::kInt4, TypeId::kInt2, TypeId::kBool};
  return signed_big_endian(value(column, kTypes));
}

double Statement::real(int column) const {
  static constexpr std::array kTypes{TypeId::kFloat8, TypeId::kFloat4};
  const std::span<const std::byte> raw = value(column, kTypes);
  const auto bits = static_cast<std::uint64_t>(signed_big_endian(raw));
  if (raw.size() == 4) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  return std::bit_cast<double>(bits);
}

std::string Statement::text(int column) const {
  static constexpr std::array kTypes{TypeId::kText, TypeId::kVarchar};
  const std::span<const std::byte> raw = value(column, kTypes);
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::span<const std::byte> Statement::blob(int column) const {
  static constexpr std::array kTypes{TypeId::kBytea};
  return value(column, kTypes);
}

bool Statement::null(int column) const { return PQgetisnull(result_.get(), row_, column) != 0; }

void Statement::refuse(int column, std::string_view why) const {
  fail(ErrorCode::kCorrupt, database_.path(), ": column ", PQfname(result_.get(), column), " ", why,
       "; restore the database from a backup");
}

bool Statement::has_types(const Variant& variant) const noexcept {
  return std::equal(variant.types.begin(), variant.types.end(), parameters_.begin(),
                    parameters_.end(),
                    [](TypeId type, const Parameter& bound) { return type == bound.type; });
}

std::string_view Statement::prepared(std::int64_t generation) const noexcept {
  for (const Variant& variant : variants_) {
    if (variant.generation == generation && has_types(variant)) return variant.name;
  }
  return {};
}

void Statement::remember(std::string name, std::int64_t generation) {
  std::erase_if(variants_, [&](const Variant& old) { return old.generation != generation; });
  Variant variant{{}, std::move(name), generation};
  for (const Parameter& bound : parameters_) variant.types.push_back(bound.type);
  variants_.push_back(std::move(variant));
}

void Statement::reset() noexcept {
  rewind();
  for (Parameter& bound : parameters_) {
    bound.null = true;
    bound.type = TypeId::kNone;
  }
}

}  // namespace pema::profiles::postgres
