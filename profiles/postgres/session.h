/// One connection to a PostgreSQL server, made again when it is lost. Only the sources of this
/// folder see libpq-fe.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct pg_conn;
struct pg_result;

namespace pema::profiles::postgres {

struct ConnectionCloser {
  void operator()(pg_conn* connection) const noexcept;
};
struct ResultCloser {
  void operator()(pg_result* result) const noexcept;
};
using Connection = std::unique_ptr<pg_conn, ConnectionCloser>;
using Result = std::unique_ptr<pg_result, ResultCloser>;

/// The oldest server that has what is used here (PG_VERSION_NUM form): identity columns and ON
/// CONFLICT.
inline constexpr int kOldestServer = 110000;

/// How long a transaction may stand still before the server ends it, so that a client that lost its
/// power does not keep the write lock.
inline constexpr int kIdleInTransactionSeconds = 600;

/// Throws kUnsupported for a server that is older than kOldestServer, or whose database keeps texts
/// as something else than UTF-8. `encoding` may be null.
void check_server(int version, const char* encoding, const std::string& address);

/// Thread-safety: one thread at a time.
class Session {
 public:
  /// Connects. `wait_milliseconds`: how long locks and a server that is away are waited for; a
  /// server that refuses the first connection is waited for only while it starts. Throws
  /// kInvalidArgument (malformed connection string), kIo, kBusy, kNotFound, kUnsupported.
  Session(std::string connection_string, bool read_only, int wait_milliseconds);

  [[nodiscard]] pg_conn* handle() const noexcept { return connection_.get(); }
  /// Host, port and database.
  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  /// Counts connections: what was prepared on one does not exist on the next.
  [[nodiscard]] std::int64_t generation() const noexcept { return generation_; }
  [[nodiscard]] int wait_milliseconds() const noexcept { return wait_milliseconds_; }

  /// True once the connection is known to be dead.
  [[nodiscard]] bool lost() const noexcept { return lost_; }
  /// Looks whether the server has said anything unasked (no round trip otherwise): its farewell.
  void notice_loss() noexcept;
  /// Connects anew when lost, waiting for the server. Throws as the constructor.
  void restore();

  /// Runs statements without parameters in one round trip; one result each. Throws as `check`.
  std::vector<Result> run(const std::string& sql, std::string_view doing);
  /// Throws unless `result` is a success: LostConnection, and what raise_state says.
  void check(const pg_result* result, std::string_view doing);
  /// Throws for a send that libpq refused.
  [[noreturn]] void raise_unsent(std::string_view doing);

 private:
  void connect(bool wait_for_server);
  void set_up();

  std::string connection_string_;
  bool read_only_;
  int wait_milliseconds_;
  std::string address_;
  Connection connection_;
  std::int64_t generation_ = 0;
  bool lost_ = false;
};

}  // namespace pema::profiles::postgres
