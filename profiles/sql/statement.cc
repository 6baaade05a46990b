#include "profiles/sql/statement.h"

#include <utility>

#include "pema/error.h"
#include "src/core/utf8.h"

namespace pema::profiles::sql {

Statement& Statement::bind(int index, const Digest& digest) {
  return bind(index, std::as_bytes(std::span(digest.bytes)));
}

Statement& Statement::bind_name(int index, std::string_view name) {
  return name.empty() ? bind_null(index) : bind(index, name);
}

void Statement::run() {
  while (step()) {
  }
}

void Statement::run_again() {
  run();
  rewind();
}

std::int64_t Statement::run_for_integer() {
  PEMA_CHECK(step(), kCorrupt,
             "a statement that gives a row gave none; restore the registry from "
             "a backup");
  const std::int64_t value = integer(0);
  run();
  return value;
}

Digest Statement::digest(int column) const {
  const std::span<const std::byte> raw = blob(column);
  if (raw.size() != 32) refuse(column, message("has ", raw.size(), " bytes where a digest has 32"));
  return Digest::from_bytes(raw);
}

Query::Query(Statement& statement) : statement_(&statement) {
  PEMA_ASSERT(!statement.in_use_);
  statement.in_use_ = true;
}

Query::~Query() {
  if (statement_ == nullptr) return;
  statement_->reset();
  statement_->in_use_ = false;
}

Query::Query(Query&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}

void check_bound_text(int index, std::string_view text) {
  // Most texts are ASCII: told at once, several bytes at a time.
  bool plain = true;
  for (const char c : text) plain = plain && static_cast<signed char>(c) > 0;
  if (plain) return;
  const std::int64_t invalid = core::first_invalid_utf8(text);
  PEMA_CHECK(invalid < 0, kInvalidArgument, "a stored text is UTF-8; byte ", invalid,
             " of parameter ", index, " is not");
  const std::size_t zero = text.find('\0');
  PEMA_CHECK(zero == std::string_view::npos, kInvalidArgument,
             "a stored text has no zero bytes; byte ", zero, " of parameter ", index, " is one");
}

}  // namespace pema::profiles::sql
