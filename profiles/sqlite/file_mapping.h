/// An open database file as memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

struct sqlite3_file;

namespace pema::profiles::sqlite {

/// A read-only mapping of SQLite's own open file, shared with all who write to it. The file is not
/// opened a second time: closing that would drop the locks of this whole process on it. The mapping
/// may be larger than the file; what lies beyond the file's end must not be touched. Thread-safety:
/// as std::span.
class FileMapping {
 public:
  FileMapping() noexcept = default;
  /// Maps `bytes` of `file`, an object of the system's VFS. Empty where that maps no files.
  FileMapping(sqlite3_file& file, std::int64_t bytes) noexcept;
  ~FileMapping();
  FileMapping(FileMapping&& other) noexcept;
  FileMapping& operator=(FileMapping&& other) noexcept;
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace pema::profiles::sqlite
