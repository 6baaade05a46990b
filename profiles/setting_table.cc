#include "profiles/setting_table.h"

#include "pema/error.h"

namespace pema::profiles {
namespace {

/// Binds pool, schedule, segments and mask to the parameters 1 to 4.
void bind_content(const sql::Query& query, const Setting& setting) {
  if (setting.pool) {
    query->bind(1, setting.pool.value);
  } else {
    query->bind_null(1);
  }
  if (setting.bare) {
    query->bind_null(2).bind_null(3).bind_null(4);
    return;
  }
  const SettingColumns columns = encode_setting(setting);
  query->bind(2, columns.schedule).bind(3, columns.segments).bind(4, columns.mask);
}

}  // namespace

const Setting& SettingTable::get(std::int64_t id, std::string_view what) {
  if (unsure_ && !database_.in_transaction()) {
    known_.clear();
    unsure_ = false;
  }
  const auto found = known_.find(id);
  if (found != known_.end()) return found->second;
  sql::Query row =
      database_.query("SELECT pool, schedule, segments, mask FROM setting WHERE id = ?1");
  PEMA_CHECK(row->bind(1, id).step(), kCorrupt, what, ": its setting ", id,
             " is not there; restore registry.db from a backup");
  Setting setting;
  setting.id = id;
  if (!row->null(0)) setting.pool.value = row->integer(0);
  setting.bare = row->null(1);
  if (!setting.bare) decode_setting(row->blob(1), row->blob(2), row->blob(3), what, setting);
  return known_.emplace(id, std::move(setting)).first->second;
}

std::int64_t SettingTable::count() { return database_.integer("SELECT count(*) FROM setting"); }

void SettingTable::add_profiles(Setting& setting, std::int64_t profiles) {
  const auto add = [&] {
    sql::Query row =
        database_.query("UPDATE setting SET profiles = profiles + ?2 WHERE id = ?1 RETURNING id");
    const bool there = row->bind(1, setting.id).bind(2, profiles).step();
    if (there) row->run();
    return there;
  };
  if (setting.id != 0 && add()) return;
  setting.id = find(setting);
  if (setting.id == 0) setting.id = insert(setting);
  PEMA_ASSERT(add());
}

void SettingTable::drop_profiles(const std::map<std::int64_t, std::int64_t>& profiles) {
  for (const auto& [id, count] : profiles) {
    sql::Query update =
        database_.query("UPDATE setting SET profiles = profiles - ?2 WHERE id = ?1");
    update->bind(1, id).bind(2, count).run();
    sql::Query unused = database_.query("DELETE FROM setting WHERE id = ?1 AND profiles = 0");
    unused->bind(1, id).run();
    if (unused->changes() > 0) {
      known_.erase(id);
      ++epoch_;
    }
  }
}

std::int64_t SettingTable::find(const Setting& setting) {
  // Only what may be NULL is asked for with IS, which PostgreSQL has no index for.
  sql::Query row = database_.query(
      setting.pool && !setting.bare
          ? "SELECT id FROM setting WHERE pool = ?1 AND schedule = ?2 AND segments = ?3 AND "
            "mask = ?4"
          : "SELECT id FROM setting WHERE pool IS ?1 AND schedule IS ?2 AND segments IS ?3 AND "
            "mask IS ?4");
  bind_content(row, setting);
  return row->step() ? row->integer(0) : 0;
}

std::int64_t SettingTable::insert(const Setting& setting) {
  sql::Query row = database_.query(
      "INSERT INTO setting (pool, schedule, segments, mask) VALUES (?1, ?2, ?3, ?4) RETURNING id");
  bind_content(row, setting);
  unsure_ = true;
  ++epoch_;
  return row->run_for_integer();
}

}  // namespace pema::profiles
