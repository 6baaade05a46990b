/// A file that is written piece by piece and appears whole or not at all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pema::data {

/// Writes to a temporary name in the target's folder; `commit` syncs and renames. Without `commit`
/// the destructor removes the temporary file and the target is as it was. (core/atomic_file.h
/// writes buffers that exist already; this one never holds the file.)
/// Thread-safety: one thread at a time; several writers of one path do not disturb one another.
class AtomicStream {
 public:
  /// Throws kIo or kDiskFull, naming the path.
  explicit AtomicStream(std::string path);
  ~AtomicStream();
  AtomicStream(const AtomicStream&) = delete;
  AtomicStream& operator=(const AtomicStream&) = delete;

  /// Throws kIo or kDiskFull, naming the path.
  void write(std::string_view text);
  /// Flushes, syncs, renames, syncs the folder. May be called once. Throws kIo or kDiskFull.
  void commit();

 private:
  void flush();

  std::string path_;
  std::string temporary_;
  std::string buffer_;
  int file_ = -1;
};

}  // namespace pema::data
