// What tenants may have, and until when people are kept.
#include <cstdint>
#include <utility>

#include "pema/audit.h"
#include "pema/error.h"
#include "pema/operating.h"
#include "profiles/name.h"
#include "profiles/store_impl.h"
#include "profiles/tenant_ledger.h"

namespace pema {
namespace {

using profiles::Registry;
using profiles::sql::Query;
using profiles::sql::Transaction;
using profiles::sql::TransactionKind;

/// Some 30,000 years: sums of a time and a period stay far from the largest number.
constexpr std::int64_t kMostSeconds = 1'000'000'000'000;

void check_limit(std::optional<std::int64_t> limit, std::int64_t least, std::int64_t most,
                 const char* what) {
  PEMA_CHECK(!limit || (*limit >= least && *limit <= most), kInvalidArgument,
             "a tenant's limit of ", *limit, " ", what, " is not within ", least, " and ", most);
}

/// Who is due, those first whose date is oldest.
std::vector<ProfileId> due_profiles(Registry& registry, std::int64_t now, std::int64_t limit) {
  std::vector<ProfileId> ids;
  Query row = registry.database().query(
      "SELECT profile FROM expiry WHERE expires <= ?1 ORDER BY expires, profile LIMIT ?2");
  row->bind(1, now).bind(2, limit);
  while (row->step()) ids.push_back(ProfileId{row->integer(0)});
  return ids;
}

std::int64_t count_due(Registry& registry, std::int64_t now) {
  Query row = registry.database().query("SELECT count(*) FROM expiry WHERE expires <= ?1");
  return row->bind(1, now).step() ? row->integer(0) : 0;
}

/// A date whose profile cannot be named: its key is gone, and with it the person.
void drop_nameless(Registry& registry, ProfileId id) {
  registry.write([&] { profiles::write_expiry(registry.database(), id.value, std::nullopt); });
}

}  // namespace

TenantRecord Store::set_tenant(const std::string& name, const TenantLimits& limits) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  profiles::check_name(name, "tenant's name");
  PEMA_CHECK(name.find('/') == std::string::npos, kInvalidArgument, "the tenant's name '", name,
             "' has a slash; a tenant is what precedes the first slash of its profiles' names");
  check_limit(limits.profiles, 0, INT64_MAX, "profiles");
  check_limit(limits.bytes, 0, INT64_MAX, "bytes");
  check_limit(limits.retention_seconds, 1, kMostSeconds, "seconds of retention");
  TenantRecord tenant;
  registry.write([&] {
    tenant = {.name = name, .limits = limits};
    profiles::count_tenant(registry, tenant);
    profiles::write_tenant(registry.database(), tenant);
    static_cast<void>(registry.note(AuditKind::kLimited, 1));
  });
  return tenant;
}

std::vector<TenantRecord> Store::tenants() const {
  return profiles::read_tenants(impl_->registry.database());
}

void Store::set_expiry(std::string_view name, std::optional<std::int64_t> expires) {
  Registry& registry = impl_->registry;
  registry.require(Role::kEnrol);
  PEMA_CHECK(!expires || (*expires >= 0 && *expires <= kMostSeconds), kInvalidArgument,
             "an expiry date of ", *expires, " seconds is not within 0 and ", kMostSeconds,
             " after 1970");
  registry.write([&] {
    const std::optional<ProfileRecord> profile = registry.find_profile(name);
    PEMA_CHECK(profile.has_value(), kNotFound, folder(), ": there is no profile '", name,
               "'; list them with `pema profile ls`");
    profiles::write_expiry(registry.database(), profile->id.value, expires);
    static_cast<void>(registry.note(AuditKind::kDated, 1));
  });
}

std::optional<std::int64_t> Store::expiry(ProfileId id) const {
  return profiles::read_expiry(impl_->registry.database(), id.value);
}

ExpiryReport Store::expire(const ExpiryOptions& options) {
  Registry& registry = impl_->registry;
  PEMA_CHECK(options.limit > 0, kInvalidArgument, "a limit of ", options.limit,
             " people erases nobody");
  if (!options.dry_run) registry.require(Role::kAdmin);
  const std::int64_t now = registry.now();
  ExpiryReport report;
  std::vector<ProfileId> ids;
  std::vector<std::string> names;
  {
    const Transaction snapshot(registry.database(), TransactionKind::kRead);
    report.due = count_due(registry, now);
    ids = due_profiles(registry, now, options.limit);
    if (!ids.empty()) names = registry.profile_names(ids);
  }
  if (options.dry_run) {
    report.names = std::move(names);
    return report;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    checkpoint(options.progress, "erasing people whose time is over", static_cast<std::int64_t>(i),
               std::ssize(ids), "people");
    if (names[i].empty()) {
      drop_nameless(registry, ids[i]);
      continue;
    }
    // Somebody may have removed her, given the name to another or moved the date since.
    const auto still = [&](const ProfileRecord& profile) {
      const auto expires = profiles::read_expiry(registry.database(), ids[i].value);
      return profile.id == ids[i] && expires && *expires <= now;
    };
    ErasureReceipt receipt = impl_->erase(names[i], options.erasure, still);
    if (receipt.found) report.receipts.push_back(std::move(receipt));
  }
  return report;
}

}  // namespace pema
