#include "profiles/sqlite/errors.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "pema/error.h"
#include "profiles/sqlite/sealed_file.h"

namespace pema::profiles::sqlite {
namespace {

struct Kind {
  ErrorCode code;
  const char* fix;
};

/// The errno of the last failed call on one of the connection's files; the thread's own may have
/// been overwritten by SQLite's clean-up.
int last_errno(sqlite3* handle) {
  if (handle == nullptr) return 0;
  for (const int file_kind : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
    sqlite3_file* file = nullptr;
    int error = 0;
    if (sqlite3_file_control(handle, "main", file_kind, &file) != SQLITE_OK) continue;
    if (file == nullptr || file->pMethods == nullptr) continue;
    if (file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK &&
        error != 0) {
      return error;
    }
  }
  return sqlite3_system_errno(handle);
}

constexpr const char* kDiskFix =
    "free space on its disk (or raise the file size limit), then retry";

constexpr const char* kDamagedFix =
    "the file is damaged: restore registry.db from a backup, or rescue what is left with "
    "`sqlite3 registry.db .recover`";

Kind kind_of(int code, int system_error) {
  if (code == SQLITE_IOERR_DATA) return {ErrorCode::kCorrupt, kDamagedFix};  // a page's seal
  switch (primary_code(code)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return {ErrorCode::kBusy, "another process is writing to this store; try again"};
    case SQLITE_FULL:
      return {ErrorCode::kDiskFull, kDiskFix};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
    case SQLITE_FORMAT:
      return {ErrorCode::kCorrupt, kDamagedFix};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {ErrorCode::kIo,
              "the store was opened read-only or its files cannot be written; fix the permissions "
              "or open it for writing"};
    case SQLITE_IOERR:
      // A met file size limit or quota is no case of its own in SQLite.
      if (system_error == EFBIG || system_error == EDQUOT || system_error == ENOSPC) {
        return {ErrorCode::kDiskFull, kDiskFix};
      }
      return {ErrorCode::kIo, "check the disk and the system's log"};
    case SQLITE_CANTOPEN:
      return {ErrorCode::kIo,
              "check that the path is a file and that it and its folder are readable"};
    case SQLITE_TOOBIG:
      return {ErrorCode::kInvalidArgument, "the value is larger than SQLite stores"};
    default:
      return {ErrorCode::kInternal, "run `pema verify`; if it finds nothing, please report this"};
  }
}

}  // namespace

void raise_error(int code, sqlite3* handle, const std::string& path, std::string_view doing) {
  const int system_error = primary_code(code) == SQLITE_IOERR ? last_errno(handle) : 0;
  const char* words = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  const Kind kind = kind_of(code, system_error);
  std::string cause;
  if (system_error != 0) {
    cause = message(", ", std::strerror(system_error));
  }
  if (code == SQLITE_IOERR_DATA && handle != nullptr) {
    cause = message(", page ", damaged_page(handle), " is not as it was written");
  }
  fail(kind.code, path, ": ", doing, ": ", words, cause, " (SQLite ", code, "); ", kind.fix);
}

}  // namespace pema::profiles::sqlite
