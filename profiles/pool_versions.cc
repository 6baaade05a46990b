#include "profiles/pool_versions.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "pema/error.h"

namespace pema::profiles {
namespace {

std::vector<Digest> objects_of(const PoolRecord& pool) {
  std::vector<Digest> objects = pool.block_objects;
  if (!pool.shared_object.is_zero()) objects.push_back(pool.shared_object);
  if (!pool.gate_object.is_zero()) objects.push_back(pool.gate_object);
  return objects;
}

/// Numbers of the versions that nobody needs.
std::set<PoolId> unused_numbers(sql::Database& database) {
  std::set<PoolId> numbers;
  sql::Query row = database.query(
      "SELECT id FROM pool WHERE EXISTS (SELECT 1 FROM pool AS newer WHERE newer.name = pool.name "
      "AND newer.version > pool.version) AND "
      "NOT EXISTS (SELECT 1 FROM setting WHERE setting.pool = pool.id)");
  while (row->step()) numbers.insert(PoolId{row->integer(0)});
  return numbers;
}

/// Settings of two versions that a mask's sense depends on.
void check_settings(const PoolRecord& older, const PoolRecord& newer) {
  const PoolInfo& a = older.info;
  const PoolInfo& b = newer.info;
  const auto refuse = [&](const char* what) {
    fail(ErrorCode::kMismatch, "pool '", newer.name, "' version ", newer.version,
         " is not version ", older.version, " of '", older.name, "' with adapters added: ", what,
         " differs; enrol those profiles again");
  };
  if (a.model != b.model || a.hidden != b.hidden) refuse("the base model");
  if (a.site != b.site) refuse("the site");
  if (a.form != b.form) refuse("the form");
  if (a.algebra != b.algebra) refuse("the algebra");
  if (a.norm != b.norm) refuse("the norm");
  if (a.mask_scale != b.mask_scale) refuse("the mask scale");
  if (older.shared_object != newer.shared_object) refuse("the shared adapter");
  if (a.adapters > 0 && a.rank != b.rank) refuse("the rank");
  if (a.adapters > b.adapters) refuse("the number of adapters (there are fewer)");
}

}  // namespace

PoolCollection unused_pools(Registry& registry) {
  PoolCollection collection;
  const std::set<PoolId> unused = unused_numbers(registry.database());
  if (unused.empty()) return collection;
  std::set<Digest> kept;
  std::set<Digest> going;
  for (PoolRecord& pool : registry.pools()) {
    const bool goes = unused.contains(pool.id);
    for (const Digest& object : objects_of(pool)) (goes ? going : kept).insert(object);
    if (goes) collection.versions.push_back(std::move(pool));
  }
  std::set_difference(going.begin(), going.end(), kept.begin(), kept.end(),
                      std::back_inserter(collection.objects));
  for (const Digest& object : collection.objects) {
    collection.bytes += registry.objects().bytes(object);
  }
  return collection;
}

void drop_pools(Registry& registry, const PoolCollection& collection) {
  for (const PoolRecord& pool : collection.versions) {
    for (const char* statement :
         {"DELETE FROM pool_block WHERE pool = ?1", "DELETE FROM pool WHERE id = ?1"}) {
      sql::Query row = registry.database().query(statement);
      row->bind(1, pool.id.value).run();
    }
  }
  for (const Digest& object : collection.objects) {
    if (!registry.names_object(object)) registry.doom(object);
  }
}

Digest adapter_digest(const Pool& pool, std::int64_t adapter) {
  for (const auto& block : pool.blocks()) {
    if (adapter < block->view().count) return block->adapter_digest(adapter);
    adapter -= block->view().count;
  }
  fail(ErrorCode::kInternal, "an adapter past the end of a pool");
}

void check_growth(Registry& registry, const PoolRecord& older, const PoolRecord& newer) {
  check_settings(older, newer);
  const auto& first = older.block_objects;
  const auto& second = newer.block_objects;
  if (first.size() <= second.size() && std::equal(first.begin(), first.end(), second.begin())) {
    return;
  }
  // Laid into other blocks, they may be the same adapters.
  const auto before = registry.load_pool(older);
  const auto after = registry.load_pool(newer);
  for (std::int64_t i = 0; i < older.info.adapters; ++i) {
    PEMA_CHECK(adapter_digest(*before, i) == adapter_digest(*after, i), kMismatch, "pool '",
               newer.name, "' version ", newer.version, " is not version ", older.version, " of '",
               older.name, "' with adapters added: adapter ", i,
               " differs; enrol those profiles again");
  }
}

void set_retired(Registry& registry, PoolId pool, const BitMask& retired) {
  sql::Query row = registry.database().query("UPDATE pool SET retired = ?2 WHERE id = ?1");
  row->bind(1, pool.value);
  if (retired.none()) {
    row->bind_null(2);
  } else {
    row->bind(2, retired.to_bytes());
  }
  row->run();
}

BitMask inherited_retired(Registry& registry, const PoolRecord& before, const Pool& pool) {
  if (before.retired.none()) return {};
  BitMask retired(pool.info().adapters);
  const auto old = registry.load_pool(before);
  for (const std::int64_t i : before.retired.indices()) {
    if (i < retired.size() && adapter_digest(*old, i) == adapter_digest(pool, i)) retired.set(i);
  }
  return retired;
}

}  // namespace pema::profiles
