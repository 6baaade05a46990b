#include <sqlite3.h>

#include <memory>

#include "pema/error.h"
#include "profiles/sqlite/database.h"
#include "profiles/sqlite/errors.h"
#include "profiles/sqlite/sealed_file.h"
#include "src/core/file_system.h"

namespace pema::profiles::sqlite {
namespace {

constexpr std::int64_t kStepBytes = std::int64_t{1} << 20;

struct Close {
  void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
};
using Connection = std::unique_ptr<sqlite3, Close>;

struct Finish {
  void operator()(sqlite3_backup* backup) const noexcept { sqlite3_backup_finish(backup); }
};

/// A new file without a journal: when the copy ends early, nobody will want it.
Connection create(const std::string& path) {
  sqlite3* handle = nullptr;
  int code = sqlite3_open_v2(
      path.c_str(), &handle,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      sealing_vfs());
  Connection connection(handle);
  if (code == SQLITE_OK) {
    code = sqlite3_exec(handle, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", nullptr, nullptr,
                        nullptr);
  }
  if (code != SQLITE_OK) raise_error(code, handle, path, "creating the copy");
  return connection;
}

}  // namespace

void Database::copy_to(const std::string& path,
                       const std::function<void(std::int64_t bytes, std::int64_t total)>& after) {
  PEMA_ASSERT(in_transaction());
  const int error = core::file_system().unlink(path);
  if (error != ENOENT) core::check_file(error, path, "deleting what an earlier copy left");
  const std::int64_t page_bytes = integer("PRAGMA page_size");
  const Connection target = create(path);
  seal_copy(target.get(), handle_);
  // The read transaction keeps one state: without it the copy would begin anew at every commit of
  // another process.
  std::unique_ptr<sqlite3_backup, Finish> backup(
      sqlite3_backup_init(target.get(), "main", handle_, "main"));
  if (backup == nullptr) raise_error(sqlite3_errcode(target.get()), target.get(), path, "copying");
  int code = SQLITE_OK;
  std::int64_t done = 0;
  while (code == SQLITE_OK) {
    code = sqlite3_backup_step(backup.get(), static_cast<int>(kStepBytes / page_bytes));
    if (code != SQLITE_OK && code != SQLITE_DONE) break;
    const std::int64_t total = sqlite3_backup_pagecount(backup.get());
    const std::int64_t now = total - sqlite3_backup_remaining(backup.get());
    after((now - done) * page_bytes, total * page_bytes);
    done = now;
  }
  if (code != SQLITE_DONE) {
    backup.reset();
    // An error belongs to one of the two files; the source has an errno of its own when it was it.
    if (primary_code(code) == SQLITE_CORRUPT || primary_code(code) == SQLITE_NOTADB) {
      raise(code, "copying it");
    }
    raise_error(code, target.get(), path, "writing the copy");
  }
  sqlite3_backup* const raw = backup.release();
  code = sqlite3_backup_finish(raw);
  if (code != SQLITE_OK) raise_error(code, target.get(), path, "finishing the copy");
}

}  // namespace pema::profiles::sqlite
