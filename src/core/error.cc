#include "pema/error.h"

namespace pema {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInternal:
      return "internal";
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kMismatch:
      return "mismatch";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kDiskFull:
      return "disk_full";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kInterrupted:
      return "interrupted";
    case ErrorCode::kOverBudget:
      return "over_budget";
    case ErrorCode::kPermission:
      return "permission";
    case ErrorCode::kLocked:
      return "locked";
    case ErrorCode::kQuota:
      return "quota";
  }
  return "unknown";
}

int exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInternal:
      return 70;
    case ErrorCode::kInterrupted:
      return 130;
    default:
      return static_cast<int>(code);
  }
}

namespace detail {

void assertion_failed(const char* condition, const char* file, int line) {
  fail(ErrorCode::kInternal, "internal error: ", condition, " does not hold at ", file, ":", line,
       "; please report it");
}

}  // namespace detail
}  // namespace pema
