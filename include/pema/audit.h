/// What happened to a store, in an order that cannot be changed unseen, without saying to whom.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pema/digest.h"
#include "pema/store.h"

namespace pema {

/// Stored: never renumber.
enum class AuditKind : std::uint8_t {
  kEnrolled = 1,    ///< profiles written: new or replaced, imported ones included
  kRemoved = 2,     ///< remove_profile
  kErased = 3,      ///< erase_profile
  kPool = 4,        ///< a pool version stored
  kEncrypted = 5,   ///< the store began to be encrypted
  kRotated = 6,     ///< keys wrapped by another master key
  kRebased = 7,     ///< profiles brought to a newer version of their pool
  kRetired = 8,     ///< adapters retired or brought back
  kCollected = 9,   ///< pool versions removed that nobody used
  kLimited = 10,    ///< a tenant's limits set or taken away
  kDated = 11,      ///< expiry dates of profiles set or taken away
  kForgotten = 12,  ///< a folder of backups taken from the list of those that receipts look through
};
[[nodiscard]] std::string_view to_string(AuditKind kind) noexcept;

struct AuditEvent {
  std::int64_t sequence = 0;      ///< 1, 2, ...
  std::int64_t milliseconds = 0;  ///< since 1970, UTC, by the writer's clock
  AuditKind kind = AuditKind::kEnrolled;
  Role role = Role::kAdmin;
  std::int64_t count = 0;  ///< profiles, pools, keys or folders
  Digest hash;             ///< of this event and, through the one before, of all earlier ones
};

/// A place in the log that was noted elsewhere: on paper, in a receipt.
struct AuditHead {
  std::int64_t sequence = 0;  ///< 0: none
  Digest hash;
};

struct AuditReport {
  AuditHead head;               ///< the last event; note it elsewhere
  std::vector<Damage> damages;  ///< each with the place; empty when the log is whole
};

}  // namespace pema
