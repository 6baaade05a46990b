/// What operators do with a whole store: tidying pools, bringing profiles to newer versions of
/// them, limits of tenants, retention, and moving many people at once
/// (docs/decisions/0019-operating.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pema/digest.h"
#include "pema/erasure.h"
#include "pema/progress.h"
#include "pema/store.h"

namespace pema {

/// Pool versions that nobody needs, and what goes with them.
struct PoolCollection {
  std::vector<PoolRecord> versions;  ///< by name and version; never a name's newest
  std::vector<Digest> objects;       ///< that only these versions name, rising
  std::int64_t bytes = 0;            ///< of the objects' files
};

struct RebaseOptions {
  std::int64_t rows_per_commit = 100'000;
  Progress* progress = nullptr;  ///< also asked whether to stop, between commits
};

/// A profile that stays where it is.
struct RefusedRebase {
  std::string name;
  std::string why;  ///< with the fix
};

struct RebaseReport {
  std::int64_t rebased = 0;
  std::int64_t already = 0;  ///< named ones that were there before
  std::vector<RefusedRebase> refused;
};

/// What a tenant may have. A profile is of the tenant whose name is what precedes the first slash
/// of its own ("acme" of "acme/ada"); a name without a slash is of no tenant. What is absent has no
/// limit.
struct TenantLimits {
  std::optional<std::int64_t> profiles = {};
  /// Of own segments, counted once for each profile that may read one.
  std::optional<std::int64_t> bytes = {};
  /// Profiles that are new from now on are erased so many seconds later (Store::expire). One that
  /// replaces another keeps its date.
  std::optional<std::int64_t> retention_seconds = {};

  bool operator==(const TenantLimits&) const = default;
};

struct TenantRecord {
  std::string name = {};
  TenantLimits limits = {};
  std::int64_t profiles = 0;
  std::int64_t bytes = 0;
};

struct ExpiryOptions {
  bool dry_run = false;
  std::int64_t limit = 1000;  ///< so many people at most, those first whose date is oldest
  ErasureOptions erasure = {};
  Progress* progress = nullptr;  ///< also asked whether to stop, between people
};

struct ExpiryReport {
  std::int64_t due = 0;                  ///< profiles whose date is over, before this call
  std::vector<std::string> names;        ///< of a dry run: who would be erased
  std::vector<ErasureReceipt> receipts;  ///< of those who were
};

/// Which profiles a selection takes: those of `names`, or all whose name begins with `prefix` and
/// whose masks are over `pool`, where these are given.
struct ProfileSelection {
  std::vector<std::string> names = {};
  std::string prefix = {};
  PoolId pool = {};
  bool with_segments = true;
};

struct SelectionSums {
  std::int64_t profiles = 0;
  std::int64_t objects = 0;
  std::int64_t bytes = 0;  ///< of the file
  Digest digest;           ///< of the file, without the frame at its end that says it
};

}  // namespace pema
