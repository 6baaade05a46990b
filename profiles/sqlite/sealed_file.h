/// A seal on every page of registry.db, so that a flipped bit anywhere in it is an error and never
/// another answer.
///
/// SQLite checks the structure of its pages, not what is in them. A database made here keeps eight
/// bytes at the end of each page free (byte 20 of its header says so); they hold a checksum of the
/// page's bytes and its number, made when the page is written to the file and compared whenever it
/// is read from there. Frames of the log have SQLite's own checksums. Files without the reserved
/// bytes, of older stores, are read and written without seals. On its way into either, a page's
/// unused room is zeroed (profiles/sqlite/page_gap.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "profiles/sqlite/log_index.h"

struct sqlite3;
struct sqlite3_file;

namespace pema::profiles::sqlite {

/// Bytes of a seal at the end of a page.
inline constexpr int kSealBytes = 8;

/// Name of a VFS that seals, for sqlite3_open_v2. It stands on whatever VFS is the default when a
/// file is opened. Thread-safety: reentrant.
[[nodiscard]] const char* sealing_vfs();

/// Lets a connection to a file that is still empty make it with sealed pages. Nothing on a file
/// that has pages already. Call it before anything else.
void seal_new_file(sqlite3* handle);

/// Lets the empty file of `target` become a page by page copy of that of `source`, sealed as it is.
void seal_copy(sqlite3* target, sqlite3* source);

/// The log as the open read transaction of `handle` sees it: SQLite looks at it under the lock that
/// keeps others from moving or reusing its frames, and the file notes what was there. Nothing when
/// no transaction reads, or when there is no log.
[[nodiscard]] std::optional<LogSnapshot> log_snapshot(sqlite3* handle);

/// The open database file of `handle`, and the system's own file object below it.
[[nodiscard]] sqlite3_file* sealed_file(sqlite3* handle);
[[nodiscard]] sqlite3_file* file_below(sqlite3* handle);

/// The number of the page whose seal was wrong when the last reading failed for that; 0: none.
[[nodiscard]] std::int64_t damaged_page(sqlite3* handle);

/// The seal of page `number` (from 1), whose own last kSealBytes do not count.
[[nodiscard]] std::uint64_t page_seal(std::span<const std::byte> page, std::int64_t number);

}  // namespace pema::profiles::sqlite
