#include "profiles/tenant_ledger.h"

#include <algorithm>

#include "pema/error.h"
#include "profiles/registry.h"

namespace pema::profiles {
namespace {

constexpr const char* kColumns =
    "SELECT name, most_profiles, most_bytes, retention, profiles, bytes FROM tenant ";

std::optional<std::int64_t> optional_integer(const sql::Query& row, int column) {
  return row->null(column) ? std::nullopt : std::optional(row->integer(column));
}

TenantRecord read_tenant(const sql::Query& row) {
  TenantRecord tenant;
  tenant.name = row->text(0);
  tenant.limits = {optional_integer(row, 1), optional_integer(row, 2), optional_integer(row, 3)};
  tenant.profiles = row->integer(4);
  tenant.bytes = row->integer(5);
  return tenant;
}

void bind_optional(const sql::Query& query, int index, std::optional<std::int64_t> value) {
  if (value) {
    query->bind(index, *value);
  } else {
    query->bind_null(index);
  }
}

/// Bytes of an own segment's object; 0 for a shared one.
std::int64_t own_bytes(sql::Database& database, SegmentId id) {
  sql::Query row = database.query("SELECT bytes FROM segment WHERE id = ?1 AND kind = ?2");
  row->bind(1, id.value).bind(2, static_cast<std::int64_t>(SegmentKind::kOwn));
  return row->step() ? row->integer(0) : 0;
}

}  // namespace

std::string_view tenant_of(std::string_view name) noexcept {
  const std::size_t slash = name.find('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
}

TenantLedger::TenantLedger(Registry& registry)
    : registry_(registry),
      counting_(registry.database().integer("SELECT EXISTS (SELECT 1 FROM tenant)") != 0) {}

TenantLedger::Account* TenantLedger::find(std::string_view name) {
  const std::string_view tenant = tenant_of(name);
  if (tenant.empty()) return nullptr;
  auto found = accounts_.find(tenant);
  if (found == accounts_.end()) {
    found = accounts_.emplace(tenant, std::nullopt).first;
    sql::Query row = registry_.database().query(std::string(kColumns) + "WHERE name = ?1");
    if (row->bind(1, tenant).step()) found->second.emplace().record = read_tenant(row);
  }
  return found->second ? &*found->second : nullptr;
}

void TenantLedger::came(std::string_view name, std::int64_t id) {
  Account* const account = find(name);
  if (account == nullptr) return;
  ++account->profiles;
  if (const auto& kept = account->record.limits.retention_seconds) {
    write_expiry(registry_.database(), id, registry_.now() + *kept);
  }
}

void TenantLedger::went(std::string_view name) {
  if (Account* const account = find(name); account != nullptr) --account->profiles;
}

void TenantLedger::reads(std::string_view name, std::span<const SegmentId> segments,
                         std::int64_t sign) {
  Account* const account = find(name);
  if (account == nullptr) return;
  for (const SegmentId id : segments) account->bytes += sign * own_bytes(registry_.database(), id);
}

void TenantLedger::settle() {
  for (auto& [name, account] : accounts_) {
    if (!account || (account->profiles == 0 && account->bytes == 0)) continue;
    TenantRecord& tenant = account->record;
    tenant.profiles += account->profiles;
    tenant.bytes += account->bytes;
    const TenantLimits& limits = tenant.limits;
    PEMA_CHECK(account->profiles <= 0 || !limits.profiles || tenant.profiles <= *limits.profiles,
               kQuota, "tenant '", name, "' would have ", tenant.profiles,
               " profiles, and may have ", *limits.profiles,
               "; remove some, or raise the limit (`pema store tenant set`)");
    PEMA_CHECK(account->bytes <= 0 || !limits.bytes || tenant.bytes <= *limits.bytes, kQuota,
               "tenant '", name, "' would have ", tenant.bytes,
               " bytes of own segments, and may have ", *limits.bytes,
               "; remove some, or raise the limit (`pema store tenant set`)");
    sql::Query row =
        registry_.database().query("UPDATE tenant SET profiles = ?2, bytes = ?3 WHERE name = ?1");
    row->bind(1, std::string_view(name)).bind(2, tenant.profiles).bind(3, tenant.bytes).run();
  }
}

std::vector<TenantRecord> read_tenants(sql::Database& database) {
  std::vector<TenantRecord> tenants;
  sql::Query row = database.query(std::string(kColumns) + "ORDER BY name");
  while (row->step()) tenants.push_back(read_tenant(row));
  return tenants;
}

void count_tenant(Registry& registry, TenantRecord& tenant) {
  tenant.profiles = 0;
  tenant.bytes = 0;
  registry.visit_names(tenant.name + "/", [&](const ProfileRecord& profile) {
    ++tenant.profiles;
    for (const SegmentId id : profile.segments) tenant.bytes += own_bytes(registry.database(), id);
    return true;
  });
}

void write_tenant(sql::Database& database, const TenantRecord& tenant) {
  if (tenant.limits == TenantLimits{}) {
    sql::Query row = database.query("DELETE FROM tenant WHERE name = ?1");
    row->bind(1, std::string_view(tenant.name)).run();
    return;
  }
  sql::Query row = database.query(
      "INSERT INTO tenant (name, most_profiles, most_bytes, retention, profiles, bytes) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO UPDATE SET "
      "most_profiles = excluded.most_profiles, most_bytes = excluded.most_bytes, "
      "retention = excluded.retention, profiles = excluded.profiles, bytes = excluded.bytes");
  row->bind(1, std::string_view(tenant.name)).bind(5, tenant.profiles).bind(6, tenant.bytes);
  bind_optional(row, 2, tenant.limits.profiles);
  bind_optional(row, 3, tenant.limits.bytes);
  bind_optional(row, 4, tenant.limits.retention_seconds);
  row->run();
}

std::optional<std::int64_t> read_expiry(sql::Database& database, std::int64_t id) {
  sql::Query row = database.query("SELECT expires FROM expiry WHERE profile = ?1");
  return row->bind(1, id).step() ? std::optional(row->integer(0)) : std::nullopt;
}

void write_expiry(sql::Database& database, std::int64_t id, std::optional<std::int64_t> expires) {
  if (!expires) {
    sql::Query row = database.query("DELETE FROM expiry WHERE profile = ?1");
    row->bind(1, id).run();
    return;
  }
  sql::Query row = database.query(
      "INSERT INTO expiry (profile, expires) VALUES (?1, ?2) "
      "ON CONFLICT (profile) DO UPDATE SET expires = excluded.expires");
  row->bind(1, id).bind(2, *expires).run();
}

void check_tenants(Registry& registry, std::vector<Damage>& damage) {
  constexpr const char* kRestore = "; restore registry.db from a backup";
  {
    sql::Query row = registry.database().query(
        "SELECT profile FROM expiry WHERE NOT EXISTS (SELECT 1 FROM profile WHERE id = profile)");
    while (row->step()) {
      damage.push_back({message("profile ", row->integer(0)),
                        message("has an expiry date and is not there", kRestore)});
    }
  }
  const bool locked = registry.encrypted() && (!registry.has_keys() || !registry.keys().unlocked());
  if (locked) return;  // whose profiles they are cannot be read
  for (const TenantRecord& tenant : read_tenants(registry.database())) {
    TenantRecord counted = tenant;
    count_tenant(registry, counted);
    if (counted.profiles == tenant.profiles && counted.bytes == tenant.bytes) continue;
    damage.push_back(
        {"tenant '" + tenant.name + "'",
         message("its row counts ", tenant.profiles, " profiles and ", tenant.bytes,
                 " bytes, there are ", counted.profiles, " and ", counted.bytes,
                 "; set its limits again (`pema store tenant set`), which counts anew")});
  }
}

}  // namespace pema::profiles
