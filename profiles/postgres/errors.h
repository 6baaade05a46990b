/// SQLSTATEs as pema::Error.
#pragma once

#include <string>
#include <string_view>

#include "pema/error.h"

namespace pema::profiles::postgres {

/// The server cannot be spoken to any more. Its code is kIo. Database turns it into what it means
/// where it happened.
class LostConnection : public Error {
 public:
  explicit LostConnection(const std::string& message) : Error(ErrorCode::kIo, message) {}
};

/// True for a state after which the server has closed the connection.
[[nodiscard]] bool ends_connection(std::string_view state) noexcept;

/// True for a refused connection that may be granted a moment later: starting up, shutting down,
/// too many connections.
[[nodiscard]] bool refused_for_now(std::string_view state) noexcept;

/// True when the statement was prepared for tables that have changed since, or the server has
/// forgotten it.
[[nodiscard]] bool prepared_too_long_ago(std::string_view state, std::string_view words) noexcept;

/// Throws the error for `state`: serialisation failures and deadlocks TransientError with kBusy;
/// 55P03, 57014, 53300, 57P03 kBusy; 53100 kDiskFull; XX001 and XX002 kCorrupt, as is a missing
/// table; ended connections LostConnection; the rest in the table of errors.cc. The message has
/// `address`, what was being done, the server's own `words`, and the fix. Thread-safety: reentrant.
[[noreturn]] void raise_state(std::string_view state, const std::string& address,
                              std::string_view doing, std::string_view words);

}  // namespace pema::profiles::postgres
