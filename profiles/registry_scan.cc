// Walks over many profiles.
#include <algorithm>
#include <unordered_map>

#include "pema/error.h"
#include "profiles/registry.h"

namespace pema::profiles {
namespace {

constexpr std::size_t kBlock = 4096;

void check_limit(std::int64_t limit) {
  PEMA_CHECK(limit >= 0, kInvalidArgument, "a limit of ", limit, " profiles is negative");
}

void read_row(SettingTable& settings, const sqlite::Query& row, ProfileRecord& record) {
  record.id.value = row->integer(0);
  record.generation = row->integer(1);
  const std::int64_t setting = row->integer(2);
  try {
    decode_row(row->blob(3), settings.get(setting, "a profile"), "a profile", record);
  } catch (const Error&) {
    const std::string what = message("profile ", record.id.value);
    decode_row(row->blob(3), settings.get(setting, what), what, record);
    throw;
  }
}

bool selects(const BitMask& mask, std::int64_t adapter) {
  return adapter < mask.size() && mask.test(adapter);
}

bool selects(const std::vector<float>& weights, std::int64_t adapter) {
  return adapter < std::ssize(weights) && weights[static_cast<std::size_t>(adapter)] != 0.0F;
}

bool selects(const ProfileMask& mask, std::int64_t adapter) {
  return selects(mask.down, adapter) || selects(mask.up, adapter) ||
         selects(mask.down_weights, adapter) || selects(mask.up_weights, adapter);
}

}  // namespace

std::vector<ProfileRecord> Registry::profiles_by_number(ProfileId after, std::int64_t limit) {
  check_limit(limit);
  std::vector<ProfileRecord> records;
  sqlite::Query row = database_.query(
      "SELECT id, generation, setting, data FROM profile WHERE id > ?1 ORDER BY id LIMIT ?2");
  row->bind(1, after.value).bind(2, limit);
  while (row->step()) read_row(settings_, row, records.emplace_back());
  return records;
}

void Registry::visit_profiles(PoolId pool,
                              const std::function<bool(std::span<const ProfileRecord>)>& visit) {
  std::vector<ProfileRecord> block(kBlock);
  std::size_t used = 0;
  // Read in order rather than through the few settings: a walk, not a jump for each.
  sqlite::Query row = database_.query(
      "SELECT id, generation, setting, data FROM profile "
      "WHERE setting IN (SELECT id FROM setting WHERE pool IS ?1) ORDER BY id");
  row->bind(1, pool.value);
  while (row->step()) {
    read_row(settings_, row, block[used++]);
    if (used < kBlock) continue;
    if (!visit(block)) return;
    used = 0;
  }
  if (used > 0) static_cast<void>(visit(std::span(block).first(used)));
}

std::vector<std::string> Registry::profile_names(std::span<const ProfileId> ids) {
  std::unordered_map<std::int64_t, std::size_t> wanted;
  for (std::size_t i = 0; i < ids.size(); ++i) wanted.emplace(ids[i].value, i);
  std::vector<std::string> names(ids.size());
  sqlite::Query row = database_.query("SELECT profile, name FROM profile_name");
  while (!wanted.empty() && row->step()) {
    const auto found = wanted.find(row->integer(0));
    if (found == wanted.end()) continue;
    names[found->second] = row->text(1);
    wanted.erase(found);
  }
  return names;
}

PoolUsers Registry::pool_users(PoolId pool, std::string_view after, std::int64_t limit) {
  check_limit(limit);
  PoolUsers users;
  {
    sqlite::Query count =
        database_.query("SELECT coalesce(sum(profiles), 0) FROM setting WHERE pool IS ?1");
    if (count->bind(1, pool.value).step()) users.profiles = count->integer(0);
  }
  if (users.profiles == 0) return users;
  sqlite::Query row = database_.query(
      "SELECT name FROM profile_name JOIN profile ON id = profile WHERE name > ?2 AND "
      "setting IN (SELECT id FROM setting WHERE pool IS ?1) ORDER BY name LIMIT ?3");
  row->bind(1, pool.value).bind(2, after).bind(3, limit);
  while (row->step()) users.names.push_back(row->text(0));
  return users;
}

PoolUsers Registry::adapter_users(PoolId pool, std::int64_t adapter, std::string_view after,
                                  std::int64_t limit) {
  check_limit(limit);
  std::vector<std::int64_t> ids;  // rising
  visit_profiles(pool, [&](std::span<const ProfileRecord> block) {
    for (const ProfileRecord& record : block) {
      if (selects(record.mask, adapter)) ids.push_back(record.id.value);
    }
    return true;
  });
  PoolUsers users{.profiles = std::ssize(ids), .names = {}};
  if (ids.empty() || limit == 0) return users;
  sqlite::Query row =
      database_.query("SELECT profile, name FROM profile_name WHERE name > ?1 ORDER BY name");
  row->bind(1, after);
  while (std::ssize(users.names) < limit && row->step()) {
    if (std::binary_search(ids.begin(), ids.end(), row->integer(0))) {
      users.names.push_back(row->text(1));
    }
  }
  return users;
}

}  // namespace pema::profiles
