#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>

#include "pema/audit.h"
#include "pema/backup.h"
#include "pema/error.h"
#include "profiles/backup_folder.h"
#include "profiles/backup_note.h"
#include "profiles/store_copy.h"
#include "profiles/store_impl.h"
#include "src/core/file_system.h"

namespace pema {
namespace {

using profiles::copy_store;
using profiles::CopySums;
using profiles::is_backup_time;
using profiles::Registry;

std::string time_text(std::int64_t milliseconds) {
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H-%M-%S.", &parts);
  const std::string fraction = std::to_string(1000 + milliseconds % 1000).substr(1);
  return std::string(text, length) + fraction + "Z";
}

/// The present time, or the first millisecond after it that is later than every backup there.
std::string new_time(const std::vector<BackupRecord>& backups) {
  std::int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
  while (!backups.empty() && time_text(now) <= backups.back().time) ++now;
  return time_text(now);
}

/// Keeps a second backup out of the folder; given back by the kernel when the process dies.
class BackupLock {
 public:
  explicit BackupLock(const std::string& folder)
      : file_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (file_ < 0) core::fail_file(errno, folder, "opening the folder");
    if (::flock(file_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    ::close(file_);
    fail(ErrorCode::kBusy, folder,
         ": another backup is being written there; wait for it, or use another folder");
  }
  ~BackupLock() { ::close(file_); }
  BackupLock(const BackupLock&) = delete;
  BackupLock& operator=(const BackupLock&) = delete;

 private:
  int file_;
};

/// Deletes a backup, its registry first: what a crash leaves is no backup.
void remove_backup(const std::string& path) {
  core::FileSystem& files = core::file_system();
  const int error = files.unlink(path + "/registry.db");
  if (error != ENOENT) core::check_file(error, path, "deleting the backup");
  core::check_file(files.sync_folder(path), path, "deleting the backup");
  std::error_code failed;
  std::filesystem::remove_all(path, failed);
  PEMA_CHECK(!failed, kIo, path, ": deleting the backup failed (", failed.message(),
             "); delete the folder by hand");
}

/// All but the newest `keep`, and what is left of deletions that were cut short.
void remove_old_backups(const std::string& folder, std::int64_t keep) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (!is_backup_time(entry.path().filename().string())) continue;
    if (std::filesystem::exists(path + "/registry.db")) {
      names.push_back(path);
    } else {
      remove_backup(path);
    }
  }
  std::sort(names.begin(), names.end());
  const auto count = static_cast<std::int64_t>(names.size());
  for (std::int64_t i = 0; i < count - keep; ++i) {
    remove_backup(names[static_cast<std::size_t>(i)]);
  }
}

}  // namespace

std::vector<BackupRecord> list_backups(const std::string& folder) {
  std::vector<BackupRecord> backups;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    BackupRecord record;
    record.path = entry->path().string();
    record.time = entry->path().filename().string();
    std::error_code absent;
    const auto bytes = std::filesystem::file_size(record.path + "/registry.db", absent);
    if (!is_backup_time(record.time) || absent) continue;
    record.registry_bytes = static_cast<std::int64_t>(bytes);
    backups.push_back(std::move(record));
  }
  PEMA_CHECK(!error || error == std::errc::no_such_file_or_directory, kIo, folder,
             ": cannot be listed (", error.message(), "); check the permissions");
  std::sort(backups.begin(), backups.end(),
            [](const BackupRecord& a, const BackupRecord& b) { return a.time < b.time; });
  return backups;
}

BackupRecord find_backup(const std::string& folder, std::string_view time) {
  const std::vector<BackupRecord> backups = list_backups(folder);
  PEMA_CHECK(!backups.empty(), kNotFound, folder,
             ": there is no complete backup here; make one with `pema store backup`");
  std::string wanted(time);
  const std::size_t clock = wanted.find('T');
  if (clock != std::string::npos) {
    std::replace(wanted.begin() + static_cast<std::ptrdiff_t>(clock), wanted.end(), ':', '-');
  }
  const BackupRecord* found = nullptr;
  for (const BackupRecord& backup : backups) {
    if (backup.time.substr(0, wanted.size()) <= wanted || wanted.empty()) found = &backup;
  }
  PEMA_CHECK(found != nullptr, kNotFound, folder, ": there is no backup of ", time,
             " or before; the oldest is ", backups.front().time);
  return *found;
}

BackupRecord Store::backup(const std::string& folder, const BackupOptions& options) const {
  core::FileSystem& files = core::file_system();
  profiles::make_folder(folder);
  const BackupLock lock(folder);
  const std::vector<BackupRecord> backups = list_backups(folder);
  const std::string unfinished = folder + "/" + profiles::kUnfinishedBackup;
  BackupRecord record;
  record.time = new_time(backups);
  record.path = folder + "/" + record.time;
  const std::string previous = backups.empty() ? std::string() : backups.back().path;
  profiles::BackupNote note(impl_->registry, folder);
  note.begin();
  const CopySums sums = copy_store(impl_->registry, unfinished, previous, options);
  core::check_file(files.rename(unfinished, record.path), record.path, "naming the backup");
  core::check_file(files.sync_folder(folder), folder, "syncing it");
  record.registry_bytes = sums.registry_bytes;
  record.objects = sums.objects;
  record.new_objects = sums.new_objects;
  record.copied_bytes = sums.copied_bytes;
  std::int64_t count = std::ssize(backups) + 1;
  if (options.keep > 0) {
    remove_old_backups(folder, options.keep);
    count = std::min(count, options.keep);
  }
  note.finish(record.time, count);
  record.unnoted = note.failure();
  return record;
}

std::vector<BackupFolder> Store::backup_folders() const {
  return profiles::read_backup_folders(impl_->registry.database());
}

bool Store::forget_backup_folder(const std::string& path) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  bool known = false;
  registry.write([&] {
    known = profiles::drop_backup_folder(registry.database(), profiles::absolute_folder(path));
    if (known) static_cast<void>(registry.note(AuditKind::kForgotten, 1));
  });
  return known;
}

bool is_reachable(const BackupFolder& folder) {
  try {
    const std::vector<profiles::FoundBackup> found = profiles::find_backups(folder.path);
    return folder.backups == 0 ||
           std::any_of(found.begin(), found.end(), [](const profiles::FoundBackup& backup) {
             return backup.state == profiles::BackupState::kComplete;
           });
  } catch (const Error&) {
    return false;
  }
}

void restore_backup(const std::string& backup, const std::string& folder,
                    const BackupOptions& options) {
  PEMA_CHECK(!profiles::store_is_in(folder), kAlreadyExists, folder,
             ": there is a store here; move it away, or restore into another folder");
  profiles::make_folder(folder);
  const BackupLock lock(folder);
  Registry source(backup, OpenMode::kReadOnly);
  static_cast<void>(copy_store(source, folder, {}, options));
}

}  // namespace pema
