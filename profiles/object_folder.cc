#include "profiles/object_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "pema/error.h"
#include "src/core/atomic_file.h"

namespace pema::profiles {
namespace {

/// A folder's new entry survives a power cut only once the folder itself is synced.
void sync_folder(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

}  // namespace

std::string ObjectFolder::path(const Digest& digest) const {
  const std::string hex = digest.hex();
  return folder_ + "/" + hex.substr(0, 2) + "/" + hex;
}

bool ObjectFolder::contains(const Digest& digest) const noexcept {
  struct stat info {};
  return ::stat(path(digest).c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

std::string ObjectFolder::problem(const Digest& digest) const {
  const std::string file = path(digest);
  try {
    if (!contains(digest)) {
      return message(file, " is missing; restore it from a backup or store the object again");
    }
    const Digest found = sha256_file(file);
    if (found == digest) return {};
    return message(file, " is damaged: its SHA-256 is ", found.hex(),
                   "; restore it from a backup or store the object again");
  } catch (const Error& error) {
    return error.what();
  }
}

void ObjectFolder::put(const Digest& digest, std::span<const std::byte> bytes) const {
  if (problem(digest).empty()) return;
  const std::string file = path(digest);
  make_folder(std::filesystem::path(file).parent_path().string());
  core::write_file_atomically(file, bytes);
}

void ObjectFolder::remove(const Digest& digest) const {
  const std::string file = path(digest);
  if (::unlink(file.c_str()) == 0) {
    sync_folder(std::filesystem::path(file).parent_path().string());
    return;
  }
  PEMA_CHECK(errno == ENOENT, kIo, file, ": cannot be deleted (", std::strerror(errno),
             "); fix the permissions, then open the store again to finish the removal");
}

void make_folder(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    PEMA_CHECK(S_ISDIR(info.st_mode), kIo, path, ": is a file where a folder is needed; move it");
    return;
  }
  const std::string parent = std::filesystem::path(path).parent_path().string();
  if (!parent.empty() && parent != path) make_folder(parent);
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
    const int error = errno;
    fail(error == ENOSPC || error == EDQUOT ? ErrorCode::kDiskFull : ErrorCode::kIo, path,
         ": cannot be created (", std::strerror(error), "); check the disk and the permissions");
  }
  sync_folder(parent.empty() ? "." : parent);
}

}  // namespace pema::profiles
