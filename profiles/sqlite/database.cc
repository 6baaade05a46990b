#include "profiles/sqlite/database.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include "pema/error.h"
#include "profiles/sqlite/clean_memory.h"
#include "profiles/sqlite/errors.h"
#include "profiles/sqlite/sealed_file.h"

namespace pema::profiles::sqlite {
namespace {

constexpr int kCheckpointMilliseconds = 50;

/// A path as the path part of an SQLite URI.
std::string uri_path(const std::string& path) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      const auto byte = static_cast<unsigned char>(c);
      text += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      text += c;
    }
  }
  return text;
}

bool folder_writable(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return ::access(folder.empty() ? "." : folder.c_str(), W_OK) == 0 &&
         ::access(path.c_str(), W_OK) == 0;
}

bool log_has_content(const std::string& path) {
  struct stat info {};
  return ::stat((path + "-wal").c_str(), &info) == 0 && info.st_size > 0;
}

}  // namespace

Database::Database(const std::string& path, OpenMode mode, int busy_milliseconds,
                   Durability durability)
    : path_(path), mode_(mode), busy_milliseconds_(busy_milliseconds), durability_(durability) {
  PEMA_CHECK(mode == OpenMode::kCreate || ::access(path.c_str(), F_OK) == 0, kNotFound, path,
             ": there is no such file");
  try {
    open();
    configure();
  } catch (...) {
    close();
    throw;
  }
}

Database::~Database() { close(); }

void Database::open() {
  static_cast<void>(use_clean_memory());
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  std::string name = path_;
  if (mode_ == OpenMode::kCreate) flags |= SQLITE_OPEN_CREATE;
  if (mode_ == OpenMode::kReadOnly && !folder_writable(path_)) {
    flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    // Without write permission SQLite cannot make the files that a log needs. No log means that
    // nobody writes at this moment, and then the file alone is the whole truth.
    if (!log_has_content(path_)) {
      immutable_ = true;
      stamp_ = stamp();
      flags |= SQLITE_OPEN_URI;
      name = "file:" + uri_path(path_) + "?immutable=1";
    }
  }
  const int code = sqlite3_open_v2(name.c_str(), &handle_, flags, sealing_vfs());
  if (code != SQLITE_OK) raise(code, "opening it");
  // SQLite's own small blocks would keep what was in them until the connection ends.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_LOOKASIDE, nullptr, 0, 0);
  if (mode_ == OpenMode::kCreate) seal_new_file(handle_);
  sqlite3_busy_timeout(handle_, busy_milliseconds_);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
}

void Database::configure() {
  // No mmap_size: an unreadable sector would be a SIGBUS, and nobody would compare the seals of
  // pages. A ProfileReader maps the file by itself (profiles/sqlite/snapshot_pages.h).
  // synchronous=FULL syncs the log at every commit, NORMAL only before it moves into the file: a
  // power cut then takes whole commits from the end.
  execute(
      "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;"
      "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA secure_delete=ON;"
      "PRAGMA synchronous=" +
      std::string(durability_ == Durability::kDurable ? "FULL" : "NORMAL"));
  PEMA_CHECK(integer("PRAGMA secure_delete") == 1, kUnsupported, path_,
             ": this SQLite does not overwrite deleted rows (PRAGMA secure_delete); use one that "
             "was built with it, such as Debian's");
  if (mode_ == OpenMode::kReadOnly) {
    execute("PRAGMA query_only=ON");
    static_cast<void>(integer("SELECT count(*) FROM sqlite_schema"));
    return;
  }
  turn_log_on();
  PEMA_CHECK(sqlite3_db_readonly(handle_, "main") == 0, kIo, path_,
             ": cannot be written; fix the permissions of the file and its folder, or open the "
             "store read-only");
}

void Database::turn_log_on() {
  // Two who open a new file at once both hold what the other one needs here, so SQLite does not
  // wait: it answers "busy" at once.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(busy_milliseconds_);
  while (true) {
    const int code = sqlite3_exec(handle_, "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return;
    if (primary_code(code) != SQLITE_BUSY || std::chrono::steady_clock::now() >= end) {
      raise(code, "turning its log on");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void Database::close() noexcept {
  statements_.clear();
  sqlite3_close_v2(handle_);
  handle_ = nullptr;
}

Query Database::query(std::string_view sql) {
  check_unchanged();
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (code == SQLITE_ERROR) {
      fail(ErrorCode::kCorrupt, path_, ": does not have the tables this program expects (",
           sqlite3_errmsg(handle_), "); restore registry.db from a backup");
    }
    if (code != SQLITE_OK) raise(code, "preparing a statement");
    found =
        statements_.emplace(std::string(sql), std::make_unique<Statement>(*this, prepared)).first;
  }
  return Query(*found->second);
}

void Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) raise(code, sql.size() <= 40 ? sql : sql.substr(0, 40) + "...");
}

bool Database::in_transaction() const noexcept { return sqlite3_get_autocommit(handle_) == 0; }

bool Database::checkpoint() {
  sqlite3_busy_timeout(handle_, std::min(busy_milliseconds_, kCheckpointMilliseconds));
  const int code =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sqlite3_busy_timeout(handle_, busy_milliseconds_);
  if (primary_code(code) == SQLITE_BUSY || primary_code(code) == SQLITE_LOCKED) return false;
  if (code != SQLITE_OK) raise(code, "moving the log into it");
  return true;
}

void Database::renew() {
  Database fresh(path_, mode_ == OpenMode::kCreate ? OpenMode::kReadWrite : mode_,
                 busy_milliseconds_, durability_);
  statements_.clear();
  std::swap(handle_, fresh.handle_);
}

void Database::sync_log() {
  sqlite3_file* log = nullptr;
  if (sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
      log == nullptr || log->pMethods == nullptr) {
    return;
  }
  const int code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  if (code != SQLITE_OK) raise(code, "syncing its log");
}

void Database::raise(int code, std::string_view doing) const {
  raise_error(code, handle_, path_, doing);
}

Database::Stamp Database::stamp() const {
  struct stat info {};
  PEMA_CHECK(::stat(path_.c_str(), &info) == 0, kIo, path_, ": cannot be examined");
  return {info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

void Database::check_unchanged() const {
  if (!immutable_) return;
  PEMA_CHECK(stamp() == stamp_, kBusy, path_,
             ": was changed by another process while it was read without locks (its folder is not "
             "writable here); open the store again");
}

}  // namespace pema::profiles::sqlite
