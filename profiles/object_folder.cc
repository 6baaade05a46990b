#include "profiles/object_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "pema/error.h"
#include "src/core/atomic_file.h"
#include "src/core/file_system.h"
#include "src/core/object_file.h"

namespace pema::profiles {
namespace {

constexpr const char* kRestore = "; restore it from a backup or store the object again";

std::int64_t size_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) ? info.st_size : -1;
}

/// Syncs a file that is whole, and its name: its writer may have died, or be about to, between the
/// two. False when it was deleted meanwhile.
bool settled(const std::string& file) {
  core::FileSystem& files = core::file_system();
  const int error = files.sync_file(file);
  if (error == ENOENT) return false;
  core::check_file(error, file, "syncing");
  core::check_file(files.sync_folder(core::folder_of(file)), file, "syncing its folder");
  return true;
}

}  // namespace

DeletionLock::DeletionLock(const std::string& objects, Kind kind)
    : file_(::open(objects.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), held_(true) {
  if (file_ < 0) core::fail_file(errno, objects, "opening the folder");
  const int operation = kind == Kind::kHold ? LOCK_SH : LOCK_EX | LOCK_NB;
  int error = 0;
  do {
    error = ::flock(file_, operation) == 0 ? 0 : errno;
  } while (error == EINTR);
  held_ = error != EWOULDBLOCK;
}

DeletionLock::~DeletionLock() { ::close(file_); }

std::string ObjectFolder::path(const Digest& digest) const {
  const std::string hex = digest.hex();
  return folder_ + "/" + hex.substr(0, 2) + "/" + hex;
}

bool ObjectFolder::contains(const Digest& digest) const noexcept {
  return size_of(path(digest)) >= 0;
}

std::int64_t ObjectFolder::bytes(const Digest& digest) const noexcept {
  return std::max<std::int64_t>(0, size_of(path(digest)));
}

std::string ObjectFolder::problem(const Digest& digest) const {
  const std::string file = path(digest);
  try {
    if (!contains(digest)) return message(file, " is missing", kRestore);
    const Digest found = sha256_file(file);
    if (found == digest) return {};
    return message(file, " is damaged: its SHA-256 is ", found.hex(), kRestore);
  } catch (const Error& error) {
    return error.what();
  }
}

std::string ObjectFolder::size_problem(const Digest& digest, std::int64_t bytes) const {
  const std::string file = path(digest);
  const std::int64_t found = size_of(file);
  if (found < 0) return message(file, " is missing", kRestore);
  try {
    if (bytes < 0) bytes = core::claimed_bytes(file);
  } catch (const Error& error) {
    return error.what();
  }
  if (found == bytes) return {};
  return message(file, " is damaged: it has ", found, " bytes where ", bytes, " belong", kRestore);
}

void ObjectFolder::put(const Digest& digest, std::span<const std::byte> bytes) const {
  const std::string file = path(digest);
  if (!problem(digest).empty() || !settled(file)) stage(digest, bytes)->commit();
  settle();
}

std::unique_ptr<core::AtomicFile> ObjectFolder::stage(const Digest& digest,
                                                      std::span<const std::byte> bytes) const {
  const std::string file = path(digest);
  make_folder(core::folder_of(file));
  make_folder(incoming());
  auto out = std::make_unique<core::AtomicFile>(file, incoming());
  out->write(bytes);
  out->sync();
  return out;
}

void ObjectFolder::settle() const {
  core::check_file(core::file_system().sync_folder(folder_), folder_, "syncing it");
}

void ObjectFolder::remove(const Digest& digest) const {
  core::FileSystem& files = core::file_system();
  const std::string file = path(digest);
  const int error = files.unlink(file);
  PEMA_CHECK(error == 0 || error == ENOENT, kIo, file, ": cannot be deleted (",
             std::generic_category().message(error),
             "); fix the permissions, then open the store again to finish the removal");
  // Also when it was gone: a deletion that was cut short here may have left the folder unsynced.
  const int unsynced = files.sync_folder(core::folder_of(file));
  PEMA_CHECK(unsynced == 0 || unsynced == ENOENT, kIo, file,
             ": it was deleted, but syncing its folder failed (",
             std::generic_category().message(unsynced),
             "); check the disk, then open the store again to finish the removal");
}

std::int64_t ObjectFolder::sweep() const { return core::sweep_temporary_files(incoming()); }

std::vector<Digest> ObjectFolder::all() const {
  std::vector<Digest> digests;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(folder_, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool hex = name.size() == 64 && name.find_first_not_of("0123456789abcdef") == name.npos;
    if (hex && entry.depth() == 1) digests.push_back(Digest::parse(name));
  }
  PEMA_CHECK(!error, kIo, folder_, ": cannot be listed (", error.message(),
             "); check the permissions");
  std::sort(digests.begin(), digests.end());
  return digests;
}

void make_folder(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    PEMA_CHECK(S_ISDIR(info.st_mode), kIo, path, ": is a file where a folder is needed; move it");
    return;
  }
  const std::string parent = core::folder_of(path);
  if (parent != path) make_folder(parent);
  const int error = core::file_system().make_folder(path);
  if (error != 0 && error != EEXIST) core::fail_file(error, path, "creating the folder");
  core::check_file(core::file_system().sync_folder(parent), path, "syncing the folder above it");
}

}  // namespace pema::profiles
