/// Kills a writing process again and again and looks at what it leaves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pema/store.h"

namespace pema::durability {

struct KillOptions {
  std::string writer;  ///< path of store_writer
  std::string folder;  ///< empty: for the store, its backups and a copy to compare with
  std::uint64_t seed = 1;
  std::int64_t kills = 100;
  /// A kill comes at a random moment up to this, from the first step (in a quarter of the rounds
  /// from the start of the process).
  double longest_milliseconds = 25;
  Durability durability = Durability::kDurable;
};

struct KillReport {
  std::int64_t kills = 0;
  std::int64_t acknowledged = 0;      ///< steps that the writer reported, in all rounds
  std::int64_t in_flight = 0;         ///< rounds after which one step more was there
  std::int64_t backups_checked = 0;   ///< complete backups opened and compared
  double worst_open_seconds = 0;      ///< of Store::open after a kill
  std::vector<std::string> problems;  ///< lost writes, damage, backups that are none; ends the run
};

/// One round: the writer starts, steps are counted until SIGKILL, the store is opened, verified and
/// compared with a store that the same steps made without a kill. Lost acknowledged steps, more
/// than one unacknowledged step, and damage are problems. Throws std::runtime_error when a process
/// cannot be started.
[[nodiscard]] KillReport kill_rounds(const KillOptions& options);

}  // namespace pema::durability
