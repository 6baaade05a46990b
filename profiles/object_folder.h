/// The folder `objects/`: files named by the SHA-256 of their bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "pema/digest.h"

namespace pema::profiles {

/// Thread-safety: reentrant; several processes may use one folder.
class ObjectFolder {
 public:
  explicit ObjectFolder(std::string folder) : folder_(std::move(folder)) {}

  /// `folder`/xx/<64 hex>, xx the first two of them.
  [[nodiscard]] std::string path(const Digest& digest) const;
  [[nodiscard]] bool contains(const Digest& digest) const noexcept;
  /// Empty when the file is there and whole, otherwise what is wrong with it and the fix.
  [[nodiscard]] std::string problem(const Digest& digest) const;
  /// Writes `bytes`, whose digest the caller vouches for, unless the file is there and whole; so
  /// storing an object again repairs a damaged file. Throws kDiskFull or kIo.
  void put(const Digest& digest, std::span<const std::byte> bytes) const;
  /// Deletes the file; nothing when it is gone already. Throws kIo.
  void remove(const Digest& digest) const;

 private:
  std::string folder_;
};

/// mkdir, parents too, each synced into its parent; nothing when it exists. Throws kDiskFull or
/// kIo.
void make_folder(const std::string& path);

}  // namespace pema::profiles
