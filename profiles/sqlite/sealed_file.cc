#include "profiles/sqlite/sealed_file.h"

#include <sqlite3.h>
#include <string.h>  // explicit_bzero

#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "profiles/sqlite/page_gap.h"

namespace pema::profiles::sqlite {
namespace {

constexpr int kHeaderBytes = 100;
constexpr char kMagic[] = "SQLite format 3";  // with its zero
/// Controls of our own, above those of SQLite.
constexpr int kTellSeal = 0x50454d41;
constexpr int kSetSeal = kTellSeal + 1;
constexpr int kTellFile = kTellSeal + 2;
/// The first of the five locks of the log of which a reader holds one, shared: the one of those who
/// do not need the log.
constexpr int kFirstReadLock = 3;
constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15U;

/// A file of ours. The one below lives in memory of its own, because its VFS is known only now.
struct SealedFile {
  sqlite3_file base;
  sqlite3_file* below;
  bool database;  ///< logs and temporary files pass through
  bool sealed;
  bool reading;           ///< a lock for reading is held on the log
  LogSnapshot log;        ///< when it was taken
  volatile void* index;   ///< the first region of the log's index
  sqlite3_int64 damaged;  ///< page
};

SealedFile* mine(sqlite3_file* file) { return reinterpret_cast<SealedFile*>(file); }
sqlite3_file* below(sqlite3_file* file) { return mine(file)->below; }
const sqlite3_io_methods* methods(sqlite3_file* file) { return below(file)->pMethods; }

bool is_page(int count) {
  return count >= 512 && std::has_single_bit(static_cast<unsigned>(count));
}

/// What a first page or its head says about the file.
void look_at_header(SealedFile* file, const void* bytes, int count, sqlite3_int64 offset) {
  if (!file->database || offset != 0 || count < kHeaderBytes) return;
  const auto* head = static_cast<const unsigned char*>(bytes);
  if (std::memcmp(head, kMagic, sizeof kMagic) == 0) file->sealed = head[20] == kSealBytes;
}

std::span<const std::byte> page_of(const void* bytes, int count) {
  return {static_cast<const std::byte*>(bytes), static_cast<std::size_t>(count)};
}

int close_file(sqlite3_file* file) {
  const int code = methods(file)->xClose(below(file));
  std::free(below(file));
  return code;
}

int read_file(sqlite3_file* file, void* bytes, int count, sqlite3_int64 offset) {
  const int code = methods(file)->xRead(below(file), bytes, count, offset);
  if (code != SQLITE_OK) return code;
  look_at_header(mine(file), bytes, count, offset);
  if (!mine(file)->sealed || !is_page(count) || offset % count != 0) return code;
  std::uint64_t stored = 0;
  std::memcpy(&stored, static_cast<const char*>(bytes) + count - kSealBytes, kSealBytes);
  const bool whole = stored == page_seal(page_of(bytes, count), offset / count + 1);
  if (whole) return SQLITE_OK;
  mine(file)->damaged = offset / count + 1;
  return SQLITE_IOERR_DATA;
}

/// On its way into a database file a page loses what is left in its unused room, and gets its seal.
int write_file(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  look_at_header(mine(file), bytes, count, offset);
  if (!mine(file)->database || !is_page(count) || offset % count != 0) {
    return methods(file)->xWrite(below(file), bytes, count, offset);
  }
  thread_local std::vector<std::byte> page;
  try {
    page.assign(page_of(bytes, count).begin(), page_of(bytes, count).end());
  } catch (const std::bad_alloc&) {
    return SQLITE_IOERR_NOMEM;
  }
  sqlite3_int64 size = 0;
  const bool known = methods(file)->xFileSize(below(file), &size) == SQLITE_OK;
  if (known && size < kMostCleanBytes) zero_unused_room(page, offset == 0);
  if (mine(file)->sealed) {
    const std::uint64_t seal = page_seal(page, offset / count + 1);
    std::memcpy(page.data() + count - kSealBytes, &seal, kSealBytes);
  }
  const int code = methods(file)->xWrite(below(file), page.data(), count, offset);
  explicit_bzero(page.data(), page.size());
  return code;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return methods(file)->xTruncate(below(file), size);
}
int sync_file(sqlite3_file* file, int flags) { return methods(file)->xSync(below(file), flags); }
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return methods(file)->xFileSize(below(file), size);
}
int lock_file(sqlite3_file* file, int kind) { return methods(file)->xLock(below(file), kind); }
int unlock_file(sqlite3_file* file, int kind) { return methods(file)->xUnlock(below(file), kind); }
int check_lock(sqlite3_file* file, int* held) {
  return methods(file)->xCheckReservedLock(below(file), held);
}
int control_file(sqlite3_file* file, int what, void* argument) {
  if (what == kTellFile) {
    *static_cast<SealedFile**>(argument) = mine(file);
    return SQLITE_OK;
  }
  if (what == kTellSeal || what == kSetSeal) {
    bool* const sealed = static_cast<bool*>(argument);
    if (what == kTellSeal) *sealed = mine(file)->sealed;
    if (what == kSetSeal) mine(file)->sealed = *sealed;
    return SQLITE_OK;
  }
  return methods(file)->xFileControl(below(file), what, argument);
}
int sector_size(sqlite3_file* file) { return methods(file)->xSectorSize(below(file)); }
int characteristics(sqlite3_file* file) {
  return methods(file)->xDeviceCharacteristics(below(file));
}
int map_log(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  const int code = methods(file)->xShmMap(below(file), page, size, extend, memory);
  if (code == SQLITE_OK && page == 0) mine(file)->index = *memory;
  return code;
}
/// SQLite compares the log's header with the one it knows after it took a read lock, and gives the
/// lock back when they differ: what is noted here, in between, is then what it reads by.
int lock_log(sqlite3_file* file, int offset, int count, int flags) {
  const int code = methods(file)->xShmLock(below(file), offset, count, flags);
  SealedFile& own = *mine(file);
  if (code != SQLITE_OK || (flags & SQLITE_SHM_SHARED) == 0 || offset < kFirstReadLock) return code;
  own.reading = (flags & SQLITE_SHM_LOCK) != 0 && own.index != nullptr;
  if (own.reading) {
    own.log = LogIndex::present(own.index);
    own.log.file_alone = offset == kFirstReadLock;
  }
  return code;
}
void log_barrier(sqlite3_file* file) { methods(file)->xShmBarrier(below(file)); }
int unmap_log(sqlite3_file* file, int erase) {
  mine(file)->index = nullptr;
  mine(file)->reading = false;
  return methods(file)->xShmUnmap(below(file), erase);
}

/// Version 2: SQLite itself never maps the file, since it would not compare the pages it sees
/// (profiles/sqlite/snapshot_pages.h does).
constexpr sqlite3_io_methods kMethods = {
    2,         close_file,  read_file,  write_file,   truncate_file, sync_file,       file_size,
    lock_file, unlock_file, check_lock, control_file, sector_size,   characteristics, map_log,
    lock_log,  log_barrier, unmap_log,  nullptr,      nullptr};

/// Says whether the pages of an existing database are sealed.
int look_at_file(SealedFile* file) {
  unsigned char head[kHeaderBytes];
  const int code = file->below->pMethods->xRead(file->below, head, kHeaderBytes, 0);
  if (code == SQLITE_OK) look_at_header(file, head, kHeaderBytes, 0);
  return code == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : code;  // a new file
}

int open_file(sqlite3_vfs* /*vfs*/, const char* path, sqlite3_file* file, int flags,
              int* out_flags) {
  sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
  SealedFile* const own = mine(file);
  *own = {};
  own->below =
      static_cast<sqlite3_file*>(std::calloc(1, static_cast<std::size_t>(system->szOsFile)));
  if (own->below == nullptr) return SQLITE_NOMEM;
  own->database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
  int code = system->xOpen(system, path, own->below, flags, out_flags);
  if (code == SQLITE_OK && own->database) code = look_at_file(own);
  if (code == SQLITE_OK) {
    own->base.pMethods = &kMethods;
    return code;
  }
  if (own->below->pMethods != nullptr) own->below->pMethods->xClose(own->below);
  std::free(own->below);
  return code;
}

/// Calls that do not touch an open file go to the system's VFS of the moment.
sqlite3_vfs make_vfs() {
  sqlite3_vfs vfs = *sqlite3_vfs_find(nullptr);
  vfs.zName = "pema-sealed";
  vfs.pNext = nullptr;
  vfs.szOsFile = sizeof(SealedFile);
  vfs.xOpen = open_file;
  vfs.xDelete = [](sqlite3_vfs*, const char* path, int sync) {
    sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
    return system->xDelete(system, path, sync);
  };
  vfs.xAccess = [](sqlite3_vfs*, const char* path, int flags, int* result) {
    sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
    return system->xAccess(system, path, flags, result);
  };
  vfs.xFullPathname = [](sqlite3_vfs*, const char* path, int size, char* out) {
    sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
    return system->xFullPathname(system, path, size, out);
  };
  return vfs;
}

/// Null when `handle` has no open file of ours.
SealedFile* file_of(sqlite3* handle) {
  SealedFile* file = nullptr;
  const int code = sqlite3_file_control(handle, "main", kTellFile, &file);
  return code == SQLITE_OK ? file : nullptr;
}

}  // namespace

