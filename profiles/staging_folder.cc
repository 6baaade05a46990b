#include "profiles/staging_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "pema/error.h"
#include "src/core/file_system.h"

namespace pema::profiles {
namespace {

constexpr const char* kLock = "/lock";

std::string home_of(const std::string& store) { return store + "/staging"; }

void remove_quietly(const std::filesystem::path& folder) noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

}  // namespace

StagingFolder::StagingFolder(const std::string& store) {
  make_folder(home_of(store));
  // A sweep may meet the folder before it is locked, and take it away; then another one is made.
  constexpr int kTries = 16;
  for (int i = 0; i < kTries && lock_ < 0; ++i) {
    std::string name = home_of(store) + "/XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) break;
    folder_ = name;
    lock_ = ::open((folder_ + kLock).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) != 0) ::close(std::exchange(lock_, -1));
  }
  const int error = errno;
  if (lock_ >= 0) return;
  if (!folder_.empty()) remove_quietly(folder_);
  fail(error == ENOSPC || error == EDQUOT ? ErrorCode::kDiskFull : ErrorCode::kIo, home_of(store),
       ": no folder can be made and locked there (", std::strerror(error),
       "); check the disk and the permissions");
}

StagingFolder::~StagingFolder() {
  remove_quietly(folder_);
  ::close(lock_);
}

void StagingFolder::sweep(const std::string& store) noexcept {
  std::error_code error;
  for (std::filesystem::directory_iterator at(home_of(store), error), end; !error && at != end;
       at.increment(error)) {
    const std::string lock_path = at->path().string() + kLock;
    const int lock = ::open(lock_path.c_str(), O_RDWR | O_CLOEXEC);
    if (lock < 0) {
      ::rmdir(at->path().c_str());  // killed before it was locked; not empty otherwise
      continue;
    }
    if (::flock(lock, LOCK_EX | LOCK_NB) == 0) remove_quietly(at->path());
    ::close(lock);
  }
}

void adopt_file(const ObjectFolder& objects, const Digest& digest, const std::string& path) {
  core::FileSystem& files = core::file_system();
  const std::string target = objects.path(digest);
  const std::string folder = core::folder_of(target);
  make_folder(folder);
  core::check_file(files.sync_file(path), path, "syncing it");
  core::check_file(files.rename(path, target), target, "moving the new file there");
  core::check_file(files.sync_folder(folder), folder, "syncing it");
  // Whoever made `folder` may have died before its name was on the disk.
  core::check_file(files.sync_folder(objects.folder()), objects.folder(), "syncing it");
}

}  // namespace pema::profiles
