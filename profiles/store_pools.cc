// Old pool versions and retired adapters.
#include <memory>
#include <utility>

#include "pema/audit.h"
#include "pema/error.h"
#include "pema/operating.h"
#include "profiles/pool_versions.h"
#include "profiles/store_impl.h"

namespace pema {

using profiles::Registry;

PoolCollection Store::collect_pools(bool dry_run) {
  Registry& registry = impl_->registry;
  if (dry_run) {
    PoolCollection unused;
    registry.read([&] { unused = profiles::unused_pools(registry); });
    return unused;
  }
  registry.require(Role::kAdmin);
  PoolCollection collection;
  registry.write([&] {
    collection = profiles::unused_pools(registry);
    if (collection.versions.empty()) return;
    profiles::drop_pools(registry, collection);
    static_cast<void>(registry.note(AuditKind::kCollected, std::ssize(collection.versions)));
  });
  if (!collection.versions.empty()) impl_->finish_erasure();
  return collection;
}

std::int64_t Store::retire_adapter(PoolId pool, std::int64_t adapter, bool retired) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  const std::optional<PoolRecord> wanted = registry.find_pool(pool);
  PEMA_CHECK(wanted.has_value(), kNotFound, folder(), ": there is no pool ", pool.value,
             "; list them with `pema pool ls`");
  PEMA_CHECK(adapter >= 0 && adapter < wanted->info.adapters, kInvalidArgument, "pool '",
             wanted->name, "' has the adapters 0 to ", wanted->info.adapters - 1, ", not ",
             adapter);
  // Content does not change: it is compared before the lock is taken.
  const Digest digest = profiles::adapter_digest(*registry.load_pool(*wanted), adapter);
  std::vector<PoolId> same;
  for (const PoolRecord& version : registry.pools()) {
    if (version.name != wanted->name || adapter >= version.info.adapters) continue;
    if (version.id == pool ||
        profiles::adapter_digest(*registry.load_pool(version), adapter) == digest) {
      same.push_back(version.id);
    }
  }
  std::int64_t changed = 0;
  registry.write([&] {
    changed = 0;
    for (const PoolId id : same) {
      const std::optional<PoolRecord> version = registry.find_pool(id);
      if (!version) continue;  // collected meanwhile
      BitMask bits =
          version->retired.size() > 0 ? version->retired : BitMask(version->info.adapters);
      if (bits.test(adapter) == retired) continue;
      bits.set(adapter, retired);
      profiles::set_retired(registry, id, bits);
      ++changed;
    }
    if (changed > 0) static_cast<void>(registry.note(AuditKind::kRetired, 1));
  });
  return changed;
}

}  // namespace pema
