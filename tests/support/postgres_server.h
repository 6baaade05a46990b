/// A PostgreSQL server of the tests' own, from Debian's package, on loopback and in a folder of its
/// own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

namespace pema::test {

/// How a server is stopped: kFast ends sessions and writes everything; kCrash drops everything at
/// once, so that the next start recovers from the log.
enum class Stop { kFast, kCrash };

/// Server and folder are gone when the object is, and when the process that made it ends in any
/// way: a guardian process sees to it. As root the server runs as the user postgres or nobody.
/// Thread-safety: one thread at a time.
class PostgresServer {
 public:
  /// `synced`: commits reach the disk (fsync), for tests that crash the server. Throws
  /// std::runtime_error when the server does not come up; its log is in the message.
  explicit PostgresServer(bool synced = false);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// Empty when the server's programs are there, otherwise the reason to skip.
  [[nodiscard]] static std::string missing();

  [[nodiscard]] int port() const noexcept { return port_; }
  /// Of a new, empty database, made by this call: postgresql://pema@127.0.0.1:PORT/NAME...
  [[nodiscard]] std::string new_database();
  /// The same for another database, port or host.
  [[nodiscard]] std::string connection_string(const std::string& database, int port) const;

  void stop(Stop how);
  /// Starts it again, on the same port. Returns when it accepts connections.
  void start();
  /// Runs a statement as the superuser in a database, through psql; its output.
  std::string run_sql(const std::string& sql, const std::string& database = "postgres") const;

 private:
  void guard();
  void tell(char command);

  std::string folder_;
  std::string options_;
  int port_ = 0;
  pid_t guardian_ = -1;
  int commands_ = -1;  ///< write end: what the guardian shall do
  int answers_ = -1;   ///< read end
  int databases_ = 0;
};

/// The server of this test program, started when it is first asked for.
[[nodiscard]] PostgresServer& shared_postgres();

}  // namespace pema::test
