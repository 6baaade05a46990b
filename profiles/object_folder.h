/// The folder `objects/`: files named by the SHA-256 of their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pema/digest.h"

namespace pema::core {
class AtomicFile;
}  // namespace pema::core

namespace pema::profiles {

/// A lock on all deletions of a folder `objects/`, held while a backup copies what its snapshot
/// names. The kernel gives it back when the process dies. Thread-safety: one thread at a time.
class DeletionLock {
 public:
  /// kHold keeps everybody from deleting (many may hold it); kDelete is for the one who deletes.
  enum class Kind : std::uint8_t { kHold, kDelete };

  /// kHold waits for a deletion to end; kDelete does not wait: see `held`. Throws kIo when the
  /// folder cannot be opened.
  DeletionLock(const std::string& objects, Kind kind);
  ~DeletionLock();
  DeletionLock(const DeletionLock&) = delete;
  DeletionLock& operator=(const DeletionLock&) = delete;

  /// False when kDelete met a backup. Always true where the file system knows no such locks.
  [[nodiscard]] bool held() const noexcept { return held_; }

 private:
  int file_;
  bool held_;
};

/// Thread-safety: reentrant; several processes may use one folder.
class ObjectFolder {
 public:
  explicit ObjectFolder(std::string folder) : folder_(std::move(folder)) {}

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  /// `folder`/xx/<64 hex>, xx the first two of them.
  [[nodiscard]] std::string path(const Digest& digest) const;
  [[nodiscard]] bool contains(const Digest& digest) const noexcept;
  /// Of its file; 0 when it is not there.
  [[nodiscard]] std::int64_t bytes(const Digest& digest) const noexcept;
  /// Empty when the file is there and whole, otherwise what is wrong with it and the fix.
  [[nodiscard]] std::string problem(const Digest& digest) const;
  /// The same without reading it all: empty when the file is there and has `bytes` bytes, or, where
  /// that is negative, as many as its own prologue says.
  [[nodiscard]] std::string size_problem(const Digest& digest, std::int64_t bytes) const;
  /// Writes `bytes`, whose digest the caller vouches for, unless the file is there and whole; so
  /// storing an object again repairs a damaged file. On return file and names survive a power cut,
  /// also when somebody else wrote them. Throws kDiskFull or kIo.
  void put(const Digest& digest, std::span<const std::byte> bytes) const;
  /// Writes and syncs `bytes`, whose digest the caller vouches for, under a temporary name; its
  /// `commit` makes it the object's file, `settle` makes that survive a power cut. Throws kDiskFull
  /// or kIo.
  [[nodiscard]] std::unique_ptr<core::AtomicFile> stage(const Digest& digest,
                                                        std::span<const std::byte> bytes) const;
  /// Syncs the folder above an object's: whoever made that may have died before its name was on the
  /// disk. Throws kIo.
  void settle() const;
  /// Deletes the file; nothing when it is gone already. On return it stays deleted. The caller
  /// holds a DeletionLock. Throws kIo.
  void remove(const Digest& digest) const;
  /// Deletes what killed writers left unfinished. Returns how many files.
  std::int64_t sweep() const;
  /// Digests of all files, whoever names them, rising.
  [[nodiscard]] std::vector<Digest> all() const;

 private:
  /// Where files are written before they get their name.
  [[nodiscard]] std::string incoming() const { return folder_ + "/incoming"; }

  std::string folder_;
};

/// mkdir, parents too, each synced into its parent; nothing when it exists. Throws kDiskFull or
/// kIo.
void make_folder(const std::string& path);

}  // namespace pema::profiles
