#include "profiles/sqlite/statement.h"

#include <sqlite3.h>

#include "pema/error.h"
#include "profiles/sqlite/database.h"

namespace pema::profiles::sqlite {

Statement::Statement(Database& database, sqlite3_stmt* prepared) noexcept
    : database_(database), handle_(prepared) {}

Statement::~Statement() { sqlite3_finalize(handle_); }

void Statement::check(int code) const {
  if (code != SQLITE_OK) database_.raise(code, "binding a value");
}

Statement& Statement::bind(int index, std::int64_t value) {
  check(sqlite3_bind_int64(handle_, index, value));
  return *this;
}

Statement& Statement::bind(int index, double value) {
  check(sqlite3_bind_double(handle_, index, value));
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  sql::check_bound_text(index, text);
  // A null pointer would bind NULL instead of an empty text.
  const char* data = text.data() != nullptr ? text.data() : "";
  check(sqlite3_bind_text64(handle_, index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(int index, std::span<const std::byte> blob) {
  const void* data = blob.data() != nullptr ? static_cast<const void*>(blob.data()) : "";
  check(sqlite3_bind_blob64(handle_, index, data, blob.size(), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_view(int index, std::string_view text) {
  sql::check_bound_text(index, text);
  const char* data = text.data() != nullptr ? text.data() : "";
  check(sqlite3_bind_text64(handle_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_view(int index, std::span<const std::byte> blob) {
  const void* data = blob.data() != nullptr ? static_cast<const void*>(blob.data()) : "";
  check(sqlite3_bind_blob64(handle_, index, data, blob.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::bind_null(int index) {
  check(sqlite3_bind_null(handle_, index));
  return *this;
}

bool Statement::step() {
  if (done_) return false;  // SQLite would begin again
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  done_ = code == SQLITE_DONE;
  if (done_) return false;
  database_.raise(code, sqlite3_stmt_readonly(handle_) != 0 ? "reading it" : "writing to it");
}

void Statement::check_type(int column, int type) const {
  if (sqlite3_column_type(handle_, column) != type) refuse(column, "holds a value of another type");
}

void Statement::refuse(int column, std::string_view why) const {
  fail(ErrorCode::kCorrupt, database_.path(), ": column ", sqlite3_column_name(handle_, column),
       " ", why, "; restore registry.db from a backup");
}

std::int64_t Statement::integer(int column) const {
  check_type(column, SQLITE_INTEGER);
  return sqlite3_column_int64(handle_, column);
}

double Statement::real(int column) const {
  check_type(column, SQLITE_FLOAT);
  return sqlite3_column_double(handle_, column);
}

std::string Statement::text(int column) const {
  check_type(column, SQLITE_TEXT);
  const auto* data = static_cast<const void*>(sqlite3_column_text(handle_, column));
  const int bytes = sqlite3_column_bytes(handle_, column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(bytes)};
}

std::span<const std::byte> Statement::blob(int column) const {
  check_type(column, SQLITE_BLOB);
  const void* data = sqlite3_column_blob(handle_, column);
  const int bytes = sqlite3_column_bytes(handle_, column);
  if (data == nullptr) return {};
  return {static_cast<const std::byte*>(data), static_cast<std::size_t>(bytes)};
}

bool Statement::null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

void Statement::rewind() noexcept {
  sqlite3_reset(handle_);
  done_ = false;
}

std::int64_t Statement::changes() const noexcept {
  return sqlite3_changes64(sqlite3_db_handle(handle_));
}

void Statement::reset() noexcept {
  rewind();
  sqlite3_clear_bindings(handle_);
}

}  // namespace pema::profiles::sqlite
