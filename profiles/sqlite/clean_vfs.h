/// SQLite's file layer with one thing more: unused room inside of pages reaches the file as zeros.
#pragma once

#include <string>

namespace pema::profiles::sqlite {

/// Name of a VFS, for sqlite3_open_v2, that does as the present default one does, and zeroes the
/// unallocated middle of every b-tree page on its way into a database file. SQLite's secure_delete
/// does not: where a page was rebuilt, copies of rows that moved to another page stay in its
/// middle, and a later deletion does not know of them (docs/decisions/0014-leaving.md has the
/// measurement). The log is written as it is; it is emptied by a checkpoint. Files of
/// kMostCleanBytes and more are written as they are, because an overflow page could then look like
/// a b-tree page. Thread-safety: reentrant. Never fails: null, SQLite's default, where memory is
/// out.
[[nodiscard]] const char* clean_vfs() noexcept;

inline constexpr long long kMostCleanBytes = 1LL << 35;

}  // namespace pema::profiles::sqlite
