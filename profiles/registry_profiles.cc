#include "pema/error.h"
#include "profiles/registry.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kProfileColumns =
    "SELECT profile, name, generation, setting, data FROM profile_name LEFT JOIN profile "
    "ON id = profile ";

ProfileRecord read_profile(SettingTable& settings, const sqlite::Query& row) {
  ProfileRecord record;
  record.id.value = row->integer(0);
  record.name = row->text(1);
  const std::string what = "profile '" + record.name + "'";
  PEMA_CHECK(!row->null(2), kCorrupt, what,
             ": has a name and no row; restore registry.db from a backup");
  record.generation = row->integer(2);
  decode_row(row->blob(4), settings.get(row->integer(3), what), what, record);
  return record;
}

}  // namespace

void Registry::put_own_segment_objects(std::span<const ProfileDraft> drafts) {
  for (const ProfileDraft& draft : drafts) {
    for (const auto& segment : draft.own_segments) {
      PEMA_CHECK(segment != nullptr, kInvalidArgument, "an own segment of profile '", draft.name,
                 "' is null");
      put_segment_object(*segment);
    }
  }
}

void Registry::drop_own_segment_objects(std::span<const ProfileDraft> drafts) noexcept {
  try {
    std::vector<Digest> objects;
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
  for (const ProfileDraft& draft : drafts) batch_.add(draft);
  batch_.write(on_existing);
  batch_.clear();
}

std::int64_t Registry::next_generation(std::string_view name) {
  sqlite::Query removed =
      database_.query("DELETE FROM removed WHERE name_hash = ?1 RETURNING generation");
  if (!removed->bind(1, name_hash(name)).step()) return 1;
  const std::int64_t last = removed->integer(0);
  removed->run();
  return last + 1;
}

std::optional<ProfileRecord> Registry::find_profile(std::string_view name) {
  static const std::string kSql = std::string(kProfileColumns) + "WHERE name = ?1";
  sqlite::Query row = database_.query(kSql);
  if (!row->bind(1, name).step()) return std::nullopt;
  return read_profile(settings_, row);
}

std::vector<ProfileRecord> Registry::profiles(std::string_view after, std::int64_t limit) {
  PEMA_CHECK(limit >= 0, kInvalidArgument, "a limit of ", limit, " profiles is negative");
  std::vector<ProfileRecord> records;
  sqlite::Query row =
      database_.query(std::string(kProfileColumns) + "WHERE name > ?1 ORDER BY name LIMIT ?2");
  row->bind(1, after).bind(2, limit);
  while (row->step()) records.push_back(read_profile(settings_, row));
  return records;
}

std::int64_t Registry::profile_count() {
  return database_.integer("SELECT coalesce(sum(profiles), 0) FROM setting");
}

void Registry::drop_readers(std::int64_t setting, std::span<const std::byte> data,
                            std::string_view what, std::map<SegmentId, std::int64_t>& readers) {
  ProfileRecord record;
  decode_row(data, settings_.get(setting, what), what, record);
  for (const SegmentId id : record.segments) --readers[id];
}

bool Registry::remove_profile(std::string_view name) {
  const std::string what = "profile '" + std::string(name) + "'";
  std::int64_t id = 0;
  {
    sqlite::Query row =
        database_.query("DELETE FROM profile_name WHERE name = ?1 RETURNING profile");
    if (!row->bind(1, name).step()) return false;
    id = row->integer(0);
    row->run();
  }
  std::map<SegmentId, std::int64_t> readers;
  std::int64_t generation = 0;
  std::int64_t setting = 0;
  {
    sqlite::Query row =
        database_.query("DELETE FROM profile WHERE id = ?1 RETURNING generation, setting, data");
    PEMA_CHECK(row->bind(1, id).step(), kCorrupt, what,
               ": has a name and no row; restore registry.db from a backup");
    generation = row->integer(0);
    setting = row->integer(1);
    drop_readers(setting, row->blob(2), what, readers);
    row->run();
  }
  sqlite::Query keep = database_.query(
      "INSERT INTO removed (name_hash, generation) VALUES (?1, ?2) "
      "ON CONFLICT (name_hash) DO UPDATE SET generation = max(generation, excluded.generation)");
  keep->bind(1, name_hash(name)).bind(2, generation).run();
  change_readers(readers);
  settings_.drop_profiles({{setting, 1}});
  note_changes(database_, std::span<const std::int64_t>(&id, 1));
  return true;
}

}  // namespace pema::profiles
