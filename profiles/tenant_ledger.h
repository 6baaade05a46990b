/// Tables `tenant` and `expiry`: what tenants have, what they may have, and until when.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/operating.h"
#include "profiles/sql/database.h"

namespace pema::profiles {

class Registry;

/// The tenant of a profile's name: what precedes its first slash; empty when there is none.
[[nodiscard]] std::string_view tenant_of(std::string_view name) noexcept;

/// What one write changes in tenants' counts. Costs one query where no tenant has limits. Expects
/// one transaction to be open during its whole life. Thread-safety: as its Registry.
class TenantLedger {
 public:
  /// `registry` must outlive the ledger.
  explicit TenantLedger(Registry& registry);

  /// False when no tenant has limits: nobody needs to be told then.
  [[nodiscard]] bool counting() const noexcept { return counting_; }
  /// Profile `id` is written under `name` for the first time; gives it its expiry date.
  void came(std::string_view name, std::int64_t id);
  /// It is gone.
  void went(std::string_view name);
  /// Profiles of `name` came to read, or to read no more, the own ones of `segments`, whose rows
  /// are still there.
  void reads(std::string_view name, std::span<const SegmentId> segments, std::int64_t sign);
  /// Writes the counts. Throws kQuota, naming tenant and limit, when one grew above its limit.
  void settle();

 private:
  struct Account {
    TenantRecord record;
    std::int64_t profiles = 0;  ///< change
    std::int64_t bytes = 0;
  };
  /// Null for a name of no tenant with limits.
  [[nodiscard]] Account* find(std::string_view name);

  Registry& registry_;
  bool counting_;
  std::map<std::string, std::optional<Account>, std::less<>> accounts_;
};

/// Tenants with limits, by name.
[[nodiscard]] std::vector<TenantRecord> read_tenants(sql::Database& database);
/// Counts what a tenant has by reading its profiles.
void count_tenant(Registry& registry, TenantRecord& tenant);
/// Expects a transaction.
void write_tenant(sql::Database& database, const TenantRecord& tenant);

/// Until when a profile is kept; nothing: for ever.
[[nodiscard]] std::optional<std::int64_t> read_expiry(sql::Database& database, std::int64_t id);
/// Expects a transaction.
void write_expiry(sql::Database& database, std::int64_t id, std::optional<std::int64_t> expires);

/// Adds what is wrong with both tables to `damage`. Expects a snapshot.
void check_tenants(Registry& registry, std::vector<Damage>& damage);

}  // namespace pema::profiles
