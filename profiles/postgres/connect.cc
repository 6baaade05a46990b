#include "profiles/postgres/connect.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "pema/error.h"
#include "profiles/postgres/address.h"

namespace pema::profiles::postgres {
namespace {

using Clock = std::chrono::steady_clock;

/// Waits until the socket is ready; false at the deadline.
bool wait_for(PGconn* connection, short events, Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd file{PQsocket(connection), events, 0};
  return ::poll(&file, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) > 0;
}

/// libpq tells the state of a refused connection only inside its words: "FATAL:  28P01: ...".
std::string state_in(std::string_view words) {
  constexpr std::string_view kMark = ":  ";
  for (std::size_t at = words.rfind(kMark); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : words.rfind(kMark, at - 1)) {
    const std::string_view rest = words.substr(at + kMark.size());
    const std::string_view state = rest.substr(0, 5);
    const bool right = rest.size() > 5 && rest[5] == ':' &&
                       std::all_of(state.begin(), state.end(), [](unsigned char c) {
                         return std::isdigit(c) != 0 || std::isupper(c) != 0;
                       });
    if (right) return std::string(state);
  }
  return {};
}

/// On one line, without the places in the server's source.
std::string tidy(std::string_view words) {
  std::string text;
  while (!words.empty()) {
    const std::size_t end = words.find('\n');
    const std::string_view line = words.substr(0, end);
    words.remove_prefix(end == std::string_view::npos ? words.size() : end + 1);
    if (line.empty() || line.starts_with("LOCATION:")) continue;
    text += (text.empty() ? "" : "; ") + std::string(line);
  }
  return text;
}

Attempt failed(PGconn* connection) {
  const std::string words = PQerrorMessage(connection);
  return {nullptr, address_of(PQhost(connection), PQport(connection), PQdb(connection)),
          state_in(words), tidy(words)};
}

}  // namespace

void check_connection_string(const std::string& connection_string) {
  const std::size_t from = connection_string.find("://");
  const std::size_t start = from == std::string::npos ? 0 : from + 3;
  const std::string_view authority =
      std::string_view(connection_string)
          .substr(start, connection_string.find_first_of("/?", start) - start);
  // libpq would take what follows the first '@' for a host and name it in its messages.
  const bool one_at = std::count(authority.begin(), authority.end(), '@') <= 1;
  char* words = nullptr;  // libpq's words may repeat a password
  PQconninfoOption* options = PQconninfoParse(connection_string.c_str(), &words);
  PQfreemem(words);
  PQconninfoFree(options);
  PEMA_CHECK(options != nullptr && (from == std::string::npos || one_at), kInvalidArgument,
             "the connection string is malformed (it is not repeated here, since it may hold a "
             "password); write postgresql://USER@HOST:PORT/DATABASE, with special characters as "
             "%40 and the like");
}

bool holds_password(const std::string& connection_string) {
  PQconninfoOption* options = PQconninfoParse(connection_string.c_str(), nullptr);
  bool found = false;
  for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr;
       ++option) {
    const std::string_view keyword = option->keyword;
    found =
        found || ((keyword == "password" || keyword == "sslpassword") && option->val != nullptr);
  }
  PQconninfoFree(options);
  return found;
}

Attempt try_to_connect(const std::string& connection_string, int wait_milliseconds,
                       Clock::time_point deadline) {
  const std::string patience = message(std::max(wait_milliseconds, 1000));
  // What comes first is overridden by the string, which is given as "dbname".
  const std::array<const char*, 8> keys{
      "fallback_application_name", "tcp_user_timeout", "keepalives_idle", "keepalives_interval",
      "keepalives_count",          "dbname",           "client_encoding", nullptr};
  const std::array<const char*, 8> values{"pema", patience.c_str(),          "10",   "5",
                                          "4",    connection_string.c_str(), "UTF8", nullptr};
  Connection connection(PQconnectStartParams(keys.data(), values.data(), 1));
  PEMA_CHECK(connection != nullptr, kIo, "libpq has no memory for a connection");
  PGconn* raw = connection.get();
  PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);
  PQsetNoticeProcessor(
      raw, [](void*, const char*) {}, nullptr);
  if (PQstatus(raw) == CONNECTION_BAD) return failed(raw);
  for (PostgresPollingStatusType next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;
       next = PQconnectPoll(raw)) {
    if (next == PGRES_POLLING_FAILED) return failed(raw);
    if (!wait_for(raw, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)) {
      Attempt attempt = failed(raw);
      attempt.words = "it does not answer";
      return attempt;
    }
  }
  PQsetErrorVerbosity(raw, PQERRORS_DEFAULT);
  std::string address = address_of(PQhost(raw), PQport(raw), PQdb(raw));
  return {std::move(connection), std::move(address), {}, {}};
}

}  // namespace pema::profiles::postgres
