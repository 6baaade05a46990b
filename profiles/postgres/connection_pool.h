/// Connections that several threads share.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "profiles/postgres/database.h"

namespace pema::profiles::postgres {

/// At most `size` connections, opened when they are first needed, the last used first. A server
/// that was stopped and started again is noticed when a connection is taken. Thread-safety: any
/// number of threads; a Lease is used by one at a time and must not outlive the pool.
class ConnectionPool {
 public:
  /// The use of a connection, given back by the destructor; a transaction left open is rolled back.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<Database> database) noexcept;
    ~Lease();
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;

    Database* operator->() const noexcept { return database_.get(); }
    Database& operator*() const noexcept { return *database_; }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Database> database_;
  };

  /// Connects to nothing yet. Throws kInvalidArgument for a size below 1.
  ConnectionPool(std::string connection_string, OpenMode mode, std::int64_t size,
                 int wait_milliseconds = kWaitMilliseconds);
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  /// Throws kBusy when all connections stay in use for the wait, and as Database's constructor.
  [[nodiscard]] Lease acquire();

  /// Connections open now, in use or not.
  [[nodiscard]] std::int64_t open() const;

 private:
  void give_back(std::unique_ptr<Database> database) noexcept;

  const std::string connection_string_;
  const OpenMode mode_;
  const std::int64_t size_;
  const int wait_milliseconds_;
  mutable std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<Database>> idle_;
  std::int64_t open_ = 0;
};

}  // namespace pema::profiles::postgres
