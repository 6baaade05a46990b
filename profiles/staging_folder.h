/// Where large files are made before the store takes them over.
#pragma once

#include <string>

#include "pema/digest.h"
#include "profiles/object_folder.h"

namespace pema::profiles {

/// A folder `store`/staging/<something> of one writer's own, gone with the object. What a killed
/// process leaves in one is as personal as the store: `sweep` takes it away. Thread-safety: one
/// thread at a time; several processes may have one each.
class StagingFolder {
 public:
  /// Throws kDiskFull or kIo.
  explicit StagingFolder(const std::string& store);
  ~StagingFolder();
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }

  /// Removes the folders whose makers are gone. What cannot be removed stays for the next time.
  static void sweep(const std::string& store) noexcept;

 private:
  std::string folder_;
  int lock_ = -1;  ///< held as long as the maker lives
};

/// Moves a file that is complete and synced into `objects` as the object `digest`. Throws kIo,
/// kDiskFull.
void adopt_file(const ObjectFolder& objects, const Digest& digest, const std::string& path);

}  // namespace pema::profiles