const char* sealing_vfs() {
  static sqlite3_vfs vfs = make_vfs();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  static_cast<void>(registered);
  return vfs.zName;
}

void seal_new_file(sqlite3* handle) {
  int bytes = kSealBytes;
  static_cast<void>(sqlite3_file_control(handle, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes));
}

void seal_copy(sqlite3* target, sqlite3* source) {
  bool sealed = false;
  static_cast<void>(sqlite3_file_control(source, "main", kTellSeal, &sealed));
  static_cast<void>(sqlite3_file_control(target, "main", kSetSeal, &sealed));
}

std::optional<LogSnapshot> log_snapshot(sqlite3* handle) {
  const SealedFile* const file = file_of(handle);
  if (file == nullptr || !file->reading) return std::nullopt;
  return file->log;
}

sqlite3_file* sealed_file(sqlite3* handle) {
  SealedFile* const file = file_of(handle);
  return file != nullptr ? &file->base : nullptr;
}

sqlite3_file* file_below(sqlite3* handle) {
  const SealedFile* const file = file_of(handle);
  return file != nullptr ? file->below : nullptr;
}

std::int64_t damaged_page(sqlite3* handle) {
  const SealedFile* const file = file_of(handle);
  return file != nullptr ? file->damaged : 0;
}

std::uint64_t page_seal(std::span<const std::byte> page, std::int64_t number) {
  // Four chains, so that a step need not wait for the one before it; each step can be undone, so no
  // change of one word goes unseen.
  std::uint64_t lanes[4];
  for (std::uint64_t i = 0; i < 4; ++i)
    lanes[i] = (static_cast<std::uint64_t>(number) + i) * kMultiplier;
  const std::size_t words = (page.size() - kSealBytes) / 8;
  for (std::size_t i = 0; i < words; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, page.data() + 8 * i, 8);
    lanes[i % 4] = std::rotl((lanes[i % 4] ^ word) * kMultiplier, 29);
  }
  std::uint64_t seal = page.size();
  for (const std::uint64_t lane : lanes) seal = std::rotl((seal ^ lane) * kMultiplier, 29);
  return seal ^ (seal >> 32);
}

}  // namespace pema::profiles::sqlite
