#include "profiles/backup_folder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "pema/error.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kPattern = "dddd-dd-ddTdd-dd-dd.dddZ";  // d: a digit

bool is_absent(const std::error_code& error) {
  return error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
}

/// Of an entry that has a time for its name.
FoundBackup examine(std::string path) {
  std::error_code failed;
  static_cast<void>(std::filesystem::file_size(path + "/registry.db", failed));
  if (!failed) return {.path = std::move(path), .state = BackupState::kComplete};
  if (is_absent(failed)) return {.path = std::move(path), .state = BackupState::kRemains};
  return {.path = std::move(path), .state = BackupState::kUnreadable, .why = failed.message()};
}

}  // namespace

bool is_backup_time(std::string_view name) noexcept {
  return name.size() == kPattern.size() &&
         std::equal(name.begin(), name.end(), kPattern.begin(), [](char c, char wanted) {
           return wanted == 'd' ? c >= '0' && c <= '9' : c == wanted;
         });
}

std::vector<FoundBackup> find_backups(const std::string& folder) {
  std::vector<FoundBackup> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code unknown;
    if (!entry->is_directory(unknown) && !unknown) continue;
    const std::string name = entry->path().filename().string();
    if (name == kUnfinishedBackup) {
      found.push_back({.path = entry->path().string(), .state = BackupState::kUnfinished});
    } else if (is_backup_time(name)) {
      found.push_back(examine(entry->path().string()));
    }
  }
  PEMA_CHECK(!is_absent(error), kNotFound, folder, ": there is no such folder");
  PEMA_CHECK(!error, kIo, folder, ": cannot be listed (", error.message(),
             "); check the permissions");
  std::sort(found.begin(), found.end(),
            [](const FoundBackup& a, const FoundBackup& b) { return a.path < b.path; });
  return found;
}

std::string absolute_folder(const std::string& folder) {
  std::error_code failed;
  const std::filesystem::path absolute = std::filesystem::absolute(folder, failed);
  if (failed) return folder;
  // A ".." behind a link does not lead where its text says.
  const std::filesystem::path normal = absolute.lexically_normal();
  const bool same = std::filesystem::equivalent(absolute, normal, failed) && !failed;
  std::string path = (same ? normal : absolute).string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace pema::profiles
