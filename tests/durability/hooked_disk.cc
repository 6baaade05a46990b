#include "tests/durability/hooked_disk.h"

#include <cerrno>
#include <map>
#include <mutex>

#include "src/core/file_system.h"
#include "tests/durability/hooked_vfs.h"

namespace pema::test {
namespace {

/// The objects' half. Handles of descriptors come from the numbers that SQLite's files also take.
class HookedFileSystem : public core::FileSystem {
 public:
  int create(const std::string& path, int& file) override {
    const std::uint64_t handle = next_disk_handle();
    DiskEvent event{.call = DiskCall::kOpen, .path = path, .file = handle};
    const int error = pass(event, [&] { return FileSystem::create(path, file); });
    if (error == 0) remember(file, handle);
    return error;
  }
  int write(int file, std::span<const std::byte> bytes) override {
    const DiskEvent event{
        .call = DiskCall::kWrite, .file = handle(file), .offset = -1, .bytes = bytes};
    return pass(event, [&] { return FileSystem::write(file, bytes); });
  }
  int sync(int file) override {
    return pass({.call = DiskCall::kSync, .file = handle(file)}, [] { return 0; });
  }
  int rename(const std::string& from, const std::string& to) override {
    return pass({.call = DiskCall::kRename, .path = from, .other = to},
                [&] { return FileSystem::rename(from, to); });
  }
  int link(const std::string& from, const std::string& to) override {
    return pass({.call = DiskCall::kLink, .path = from, .other = to},
                [&] { return FileSystem::link(from, to); });
  }
  int unlink(const std::string& path) override {
    return pass({.call = DiskCall::kUnlink, .path = path},
                [&] { return FileSystem::unlink(path); });
  }
  int make_folder(const std::string& path) override {
    return pass({.call = DiskCall::kMakeFolder, .path = path},
                [&] { return FileSystem::make_folder(path); });
  }
  int remove_folder(const std::string& path) override {
    return pass({.call = DiskCall::kRemoveFolder, .path = path},
                [&] { return FileSystem::remove_folder(path); });
  }
  int sync_file(const std::string& path) override {
    return pass({.call = DiskCall::kSyncFile, .path = path}, [] { return 0; });
  }
  int sync_folder(const std::string& path) override {
    return pass({.call = DiskCall::kSyncFolder, .path = path}, [] { return 0; });
  }

  DiskHook* hook = nullptr;

 private:
  template <typename Call>
  int pass(const DiskEvent& event, Call call) {
    if (const int error = hook->before(event); error != 0) return error;
    const int error = call();
    if (error == 0) hook->after(event);
    return error;
  }
  void remember(int file, std::uint64_t handle) {
    const std::lock_guard lock(mutex_);
    handles_[file] = handle;
  }
  std::uint64_t handle(int file) {
    const std::lock_guard lock(mutex_);
    return handles_[file];
  }

  std::mutex mutex_;
  std::map<int, std::uint64_t> handles_;
};

HookedFileSystem& hooked() {
  static HookedFileSystem files;
  return files;
}

}  // namespace

HookedDisk::HookedDisk(DiskHook& hook) {
  hooked().hook = &hook;
  core::replace_file_system(&hooked());
  use_hooked_vfs(&hook);
}

HookedDisk::~HookedDisk() {
  use_hooked_vfs(nullptr);
  core::replace_file_system(nullptr);
}

}  // namespace pema::test
