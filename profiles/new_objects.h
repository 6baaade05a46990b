/// Objects on their way into a store that leave nothing behind when it stops half-way.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "pema/memory.h"
#include "profiles/registry.h"
#include "src/core/atomic_file.h"

namespace pema::profiles {

/// Written outside of the write lock under temporary names, doomed by a transaction of their own,
/// and taken off that list by the one that makes their rows: a crash in between leaves what the
/// next opening for writing sweeps. Thread-safety: as its Registry.
class NewObjects {
 public:
  /// `registry` must outlive it.
  explicit NewObjects(Registry& registry) : registry_(registry) {}
  /// Where no row came to name them, they stay doomed and are swept as far as that is possible.
  ~NewObjects();
  NewObjects(const NewObjects&) = delete;
  NewObjects& operator=(const NewObjects&) = delete;

  /// Writes and syncs it. Throws kDiskFull, kIo.
  void add(const Segment& segment);
  /// Dooms them. Expects no transaction; throws what a commit throws.
  void announce();
  /// Gives the files their names; expects the transaction that makes their rows, under whose lock
  /// nobody sweeps; again where that transaction runs again. Throws kDiskFull, kIo, kBusy.
  void adopt();
  /// Says that the transaction was committed.
  void settle() noexcept { settled_ = true; }

 private:
  Registry& registry_;
  std::vector<std::pair<Digest, std::unique_ptr<core::AtomicFile>>> files_;
  bool announced_ = false;
  bool named_ = false;
  bool settled_ = false;
};

}  // namespace pema::profiles
