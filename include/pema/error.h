/// Errors. Every failure that a caller can meet is a `pema::Error` with a code; nothing here prints
/// or aborts.
#pragma once

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pema {

/// What went wrong, in the few kinds that a program can react to. Values are stable: the command
/// line turns them into exit codes (`exit_code`).
enum class ErrorCode : std::uint8_t {
  kInternal = 1,         ///< a bug in pema
  kInvalidArgument = 2,  ///< the caller's input is outside its stated range
  kNotFound = 3,         ///< a named thing does not exist
  kAlreadyExists = 4,    ///< a name is taken
  kMismatch = 5,         ///< two things do not belong together: base model, width, site, vocabulary
  kCorrupt = 6,          ///< stored bytes are damaged or truncated
  kIo = 7,               ///< the operating system refused a read or a write
  kDiskFull = 8,         ///< no space left, or a file size limit was met
  kBusy = 9,             ///< held by somebody else right now: a lock, or leases on a budget
  kUnsupported = 10,     ///< well-formed, but not something this build can do
  kInterrupted = 11,     ///< the user asked to stop; what was finished is kept
  kOverBudget = 12,      ///< larger than the whole memory budget
  kPermission = 13,      ///< the role of the caller does not allow it
  kLocked = 14,          ///< encrypted, and the key is missing or another one
  kQuota = 15,           ///< a tenant would have more than its limits allow
};

/// Lower-case name of a code, "not_found" for kNotFound. Never throws.
[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

/// Process exit status that `pema` uses for a code. Stable; listed in docs/cli.md. Never throws.
[[nodiscard]] int exit_code(ErrorCode code) noexcept;

/// The one exception type of the library. `what()` names the file or object, the place in it, and
/// the fix. Thread-safety: immutable.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// Joins its arguments with operator<< into one string, for messages.
template <typename... Parts>
[[nodiscard]] std::string message(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws Error(code, joined parts).
template <typename... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  throw Error(code, message(parts...));
}

namespace detail {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);
}  // namespace detail

}  // namespace pema

/// A caller's mistake: throws pema::Error with the short code name (kInvalidArgument without its
/// enum) and message parts.
#define PEMA_CHECK(condition, code, ...)                  \
  do {                                                    \
    if (!(condition)) [[unlikely]] {                      \
      ::pema::fail(::pema::ErrorCode::code, __VA_ARGS__); \
    }                                                     \
  } while (false)

/// Our own mistake: throws pema::Error(kInternal) with the place.
#define PEMA_ASSERT(condition)                                          \
  do {                                                                  \
    if (!(condition)) [[unlikely]] {                                    \
      ::pema::detail::assertion_failed(#condition, __FILE__, __LINE__); \
    }                                                                   \
  } while (false)
