#include "profiles/postgres/database.h"

#include <libpq-fe.h>

#include <random>
#include <utility>

#include "pema/error.h"
#include "profiles/postgres/arguments.h"
#include "profiles/postgres/errors.h"

namespace pema::profiles::postgres {
namespace {

/// 16 random bytes as hexadecimal digits.
std::string random_name() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::random_device random;
  std::string name;
  for (int i = 0; i < 32; ++i) name += kDigits[random() & 15];
  return name;
}

}  // namespace

Database::Database(const std::string& connection_string, OpenMode mode, int wait_milliseconds)
    : mode_(mode),
      session_(connection_string, mode == OpenMode::kReadOnly, wait_milliseconds),
      client_(random_name()) {
  if (mode == OpenMode::kCreate) make_tables();
}

Database::~Database() = default;

Statement& Database::statement(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    found =
        statements_.emplace(std::string(sql), std::make_unique<Statement>(*this, native_sql(sql)))
            .first;
  }
  return *found->second;
}

sql::Query Database::query(std::string_view sql) { return sql::Query(statement(sql)); }

void Database::execute(const std::string& sql) {
  const std::string doing = sql.size() <= 40 ? sql : sql.substr(0, 40) + "...";
  guarded(only_reads(sql), doing, [&] { session_.run(sql, doing); });
}

void Database::require_alive() const {
  if (failure_ != nullptr) std::rethrow_exception(failure_);
}

void Database::guarded(bool harmless, std::string_view doing, const std::function<void()>& action) {
  require_alive();
  for (bool repeated = false;; repeated = true) {
    // Lost before anything is sent: nothing can have happened yet.
    if (state_ == State::kNone) {
      session_.notice_loss();
      session_.restore();
    }
    try {
      action();
      return;
    } catch (const LostConnection& loss) {
      if (state_ == State::kNone && harmless && !repeated) continue;
      if (state_ == State::kNone && !harmless) {
        throw sql::InDoubtError(message(loss.what(), "; it is not known whether this happened: ",
                                        doing, "; look before doing it again"));
      }
      failure_ = std::make_exception_ptr(sql::TransientError(
          ErrorCode::kIo,
          message(loss.what(), "; nothing was written; try again once the server is back")));
      if (state_ == State::kNone) std::rethrow_exception(std::exchange(failure_, nullptr));
      std::rethrow_exception(failure_);
    } catch (const sql::TransientError&) {
      // The server has undone it.
      if (state_ == State::kNone && !repeated) continue;
      if (state_ != State::kNone) failure_ = std::current_exception();
      throw;
    } catch (...) {
      if (state_ != State::kNone) failure_ = std::current_exception();
      throw;
    }
  }
}

void Database::prepare(Statement& statement) {
  if (!statement.prepared(session_.generation()).empty()) return;
  std::string name = message("pema_", ++prepared_);
  const Arguments arguments(statement);
  const Result result(PQprepare(session_.handle(), name.c_str(), statement.sql().c_str(),
                                arguments.count(), arguments.types.data()));
  session_.check(result.get(), "preparing a statement");
  statement.remember(std::move(name), session_.generation());
}

Result Database::run(Statement& statement) {
  Result result;
  guarded(only_reads(statement.sql()), statement.sql(), [&] {
    prepare(statement);
    const Arguments arguments(statement);
    const std::string name(statement.prepared(session_.generation()));
    result.reset(PQexecPrepared(session_.handle(), name.c_str(), arguments.count(),
                                arguments.values.data(), arguments.lengths.data(),
                                arguments.formats.data(), 1));
    session_.check(result.get(), only_reads(statement.sql()) ? "reading it" : "writing to it");
  });
  return result;
}

}  // namespace pema::profiles::postgres
