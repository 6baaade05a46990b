#include <algorithm>

#include "pema/error.h"
#include "profiles/registry.h"
#include "profiles/sealed_row.h"
#include "profiles/sql/transaction.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kProfileColumns =
    "SELECT profile, name, generation, setting, data FROM profile_name LEFT JOIN profile "
    "ON id = profile ";

}  // namespace

void Registry::put_own_segment_objects(std::span<const ProfileDraft> drafts) {
  for (const ProfileDraft& draft : drafts) {
    for (const auto& segment : draft.own_segments) {
      PEMA_CHECK(segment != nullptr, kInvalidArgument, "an own segment of profile '", draft.name,
                 "' is null");
      put_segment_object(*segment, SegmentKind::kOwn);
    }
  }
}

void Registry::drop_own_segment_objects(std::span<const ProfileDraft> drafts) noexcept {
  try {
    std::vector<Digest> objects = take_sealed_objects();
    for (const ProfileDraft& draft : drafts) {
      for (const auto& segment : draft.own_segments) {
        if (segment == nullptr) continue;
        objects.push_back(segment->digest());
        if (segment->codebook() != nullptr) objects.push_back(segment->codebook()->digest());
      }
    }
    drop_unnamed(objects);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the first error is the one to
                                     // tell
  }
}

void Registry::put_profiles(std::span<const ProfileDraft> drafts, OnExisting on_existing) {
  if (batch_in_doubt_) batch_.forget();
  batch_in_doubt_ = true;
  batch_.clear();
  const std::unique_ptr<sql::Transaction> new_keys = begin_keys();
  for (const ProfileDraft& draft : drafts) batch_.add(draft);
  batch_.write(on_existing);
  batch_.clear();
  if (new_keys != nullptr) new_keys->commit();
}

std::int64_t Registry::next_generation(std::string_view stored) {
  const std::int64_t floor = generation_floor();
  sql::Query removed =
      database_.query("DELETE FROM removed WHERE name_hash = ?1 RETURNING generation");
  if (!removed->bind(1, name_hash(stored)).step()) return floor + 1;
  const std::int64_t last = removed->integer(0);
  removed->run();
  return std::max(last, floor) + 1;
}

bool Registry::read_row(std::int64_t id, std::int64_t generation, std::int64_t setting,
                        std::span<const std::byte> data, std::string_view what,
                        ProfileRecord& record) {
  std::optional<PlainRow> plain;
  if (encrypted()) {
    plain = open_row(keys(), id, data);
    if (!plain) return false;
    record.name = plain->name;
    data = plain->data;
  }
  record.id.value = id;
  record.generation = generation;
  decode_row(data, settings_.get(setting, what), what, record);
  return true;
}

void Registry::check_stored_name(std::string_view stored, const ProfileRecord& record) {
  PEMA_CHECK(!encrypted() || keys().token(record.name) == stored, kCorrupt, "profile ",
             record.id.value,
             ": stands under another one's name; restore registry.db from a backup");
}

std::optional<ProfileRecord> Registry::read_profile(const sql::Query& row) {
  ProfileRecord record;
  record.name = row->text(1);
  const std::string stored = record.name;
  const std::string what = "profile '" + stored + "'";
  PEMA_CHECK(!row->null(2), kCorrupt, what,
             ": has a name and no row; restore registry.db from a backup");
  if (!read_row(row->integer(0), row->integer(2), row->integer(3), row->blob(4), what, record)) {
    return std::nullopt;
  }
  check_stored_name(stored, record);
  return record;
}

std::optional<ProfileRecord> Registry::find_profile(std::string_view name) {
  static const std::string kSql = std::string(kProfileColumns) + "WHERE name = ?1";
  sql::Query row = database_.query(kSql);
  const std::string stored = stored_name(name);
  if (!row->bind(1, std::string_view(stored)).step()) return std::nullopt;
  return read_profile(row);
}

std::vector<ProfileRecord> Registry::profiles(std::string_view after, std::int64_t limit) {
  PEMA_CHECK(limit >= 0, kInvalidArgument, "a limit of ", limit, " profiles is negative");
  std::vector<ProfileRecord> records;
  sql::Query row =
      database_.query(std::string(kProfileColumns) + "WHERE name > ?1 ORDER BY name LIMIT ?2");
  const std::string stored = after.empty() ? std::string() : stored_name(after);
  row->bind(1, std::string_view(stored)).bind(2, encrypted() ? -1 : limit);
  while (static_cast<std::int64_t>(records.size()) < limit && row->step()) {
    // Of an erased person whose row came back with a backup, nothing can be read.
    std::optional<ProfileRecord> record = read_profile(row);
    if (record) records.push_back(std::move(*record));
  }
  return records;
}

std::int64_t Registry::profile_count() {
  return database_.integer("SELECT CAST(coalesce(sum(profiles), 0) AS bigint) FROM setting");
}

void Registry::drop_readers(std::int64_t setting, std::span<const std::byte> data,
                            std::string_view what, std::map<SegmentId, std::int64_t>& readers) {
  ProfileRecord record;
  decode_row(data, settings_.get(setting, what), what, record);
  for (const SegmentId id : record.segments) --readers[id];
}

bool Registry::remove_profile(std::string_view name) {
  const std::string stored = stored_name(name);
  const std::string what = "profile '" + std::string(name) + "'";
  std::int64_t id = 0;
  {
    sql::Query row = database_.query("DELETE FROM profile_name WHERE name = ?1 RETURNING profile");
    if (!row->bind(1, std::string_view(stored)).step()) return false;
    id = row->integer(0);
    row->run();
  }
  std::map<SegmentId, std::int64_t> readers;
  std::int64_t generation = 0;
  std::int64_t setting = 0;
  {
    sql::Query row =
        database_.query("DELETE FROM profile WHERE id = ?1 RETURNING generation, setting, data");
    PEMA_CHECK(row->bind(1, id).step(), kCorrupt, what,
               ": has a name and no row; restore registry.db from a backup");
    generation = row->integer(0);
    setting = row->integer(1);
    if (encrypted()) {
      doom_key(key_of_row(row->blob(2), what));
      const std::optional<PlainRow> plain = open_row(keys(), id, row->blob(2));
      if (plain) drop_readers(setting, plain->data, what, readers);
    } else {
      drop_readers(setting, row->blob(2), what, readers);
    }
    row->run();
  }
  sql::Query keep = database_.query(
      "INSERT INTO removed (name_hash, generation) VALUES (?1, ?2) "
      "ON CONFLICT (name_hash) DO UPDATE SET generation = CASE WHEN excluded.generation > "
      "removed.generation THEN excluded.generation ELSE removed.generation END");
  keep->bind(1, name_hash(stored)).bind(2, generation).run();
  TenantLedger tenants(*this);
  tenants.went(name);
  for (const auto& [segment, change] : readers) {
    tenants.reads(name, std::span(&segment, 1), change);
  }
  tenants.settle();
  write_expiry(database_, id, std::nullopt);
  change_readers(readers);
  settings_.drop_profiles({{setting, 1}});
  note_changes(database_, std::span<const std::int64_t>(&id, 1));
  return true;
}

}  // namespace pema::profiles
