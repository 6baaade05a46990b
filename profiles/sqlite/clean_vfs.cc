#include "profiles/sqlite/clean_vfs.h"

#include <sqlite3.h>
#include <string.h>  // explicit_bzero

#include <algorithm>
#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>

namespace pema::profiles::sqlite {
namespace {

constexpr int kMostPageBytes = 65536;

/// A database file; the file of the VFS below lies behind it in the same memory.
struct CleanFile {
  sqlite3_file base;
};
constexpr int kOffset = (static_cast<int>(sizeof(CleanFile)) + 15) / 16 * 16;

sqlite3_file* below(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + kOffset);
}
sqlite3_vfs* below(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

/// A stretch of a page.
struct Gap {
  int begin = 0;
  int end = 0;
};

int two_bytes(const unsigned char* at) { return at[0] * 256 + at[1]; }

/// The unallocated middle of a b-tree page: between the cell pointers and the first cell. Empty for
/// any other page. Source: SQLite's file format, 1.6 "B-tree Pages".
Gap gap_of(const unsigned char* page, int bytes, bool first_page) {
  const int header = first_page ? 100 : 0;
  const unsigned char type = page[header];
  const bool interior = type == 2 || type == 5;
  if (!interior && type != 10 && type != 13) return {};
  const int begin = header + (interior ? 12 : 8) + 2 * two_bytes(page + header + 3);
  int end = two_bytes(page + header + 5);
  if (end == 0) end = 65536;
  if (begin > end || end > bytes) return {};
  return {begin, end};
}

int write_file(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  sqlite3_file* const lower = below(file);
  const auto write = [&](const void* what) {
    return lower->pMethods->xWrite(lower, what, count, offset);
  };
  const bool whole_page =
      count >= 512 && count <= kMostPageBytes && (count & (count - 1)) == 0 && offset % count == 0;
  if (!whole_page || offset >= kMostCleanBytes) return write(bytes);
  const Gap gap = gap_of(static_cast<const unsigned char*>(bytes), count, offset == 0);
  const auto* const from = static_cast<const unsigned char*>(bytes);
  if (std::all_of(from + gap.begin, from + gap.end, [](unsigned char b) { return b == 0; })) {
    return write(bytes);
  }
  sqlite3_int64 size = 0;
  if (lower->pMethods->xFileSize(lower, &size) != SQLITE_OK || size >= kMostCleanBytes) {
    return write(bytes);
  }
  std::array<unsigned char, kMostPageBytes> page;
  memcpy(page.data(), bytes, static_cast<std::size_t>(count));
  memset(page.data() + gap.begin, 0, static_cast<std::size_t>(gap.end - gap.begin));
  const int code = write(page.data());
  explicit_bzero(page.data(), static_cast<std::size_t>(count));
  return code;
}

int close_file(sqlite3_file* file) { return below(file)->pMethods->xClose(below(file)); }
int read_file(sqlite3_file* file, void* bytes, int count, sqlite3_int64 offset) {
  return below(file)->pMethods->xRead(below(file), bytes, count, offset);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return below(file)->pMethods->xTruncate(below(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  return below(file)->pMethods->xSync(below(file), flags);
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
  // Logs and temporary files stay files of the VFS below.
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) {
    return below(vfs)->xOpen(below(vfs), path, file, flags, out_flags);
  }
  memset(file, 0, static_cast<std::size_t>(kOffset));
  const int code = below(vfs)->xOpen(below(vfs), path, below(file), flags, out_flags);
  if (below(file)->pMethods != nullptr) file->pMethods = &kMethods;
  return code;
}

/// A registered VFS of ours; SQLite keeps its address and its name.
struct CleanVfs {
  explicit CleanVfs(sqlite3_vfs* lower) : name("pema-clean-" + std::string(lower->zName)) {
    vfs = *lower;
    vfs.zName = name.c_str();
    vfs.pNext = nullptr;
    vfs.pAppData = lower;
    vfs.szOsFile = kOffset + lower->szOsFile;
    vfs.xOpen = open_file;
    vfs.xDelete = [](sqlite3_vfs* v, const char* path, int sync_folder) {
      return below(v)->xDelete(below(v), path, sync_folder);
    };
    vfs.xAccess = [](sqlite3_vfs* v, const char* path, int what, int* result) {
      return below(v)->xAccess(below(v), path, what, result);
    };
    vfs.xFullPathname = [](sqlite3_vfs* v, const char* path, int size, char* out) {
      return below(v)->xFullPathname(below(v), path, size, out);
    };
  }
  std::string name;
  sqlite3_vfs vfs;
};

}  // namespace

const char* clean_vfs() noexcept {
  static std::mutex mutex;
  static std::list<CleanVfs> made;
  try {
    sqlite3_vfs* const lower = sqlite3_vfs_find(nullptr);
    if (lower == nullptr) return nullptr;
    const std::scoped_lock lock(mutex);
    for (const CleanVfs& known : made) {
      if (known.vfs.pAppData == lower) return known.name.c_str();
    }
    CleanVfs& fresh = made.emplace_back(lower);
    if (sqlite3_vfs_register(&fresh.vfs, 0) == SQLITE_OK) return fresh.name.c_str();
    made.pop_back();
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): said in the header
  }
  return nullptr;
}

}  // namespace pema::profiles::sqlite
