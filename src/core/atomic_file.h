/// Files that are either entirely there or not there at all.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace pema::core {

/// Writes `pieces`, in order, to a temporary name in the same folder, syncs, renames to `path`,
/// syncs the folder. On any failure the temporary file is removed and `path` is as it was (only
/// when the folder's own sync fails is the new file already in place). Throws kDiskFull (ENOSPC,
/// EDQUOT, EFBIG) or kIo, naming the path and what to do. A program that runs under a file size
/// limit must ignore SIGXFSZ to get kDiskFull. Thread-safety: reentrant, also for the same path
/// (one writer wins).
void write_file_atomically(const std::string& path,
                           std::span<const std::span<const std::byte>> pieces);
/// The same for one piece.
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);

/// Temporary names start with this; a process that was killed may leave one behind, and nobody ever
/// reads it.
inline constexpr std::string_view kTemporaryPrefix = ".pema-tmp-";

}  // namespace pema::core
