// Walks over many profiles.
#include <algorithm>
#include <unordered_map>

#include "pema/error.h"
#include "profiles/registry.h"
#include "profiles/sealed_row.h"
#include "profiles/sql/pages.h"

namespace pema::profiles {
namespace {

constexpr std::size_t kBlock = 4096;

void check_limit(std::int64_t limit) {
  PEMA_CHECK(limit >= 0, kInvalidArgument, "a limit of ", limit, " profiles is negative");
}

/// False when the profile's key was erased.
bool read_profile_row(Registry& registry, const sql::Statement& row, ProfileRecord& record) {
  const auto decode = [&](std::string_view what) {
    return registry.read_row(row.integer(0), row.integer(1), row.integer(2), row.blob(3), what,
                             record);
  };
  bool there = false;
  try {
    there = decode("a profile");
  } catch (const Error&) {
    static_cast<void>(decode(message("profile ", row.integer(0))));
    throw;
  }
  record.name.clear();  // as in a plain store
  return there;
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
  sql::Query row = database_.query(
      "SELECT id, generation, setting, data FROM profile WHERE id > ?1 ORDER BY id LIMIT ?2");
  row->bind(1, after.value).bind(2, encrypted() ? -1 : limit);
  while (std::ssize(records) < limit && row->step()) {
    ProfileRecord record;
    if (read_profile_row(*this, *row, record)) records.push_back(std::move(record));
  }
  return records;
}

void Registry::visit_profiles(PoolId pool,
                              const std::function<bool(std::span<const ProfileRecord>)>& visit) {
  std::vector<ProfileRecord> block(kBlock);
  std::size_t used = 0;
  bool more = true;
  const auto take = [&](const sql::Statement& row) {
    if (read_profile_row(*this, row, block[used])) ++used;
    if (used < kBlock) return true;
    used = 0;
    return more = visit(block);
  };
  // Read in order rather than through the few settings: a walk, not a jump for each.
  sql::read_pages(database_,
                  "SELECT id, generation, setting, data FROM profile WHERE id > ?1 AND "
                  "setting IN (SELECT id FROM setting WHERE pool IS ?3) ORDER BY id LIMIT ?2",
                  0, take, [&](sql::Statement& page) { page.bind(3, pool.value); });
  if (more && used > 0) static_cast<void>(visit(std::span(block).first(used)));
}

std::vector<std::string> Registry::profile_names(std::span<const ProfileId> ids) {
  if (encrypted()) return sealed_names(ids);
  std::unordered_map<std::int64_t, std::size_t> wanted;
  for (std::size_t i = 0; i < ids.size(); ++i) wanted.emplace(ids[i].value, i);
  std::vector<std::string> names(ids.size());
  if (wanted.empty()) return names;
  const auto take = [&](const sql::Statement& row) {
    const auto found = wanted.find(row.integer(1));
    if (found == wanted.end()) return true;
    names[found->second] = row.text(0);
    wanted.erase(found);
    return !wanted.empty();
  };
  sql::read_pages(database_,
                  "SELECT name, profile FROM profile_name WHERE name > ?1 ORDER BY name LIMIT ?2",
                  std::string(), take);
  return names;
}

void Registry::visit_names(std::string_view prefix,
                           const std::function<bool(const ProfileRecord&)>& visit) {
  // Names that begin with it follow it at once; in an encrypted store they are anywhere.
  std::string after = encrypted() ? std::string() : std::string(prefix);
  if (!after.empty()) {
    const std::optional<ProfileRecord> itself = find_profile(after);
    if (itself && !visit(*itself)) return;
  }
  while (true) {
    const std::vector<ProfileRecord> page = profiles(after, kBlock);
    for (const ProfileRecord& profile : page) {
      if (profile.name.starts_with(prefix)) {
        if (!visit(profile)) return;
      } else if (!encrypted()) {
        return;
      }
    }
    if (std::ssize(page) < static_cast<std::int64_t>(kBlock)) return;
    after = page.back().name;
  }
}

std::vector<std::string> Registry::sealed_names(std::span<const ProfileId> ids) {
  std::vector<std::string> names;
  names.reserve(ids.size());
  for (const ProfileId id : ids) {
    sql::Query row = database_.query("SELECT data FROM profile WHERE id = ?1");
    std::optional<PlainRow> plain;
    if (row->bind(1, id.value).step()) plain = open_row(keys(), id.value, row->blob(0));
    names.push_back(plain ? plain->name : std::string());
  }
  return names;
}

PoolUsers Registry::pool_users(PoolId pool, std::string_view after, std::int64_t limit) {
  check_limit(limit);
  PoolUsers users;
  {
    sql::Query count = database_.query(
        "SELECT CAST(coalesce(sum(profiles), 0) AS bigint) FROM setting WHERE pool IS ?1");
    if (count->bind(1, pool.value).step()) users.profiles = count->integer(0);
  }
  if (users.profiles == 0) return users;
  sql::Query row = database_.query(
      "SELECT name, id FROM profile_name JOIN profile ON id = profile WHERE name > ?2 AND "
      "setting IN (SELECT id FROM setting WHERE pool IS ?1) ORDER BY name LIMIT ?3");
  const std::string stored = after.empty() ? std::string() : stored_name(after);
  row->bind(1, pool.value).bind(2, std::string_view(stored)).bind(3, encrypted() ? -1 : limit);
  while (std::ssize(users.names) < limit && row->step())
    add_name(users, row->integer(1), row->text(0));
  return users;
}

void Registry::add_name(PoolUsers& users, std::int64_t id, std::string stored) {
  if (!encrypted()) {
    users.names.push_back(std::move(stored));
    return;
  }
  const ProfileId one{id};
  std::string name = sealed_names(std::span(&one, 1))[0];
  if (!name.empty()) users.names.push_back(std::move(name));
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
  const auto take = [&](const sql::Statement& row) {
    if (std::binary_search(ids.begin(), ids.end(), row.integer(1))) {
      add_name(users, row.integer(1), row.text(0));
    }
    return std::ssize(users.names) < limit;
  };
  sql::read_pages(database_,
                  "SELECT name, profile FROM profile_name WHERE name > ?1 ORDER BY name LIMIT ?2",
                  after.empty() ? std::string() : stored_name(after), take);
  return users;
}

}  // namespace pema::profiles
