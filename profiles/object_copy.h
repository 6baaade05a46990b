/// Copying objects from one store's folder into another's.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "pema/progress.h"
#include "profiles/object_folder.h"
#include "profiles/registry.h"
#include "src/core/pace.h"

namespace pema::profiles {

/// What a copy consists of.
struct CopySums {
  std::int64_t registry_bytes = 0;
  std::int64_t objects = 0;
  std::int64_t new_objects = 0;
  std::int64_t copied_bytes = 0;
};

/// Thread-safety: one thread at a time.
class ObjectCopy {
 public:
  /// From `source` into `target`/objects; those of `previous` (a store's folder, or empty) get a
  /// second name, with `link` those of the source too. `pace`, `progress` and `sums` outlive it.
  ObjectCopy(const ObjectFolder& source, const std::string& target, const std::string& previous,
             bool link, core::Pace& pace, Progress* progress, CopySums& sums);

  /// Makes the folders, and takes away what killed copies left half.
  void prepare() const;
  /// Objects that are there and whole are kept; the others are checked on the way. The caller holds
  /// a DeletionLock on the source. Throws kCorrupt (an object is damaged), kNotFound, kDiskFull,
  /// kIo, kInterrupted.
  void copy(std::span<const NamedObject> named);
  /// Deletes objects of an earlier try that are not named any more: somebody may have left since.
  void drop_others(std::span<const NamedObject> named) const;
  /// What was copied survives a power cut from then on.
  void sync() const;

 private:
  [[nodiscard]] bool kept(const Digest& digest) const;
  bool linked(const ObjectFolder& from, const Digest& digest) const;
  void copy_object(const Digest& digest);

  const ObjectFolder& source_;
  ObjectFolder objects_;
  ObjectFolder previous_;
  bool link_;
  core::Pace& pace_;
  Progress* progress_;
  CopySums& sums_;
};

}  // namespace pema::profiles
