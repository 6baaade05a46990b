/// One attempt to connect.
#pragma once

#include <chrono>
#include <string>

#include "profiles/postgres/session.h"

namespace pema::profiles::postgres {

/// What came of an attempt.
struct Attempt {
  Connection connection;  ///< null when it failed
  std::string address;    ///< of the host that was tried last
  std::string state;      ///< SQLSTATE of the refusal; empty when no server answered
  std::string words;      ///< libpq's and the server's
};

/// Throws kInvalidArgument when libpq does not understand it, or a password seems to hold an
/// unescaped '@'. The message does not repeat it.
void check_connection_string(const std::string& connection_string);

/// True when it holds a password of its own. Expects check_connection_string to have passed.
[[nodiscard]] bool holds_password(const std::string& connection_string);

/// Connects, at most until `deadline`. What the string, the service file and the environment leave
/// open is set so that a dead network is noticed within `wait_milliseconds` or 30 s.
[[nodiscard]] Attempt try_to_connect(const std::string& connection_string, int wait_milliseconds,
                                     std::chrono::steady_clock::time_point deadline);

}  // namespace pema::profiles::postgres
