#include "profiles/postgres/session.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "pema/error.h"
#include "profiles/postgres/connect.h"
#include "profiles/postgres/errors.h"

namespace pema::profiles::postgres {
namespace {

using Clock = std::chrono::steady_clock;

std::string words_of(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return std::string(text);
}

[[noreturn]] void raise_refusal(const Attempt& attempt) {
  if (!attempt.state.empty() && !ends_connection(attempt.state)) {
    raise_state(attempt.state, attempt.address, "connecting", attempt.words);
  }
  fail(ErrorCode::kIo, attempt.address, ": cannot be reached: ", attempt.words,
       "; start the server, or fix host and port of the connection string");
}

}  // namespace

void check_server(int version, const char* encoding, const std::string& address) {
  PEMA_CHECK(version >= kOldestServer, kUnsupported, address, ": is PostgreSQL ", version / 10000,
             "; version ", kOldestServer / 10000, " or newer is needed");
  PEMA_CHECK(encoding != nullptr && std::string_view(encoding) == "UTF8", kUnsupported, address,
             ": keeps its texts as ", encoding != nullptr ? encoding : "something unknown",
             "; create the database with ENCODING 'UTF8'");
}

void ConnectionCloser::operator()(pg_conn* connection) const noexcept { PQfinish(connection); }
void ResultCloser::operator()(pg_result* result) const noexcept { PQclear(result); }

Session::Session(std::string connection_string, bool read_only, int wait_milliseconds)
    : connection_string_(std::move(connection_string)),
      read_only_(read_only),
      wait_milliseconds_(wait_milliseconds) {
  check_connection_string(connection_string_);
  connect(false);
}

void Session::connect(bool wait_for_server) {
  connection_.reset();
  const auto deadline = Clock::now() + std::chrono::milliseconds(wait_milliseconds_);
  auto pause = std::chrono::milliseconds(5);
  while (true) {
    Attempt attempt = try_to_connect(connection_string_, wait_milliseconds_, deadline);
    address_ = attempt.address;
    if (attempt.connection != nullptr) {
      connection_ = std::move(attempt.connection);
      ++generation_;
      lost_ = false;
      try {
        set_up();
        return;
      } catch (const LostConnection& error) {
        attempt.words = error.what();
      }
    }
    const bool wait = refused_for_now(attempt.state) || (wait_for_server && attempt.state.empty());
    lost_ = true;
    if (!wait || Clock::now() + pause >= deadline) raise_refusal(attempt);
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, std::chrono::milliseconds(200));
  }
}

void Session::set_up() {
  check_server(PQserverVersion(handle()), PQparameterStatus(handle(), "server_encoding"), address_);
  const std::vector<Result> results =
      run(message("SET lock_timeout = ", wait_milliseconds_,
                  "; SET idle_in_transaction_session_timeout = ", kIdleInTransactionSeconds * 1000,
                  read_only_ ? "; SET default_transaction_read_only = on" : "",
                  "; SELECT current_setting('synchronous_commit')"),
          "setting the connection up");
  // An enrolment that was reported must be on the disk, whatever the server is set to.
  if (std::string_view(PQgetvalue(results.back().get(), 0, 0)) == "off") {
    run("SET synchronous_commit = on", "setting the connection up");
  }
}

void Session::notice_loss() noexcept {
  if (lost_) return;
  pollfd file{PQsocket(handle()), POLLIN, 0};
  if (::poll(&file, 1, 0) <= 0) return;
  // Between statements the server says nothing, except that it goes away; its words may come before
  // the end of the connection, so it is asked.
  const Result answer(PQexec(handle(), ""));
  lost_ = PQresultStatus(answer.get()) != PGRES_EMPTY_QUERY;
}

void Session::restore() {
  if (lost_) connect(true);
}

std::vector<Result> Session::run(const std::string& sql, std::string_view doing) {
  if (PQsendQuery(handle(), sql.c_str()) == 0) raise_unsent(doing);
  std::vector<Result> results;
  while (PGresult* result = PQgetResult(handle())) {
    results.emplace_back(result);
    // A COPY that has begun would be offered again and again.
    if (PQresultStatus(result) == PGRES_COPY_IN || PQstatus(handle()) == CONNECTION_BAD) break;
  }
  for (const Result& result : results) check(result.get(), doing);
  if (results.empty()) raise_unsent(doing);
  return results;
}

void Session::check(const pg_result* result, std::string_view doing) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_COPY_IN:
    case PGRES_PIPELINE_SYNC:
    case PGRES_EMPTY_QUERY:
      return;
    default:
      break;
  }
  const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  if (state == nullptr) raise_unsent(doing);
  if (ends_connection(state) || PQstatus(handle()) == CONNECTION_BAD) lost_ = true;
  // After an error that leaves the connection, a prepared statement may still be the wrong one.
  const std::string words = words_of(PQresultErrorMessage(result));
  if (prepared_too_long_ago(state, words)) ++generation_;
  raise_state(state, address_, doing, words);
}

void Session::raise_unsent(std::string_view doing) {
  const std::string words = words_of(PQerrorMessage(handle()));
  // Whatever it was: nothing is known about this connection any more.
  lost_ = true;
  throw LostConnection(message(address_, ": ", doing, ": ",
                               words.empty() ? "the connection is out of step" : words));
}

}  // namespace pema::profiles::postgres
