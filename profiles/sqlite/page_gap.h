/// Unused room inside of a page, which SQLite's secure_delete does not overwrite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pema::profiles::sqlite {

/// Files of so many bytes and more are left as they are: an overflow page could then look like a
/// b-tree page.
inline constexpr std::int64_t kMostCleanBytes = std::int64_t{1} << 35;

/// Zeroes the unallocated middle of `page` when it is a b-tree page; others stay as they are. Where
/// SQLite rebuilt a page, copies of rows that moved to another one lie there, and a deletion does
/// not know of them (docs/decisions/0018-leaving.md has the measurement). Thread-safety: reentrant.
void zero_unused_room(std::span<std::byte> page, bool first_page) noexcept;

}  // namespace pema::profiles::sqlite
