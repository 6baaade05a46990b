/// Files that are either entirely there or not there at all.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

namespace pema::core {

/// Writes `pieces`, in order, to a temporary name in the same folder, syncs, renames to `path`,
/// syncs the folder. On any failure the temporary file is removed and `path` is as it was. Throws
/// kDiskFull (ENOSPC, EDQUOT, EFBIG) or kIo, naming the path and what to do. Thread-safety:
/// reentrant, also for the same path (one writer wins).
void write_file_atomically(const std::string& path,
                           std::span<const std::span<const std::byte>> pieces);
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);

}  // namespace pema::core
