// Many items of postgres::Database at once: the pipeline and COPY.
#include <libpq-fe.h>

#include <string>

#include "pema/error.h"
#include "profiles/postgres/arguments.h"
#include "profiles/postgres/database.h"
#include "profiles/postgres/errors.h"

namespace pema::profiles::postgres {
namespace {

/// Items on their way at once: enough to hide the round trip, few enough to answer from memory.
constexpr std::int64_t kBatchItems = 256;
constexpr std::size_t kBatchBytes = std::size_t{1} << 18;
/// Rows of a COPY are sent in pieces of this size.
constexpr std::size_t kCopyBytes = std::size_t{1} << 16;

constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);

void append_row(std::string& out, const Statement& row) {
  put_big_endian(out, row.parameters().size(), 2);
  for (const Parameter& parameter : row.parameters()) {
    put_big_endian(out, parameter.null ? ~std::uint64_t{0} : parameter.bytes.size(), 4);
    if (!parameter.null) out += parameter.bytes;
  }
}

}  // namespace

void Database::for_each(std::string_view sql, std::int64_t count, const sql::Binder& bind,
                        const sql::Reader& read) {
  Statement& items = statement(sql);
  const sql::Query use(items);
  std::int64_t done = 0;
  // A repetition goes on after the items whose rows were read.
  guarded(only_reads(items.sql()), items.sql(), [&] {
    while (done < count) run_batch(items, done, count, bind, read);
  });
}

void Database::run_batch(Statement& statement, std::int64_t& done, std::int64_t count,
                         const sql::Binder& bind, const sql::Reader& read) {
  PGconn* connection = session_.handle();
  statement.reset();
  bind(done, statement);
  prepare(statement);
  const std::string name(statement.prepared(session_.generation()));
  if (PQenterPipelineMode(connection) == 0) session_.raise_unsent("entering pipeline mode");

  std::exception_ptr failure;  // kept until the connection is out of pipeline mode
  std::int64_t sent = done;
  std::size_t bytes = 0;
  try {
    do {
      const Arguments arguments(statement);
      if (PQsendQueryPrepared(connection, name.c_str(), arguments.count(), arguments.values.data(),
                              arguments.lengths.data(), arguments.formats.data(), 1) == 0) {
        session_.raise_unsent("sending a statement");
      }
      for (const Parameter& parameter : statement.parameters()) bytes += parameter.bytes.size();
      if (++sent == count || sent - done == kBatchItems || bytes >= kBatchBytes) break;
      statement.reset();
      bind(sent, statement);
      // Other types are another prepared statement, and so another batch.
    } while (statement.prepared(session_.generation()) == name);
  } catch (const LostConnection&) {
    throw;
  } catch (...) {
    failure = std::current_exception();
  }
  if (PQpipelineSync(connection) == 0) session_.raise_unsent("sending statements");

  for (const std::int64_t end = sent; done < end && failure == nullptr; ++done) {
    Result result(PQgetResult(connection));
    try {
      session_.check(result.get(), "running many statements");
      PQclear(PQgetResult(connection));  // the null that ends an item's answer
      statement.take(std::move(result));
      while (statement.step()) read(done, statement);
    } catch (const LostConnection&) {
      throw;
    } catch (...) {
      failure = std::current_exception();
      break;
    }
  }
  // What is left are answers that nobody wants any more, and the end of the batch.
  while (true) {
    const Result rest(PQgetResult(connection));
    if (PQresultStatus(rest.get()) == PGRES_PIPELINE_SYNC) break;
    if (PQstatus(connection) == CONNECTION_BAD) session_.raise_unsent("reading many answers");
  }
  if (PQexitPipelineMode(connection) == 0) session_.raise_unsent("leaving pipeline mode");
  if (failure != nullptr) std::rethrow_exception(failure);
}

void Database::insert_many(std::string_view table, std::span<const std::string_view> columns,
                           std::int64_t count, const sql::Binder& bind) {
  PEMA_ASSERT(state_ == State::kWriting);
  std::string sql = message("COPY ", table, " (");
  for (std::size_t i = 0; i < columns.size(); ++i) sql += message(i == 0 ? "" : ", ", columns[i]);
  sql += ") FROM STDIN (FORMAT binary)";
  guarded(false, sql, [&] {
    session_.run(sql, "beginning to copy");
    copy_rows(count, columns.size(), bind);
  });
}

void Database::copy_rows(std::int64_t count, std::size_t columns, const sql::Binder& bind) {
  PGconn* connection = session_.handle();
  Statement row(*this, static_cast<int>(columns));
  std::string buffer(kCopyHeader);
  const auto send = [&] {
    if (PQputCopyData(connection, buffer.data(), static_cast<int>(buffer.size())) != 1) {
      session_.raise_unsent("copying rows");
    }
    buffer.clear();
  };
  std::exception_ptr failure;
  try {
    for (std::int64_t i = 0; i < count; ++i) {
      row.reset();
      bind(i, row);
      append_row(buffer, row);
      if (buffer.size() >= kCopyBytes) send();
    }
    put_big_endian(buffer, 0xffff, 2);  // the end: a row of -1 values
    send();
  } catch (const LostConnection&) {
    throw;
  } catch (...) {
    failure = std::current_exception();
  }
  const char* given_up = failure != nullptr ? "a row could not be made" : nullptr;
  if (PQputCopyEnd(connection, given_up) != 1) session_.raise_unsent("ending a copy");
  const Result result(PQgetResult(connection));
  while (PGresult* rest = PQgetResult(connection)) {
    PQclear(rest);
    if (PQstatus(connection) == CONNECTION_BAD) break;
  }
  if (failure != nullptr) std::rethrow_exception(failure);
  session_.check(result.get(), "copying rows");
}

}  // namespace pema::profiles::postgres
