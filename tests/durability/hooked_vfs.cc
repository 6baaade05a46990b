#include "tests/durability/hooked_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "src/core/file_system.h"

namespace pema::test {
namespace {

DiskHook* hook_in_use = nullptr;

/// A file of ours; the system's own lies behind it in the same memory.
struct HookedFile {
  sqlite3_file base;
  std::uint64_t handle;
  bool sync_folder;  // as the system's VFS: the first sync of a new log also syncs its folder
  const char* path;  // SQLite keeps it until the file is closed
};

/// Room for it in front of the system's file.
constexpr int kOffset = (static_cast<int>(sizeof(HookedFile)) + 15) / 16 * 16;

HookedFile* mine(sqlite3_file* file) { return reinterpret_cast<HookedFile*>(file); }
sqlite3_file* below(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + kOffset);
}
sqlite3_vfs* system_vfs(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

/// What SQLite's own VFS answers where the system gives `error`.
int code_of(int error, int otherwise) { return error == ENOSPC ? SQLITE_FULL : otherwise; }

template <typename Call>
int pass(const DiskEvent& event, int failure, Call call) {
  if (const int error = hook_in_use->before(event); error != 0) return code_of(error, failure);
  const int code = call();
  if (code == SQLITE_OK) hook_in_use->after(event);
  return code;
}

int close_file(sqlite3_file* file) { return below(file)->pMethods->xClose(below(file)); }

int read_file(sqlite3_file* file, void* bytes, int count, sqlite3_int64 offset) {
  const DiskEvent event{.call = DiskCall::kRead, .file = mine(file)->handle, .offset = offset};
  if (hook_in_use->before(event) != 0) return SQLITE_IOERR_READ;
  return below(file)->pMethods->xRead(below(file), bytes, count, offset);
}

int write_file(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  const DiskEvent event{
      .call = DiskCall::kWrite,
      .file = mine(file)->handle,
      .offset = offset,
      .bytes = {static_cast<const std::byte*>(bytes), static_cast<std::size_t>(count)}};
  return pass(event, SQLITE_IOERR_WRITE,
              [&] { return below(file)->pMethods->xWrite(below(file), bytes, count, offset); });
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return pass({.call = DiskCall::kTruncate, .file = mine(file)->handle, .offset = size},
              SQLITE_IOERR_TRUNCATE,
              [&] { return below(file)->pMethods->xTruncate(below(file), size); });
}

int sync_file(sqlite3_file* file, int /*flags*/) {
  HookedFile* const own = mine(file);
  const int code = pass({.call = DiskCall::kSync, .file = own->handle}, SQLITE_IOERR_FSYNC,
                        [] { return SQLITE_OK; });
  if (code != SQLITE_OK || !own->sync_folder) return code;
  own->sync_folder = false;
  return pass({.call = DiskCall::kSyncFolder, .path = core::folder_of(own->path)},
              SQLITE_IOERR_DIR_FSYNC, [] { return SQLITE_OK; });
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return below(file)->pMethods->xFileSize(below(file), size);
}
int lock_file(sqlite3_file* file, int kind) {
  return below(file)->pMethods->xLock(below(file), kind);
}
int unlock_file(sqlite3_file* file, int kind) {
  return below(file)->pMethods->xUnlock(below(file), kind);
}
int check_lock(sqlite3_file* file, int* held) {
  return below(file)->pMethods->xCheckReservedLock(below(file), held);
}
int control_file(sqlite3_file* file, int what, void* argument) {
  return below(file)->pMethods->xFileControl(below(file), what, argument);
}
int sector_size(sqlite3_file* file) { return below(file)->pMethods->xSectorSize(below(file)); }
int characteristics(sqlite3_file* file) {
  return below(file)->pMethods->xDeviceCharacteristics(below(file));
}
int map_log(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  const DiskEvent event{.call = DiskCall::kMapLog, .file = mine(file)->handle};
  if (hook_in_use->before(event) != 0) return SQLITE_IOERR_SHMMAP;
  return below(file)->pMethods->xShmMap(below(file), page, size, extend, memory);
}
int lock_log(sqlite3_file* file, int offset, int count, int flags) {
  return below(file)->pMethods->xShmLock(below(file), offset, count, flags);
}
void log_barrier(sqlite3_file* file) { below(file)->pMethods->xShmBarrier(below(file)); }
int unmap_log(sqlite3_file* file, int erase) {
  return below(file)->pMethods->xShmUnmap(below(file), erase);
}

/// Version 2: no mapping of the database itself.
const sqlite3_io_methods kMethods = {
    2,         close_file,  read_file,  write_file,   truncate_file, sync_file,       file_size,
    lock_file, unlock_file, check_lock, control_file, sector_size,   characteristics, map_log,
    lock_log,  log_barrier, unmap_log,  nullptr,      nullptr};

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  HookedFile* const own = mine(file);
  std::memset(file, 0, static_cast<std::size_t>(kOffset));
  own->handle = next_disk_handle();
  own->path = path != nullptr ? path : "";
  own->sync_folder = (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
  const DiskEvent event{.call = DiskCall::kOpen, .path = own->path, .file = own->handle};
  const auto open = [&] {
    return system_vfs(vfs)->xOpen(system_vfs(vfs), path, below(file), flags, out_flags);
  };
  const int code = pass(event, SQLITE_CANTOPEN, open);
  if (code == SQLITE_OK) own->base.pMethods = &kMethods;
  return code;
}

int delete_file(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  const int code = pass({.call = DiskCall::kUnlink, .path = path}, SQLITE_IOERR_DELETE,
                        [&] { return system_vfs(vfs)->xDelete(system_vfs(vfs), path, 0); });
  if (code != SQLITE_OK || sync_folder == 0) return code;
  return pass({.call = DiskCall::kSyncFolder, .path = core::folder_of(path)},
              SQLITE_IOERR_DIR_FSYNC, [] { return SQLITE_OK; });
}

/// The hooked VFS; made once, since SQLite may keep its address.
sqlite3_vfs* hooked_vfs() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
    sqlite3_vfs made = *system;
    made.zName = "pema-hooked";
    made.pNext = nullptr;
    made.pAppData = system;
    made.szOsFile = kOffset + system->szOsFile;
    made.xOpen = open_file;
    made.xDelete = delete_file;
    made.xAccess = [](sqlite3_vfs* v, const char* path, int flags, int* result) {
      return system_vfs(v)->xAccess(system_vfs(v), path, flags, result);
    };
    made.xFullPathname = [](sqlite3_vfs* v, const char* path, int size, char* out) {
      return system_vfs(v)->xFullPathname(system_vfs(v), path, size, out);
    };
    return made;
  }();
  return &vfs;
}

}  // namespace

void use_hooked_vfs(DiskHook* hook) {
  if (hook != nullptr) {
    hook_in_use = hook;
    sqlite3_vfs_register(hooked_vfs(), 1);
  } else {
    sqlite3_vfs* const system = system_vfs(hooked_vfs());
    sqlite3_vfs_register(system, 1);
    sqlite3_vfs_unregister(hooked_vfs());
    hook_in_use = nullptr;
  }
}

std::uint64_t next_disk_handle() {
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(1);
}

}  // namespace pema::test
