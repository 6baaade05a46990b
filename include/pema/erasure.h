/// What is left of a person, place by place: the receipt of Store::erase_profile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pema/audit.h"
#include "pema/digest.h"
#include "pema/memory_manager.h"

namespace pema {

/// Where a person's bytes can be. Names in receipts: never rename.
enum class ErasurePlace : std::uint8_t {
  kRows,           ///< of registry.db, the hash of the name included
  kLog,            ///< of SQLite, beside registry.db
  kFreeSpace,      ///< unused room inside of registry.db
  kObjects,        ///< files of own segments
  kIndexes,        ///< index files made from them
  kKeys,           ///< of the person's own, in an encrypted store
  kStoreMemory,    ///< what this Store kept of registry.db in memory
  kServingMemory,  ///< a memory manager's, see erase_from_memory
  kBackup,         ///< a backup, or a folder of them where none could be found; one entry each
};
[[nodiscard]] std::string_view to_string(ErasurePlace place) noexcept;

enum class ErasureState : std::uint8_t {
  kErased,       ///< nothing is left there that could be read
  kNothing,      ///< nothing was there
  kPending,      ///< something is left; the note says until when
  kKept,         ///< something stays; the note says why, and what to do
  kUnreachable,  ///< nobody could look: a backup's folder is gone or not to be read
};
[[nodiscard]] std::string_view to_string(ErasureState state) noexcept;

struct ErasedPlace {
  ErasurePlace place = ErasurePlace::kRows;
  ErasureState state = ErasureState::kNothing;
  std::int64_t items = 0;  ///< rows, files, keys, items of memory
  std::int64_t bytes = 0;  ///< of files and memory
  std::string where = {};  ///< absolute path of a backup
  std::string note = {};
};

/// Holds no name and nothing else of the person, so that it may be kept; only `in_memory` is made
/// from her data.
struct ErasureReceipt {
  bool found = false;  ///< there was such a profile
  std::vector<ErasedPlace> places;
  AuditHead event;  ///< of the erasure in the store's audit log; sequence 0 where nothing was there
  /// What to erase from memory managers: digests of her segments and of her mask.
  std::vector<Digest> in_memory;

  /// Nothing is pending, kept or out of reach.
  [[nodiscard]] bool complete() const noexcept;
};

struct ErasureOptions {
  /// Folders of backups (pema/backup.h), or single stores, to look through for the person beside
  /// those that the store knows (Store::backup_folders), each once. They are only read.
  std::vector<std::string> backups = {};
};

/// Erases what the receipt names from `memory` and adds what came of it, also where the store's
/// listener was faster: pending while leases keep anything that was erased there, hers or another
/// person's. Several managers may follow one another.
void erase_from_memory(MemoryManager& memory, ErasureReceipt& receipt);

}  // namespace pema
