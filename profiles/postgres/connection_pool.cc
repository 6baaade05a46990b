#include "profiles/postgres/connection_pool.h"

#include <chrono>
#include <utility>

#include "pema/error.h"
#include "profiles/postgres/connect.h"

namespace pema::profiles::postgres {

ConnectionPool::Lease::Lease(ConnectionPool& pool, std::unique_ptr<Database> database) noexcept
    : pool_(&pool), database_(std::move(database)) {}

ConnectionPool::Lease::~Lease() {
  if (database_ != nullptr) pool_->give_back(std::move(database_));
}

ConnectionPool::ConnectionPool(std::string connection_string, OpenMode mode, std::int64_t size,
                               int wait_milliseconds)
    : connection_string_(std::move(connection_string)),
      mode_(mode),
      size_(size),
      wait_milliseconds_(wait_milliseconds) {
  PEMA_CHECK(size >= 1, kInvalidArgument, "a pool has 1 connection or more, not ", size);
  check_connection_string(connection_string_);
  idle_.reserve(static_cast<std::size_t>(size));  // so that giving back cannot fail
}

ConnectionPool::~ConnectionPool() = default;

ConnectionPool::Lease ConnectionPool::acquire() {
  std::unique_lock lock(mutex_);
  const bool there = given_back_.wait_for(lock, std::chrono::milliseconds(wait_milliseconds_),
                                          [&] { return !idle_.empty() || open_ < size_; });
  PEMA_CHECK(there, kBusy, "all ", size_,
             " connections to the database are in use; try again, or "
             "use a larger pool");
  if (!idle_.empty()) {
    std::unique_ptr<Database> database = std::move(idle_.back());
    idle_.pop_back();
    lock.unlock();
    database->check_health();
    return {*this, std::move(database)};
  }
  ++open_;
  lock.unlock();
  try {
    return {*this, std::make_unique<Database>(connection_string_, mode_, wait_milliseconds_)};
  } catch (...) {
    lock.lock();
    --open_;
    lock.unlock();
    given_back_.notify_one();
    throw;
  }
}

std::int64_t ConnectionPool::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

void ConnectionPool::give_back(std::unique_ptr<Database> database) noexcept {
  database->rollback();
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(database));
  }
  given_back_.notify_one();
}

}  // namespace pema::profiles::postgres
