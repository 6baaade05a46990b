/// Moving a whole store between registry.db and PostgreSQL.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pema/digest.h"
#include "pema/progress.h"

namespace pema {

struct StoreCopyOptions {
  /// As StoreOptions::registry: where the copy's tables are made. Empty: in registry.db. One of the
  /// two stores is in PostgreSQL and the other one is not; copies of a kind with itself are
  /// backups.
  std::string registry = {};
  std::int64_t bytes_per_second = 0;  ///< of objects, at most; 0: as fast as it goes
  Progress* progress = nullptr;       ///< also asked whether to stop
};

/// A table that was copied and compared.
struct CopiedTable {
  std::string name;
  std::int64_t rows = 0;
  Digest digest;  ///< of all values of all rows, in the order of their keys; the same in both
};

struct StoreCopyReport {
  std::vector<CopiedTable> tables;
  std::int64_t objects = 0;
  std::int64_t copied_bytes = 0;  ///< of objects
};

/// Makes `to`, where no store is, a copy of the store in `from` as it is at this moment: one
/// snapshot, while others read and write. Every row that was written is read again and compared,
/// number and SHA-256 of each table, every object with its digest. Numbers, generations and the
/// audit log stay as they are, and the copy gives no number again that the original gave. The copy
/// is a store only when all of it is there: one that was cut short is none, and the next call
/// begins it anew, keeping its objects. What is written to `from` afterwards is not in it. Throws
/// kAlreadyExists (a store in `to`, or tables in the database), kUnsupported (encrypted, or both of
/// one kind), kMismatch (the copy is not equal), kNotFound, kCorrupt, kDiskFull, kIo, kBusy,
/// kInterrupted.
StoreCopyReport copy_store(const std::string& from, const std::string& to,
                           const StoreCopyOptions& options = {});

}  // namespace pema
