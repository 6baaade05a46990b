#include <algorithm>
#include <set>

#include "pema/error.h"
#include "profiles/name.h"
#include "profiles/registry.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kIndexColumns =
    "SELECT recall_index.id, recall_index.name, digest, model.fingerprint, scope, pool, recall, "
    "recall_index.hidden, entries, lists, segments, bytes, memory "
    "FROM recall_index JOIN model ON model.id = recall_index.model ";

RecallIndexRecord read_index(const sql::Query& row) {
  RecallIndexRecord record;
  record.id.value = row->integer(0);
  record.name = row->text(1);
  record.digest = row->digest(2);
  record.model = row->digest(3);
  record.scope = stored_enum(row->integer(4), IndexScope::kEverybody, "an index's scope");
  if (!row->null(5)) record.pool = row->text(5);
  record.wanted_recall = row->real(6);
  record.hidden = row->integer(7);
  record.entries = row->integer(8);
  record.lists = row->integer(9);
  record.segments = row->integer(10);
  record.bytes = row->integer(11);
  record.memory_bytes = row->integer(12);
  return record;
}

}  // namespace

void Registry::doom(const Digest& object) {
  sql::Query query =
      database_.query("INSERT INTO doomed (object) VALUES (?1) ON CONFLICT DO NOTHING");
  query->bind(1, object).run();
  doomed_.push_back(object);
}

void Registry::keep(const Digest& object) {
  sql::Query query = database_.query("DELETE FROM doomed WHERE object = ?1");
  query->bind(1, object).run();
}

void Registry::require_segments_stay(std::span<const Digest> segments, std::string_view name) {
  for (const Digest& segment : segments) {
    PEMA_CHECK(has_content(segment), kNotFound, "index '", name, "': segment ", segment.short_hex(),
               " was erased while the index was built, so it was not stored; build it again");
  }
}

RecallIndexRecord Registry::put_index(const RecallIndexRecord& record,
                                      std::span<const Digest> segments) {
  require_segments_stay(segments, record.name);
  remove_index(record.name);
  sql::Query insert = database_.query(
      "INSERT INTO recall_index (name, digest, model, scope, pool, recall, hidden, entries, lists, "
      "segments, bytes, memory) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
      "RETURNING id");
  insert->bind(1, std::string_view(record.name))
      .bind(2, record.digest)
      .bind(3, require_model(record.model, "index '" + record.name + "'").id.value)
      .bind(4, static_cast<std::int64_t>(record.scope))
      .bind_name(5, record.pool)
      .bind(6, record.wanted_recall)
      .bind(7, record.hidden)
      .bind(8, record.entries)
      .bind(9, record.lists)
      .bind(10, record.segments)
      .bind(11, record.bytes)
      .bind(12, record.memory_bytes);
  const std::int64_t id = insert->run_for_integer();
  for (const Digest& segment : segments) {
    sql::Query name =
        database_.query("INSERT INTO recall_index_segment (segment, recall_index) VALUES (?1, ?2)");
    name->bind(1, segment).bind(2, id).run();
  }
  keep(record.digest);  // an earlier one of the same bytes may have been doomed with its row
  return *find_index(record.name);
}

std::vector<RecallIndexRecord> Registry::indexes() {
  std::vector<RecallIndexRecord> records;
  sql::Query row = database_.query(std::string(kIndexColumns) + "ORDER BY recall_index.name");
  while (row->step()) records.push_back(read_index(row));
  return records;
}

std::optional<RecallIndexRecord> Registry::find_index(std::string_view name) {
  sql::Query row = database_.query(std::string(kIndexColumns) + "WHERE recall_index.name = ?1");
  if (!row->bind(1, name).step()) return std::nullopt;
  return read_index(row);
}

std::vector<Digest> Registry::index_segments(RecallIndexId id) {
  std::vector<Digest> segments;
  sql::Query row = database_.query(
      "SELECT segment FROM recall_index_segment WHERE recall_index = ?1 ORDER BY segment");
  row->bind(1, id.value);
  while (row->step()) segments.push_back(row->digest(0));
  return segments;
}

RecallIndexDraft Registry::draft_of(const RecallIndexRecord& index) {
  RecallIndexDraft draft{index.name, index.scope, {}, index.pool, index.wanted_recall};
  if (index.scope != IndexScope::kSegments) return draft;
  std::set<SegmentId> named;
  std::vector<std::vector<SegmentRecord>> doubtful;  // contents that several have
  for (const Digest& digest : index_segments(index.id)) {
    std::vector<SegmentRecord> segments = segments_with(digest);
    if (segments.size() == 1) named.insert(segments[0].id);
    if (segments.size() > 1) doubtful.push_back(std::move(segments));
  }
  for (const std::vector<SegmentRecord>& segments : doubtful) {
    const bool meant = std::any_of(segments.begin(), segments.end(), [&](const SegmentRecord& one) {
      return named.contains(one.id);
    });
    if (!meant) named.insert(segments.front().id);
  }
  draft.segments.assign(named.begin(), named.end());
  return draft;
}

std::vector<IndexCover> Registry::covering_indexes(std::span<const Digest> segments) {
  std::vector<IndexCover> covers;
  // Asked for each lease: one statement where there is no index.
  if (segments.empty() || database_.integer("SELECT EXISTS (SELECT 1 FROM recall_index)") == 0) {
    return covers;
  }
  std::map<std::int64_t, std::vector<std::size_t>> held;
  for (std::size_t place = 0; place < segments.size(); ++place) {
    sql::Query row = database_.query(
        "SELECT recall_index FROM recall_index_segment WHERE segment = ?1 ORDER BY recall_index");
    row->bind(1, segments[place]);
    while (row->step()) held[row->integer(0)].push_back(place);
  }
  for (auto& [id, places] : held) {
    sql::Query row = database_.query(std::string(kIndexColumns) + "WHERE recall_index.id = ?1");
    if (row->bind(1, id).step()) covers.push_back({read_index(row), std::move(places)});
  }
  return covers;
}

bool Registry::remove_index(std::string_view name) {
  sql::Query row = database_.query("DELETE FROM recall_index WHERE name = ?1 RETURNING digest");
  if (!row->bind(1, name).step()) return false;
  const Digest digest = row->digest(0);
  row->run();
  doom(digest);
  return true;
}

void Registry::drop_indexes_of(const Digest& segment) {
  if (has_content(segment)) return;  // as somebody else's, as shared, in another list
  std::vector<std::string> names;
  {
    sql::Query row = database_.query(
        "SELECT name FROM recall_index JOIN recall_index_segment ON recall_index = id "
        "WHERE segment = ?1");
    row->bind(1, segment);
    while (row->step()) names.push_back(row->text(0));
  }
  for (const std::string& name : names) remove_index(name);
}

std::vector<SegmentRecord> Registry::segments_to_index(const RecallIndexDraft& draft) {
  std::vector<SegmentId> ids = draft.segments;
  if (draft.scope == IndexScope::kPool) {
    PEMA_CHECK(find_pool(draft.pool, 0).has_value(), kNotFound, "index '", draft.name,
               "' is to hold the memories of pool '", draft.pool, "', which is not in ", folder_,
               "; list pools with `pema pool ls`");
  }
  if (draft.scope != IndexScope::kSegments) ids = segments_of_profiles(draft);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::map<Digest, SegmentRecord> found;  // one content once, in an order that only it decides
  for (const SegmentId id : ids) {
    std::vector<SegmentRecord> list = segment_list(id);
    PEMA_CHECK(!list.empty(), kNotFound, "index '", draft.name, "' names segment ", id.value,
               ", which is not in ", folder_, "; list them with `pema memory ls`");
    if (draft.scope == IndexScope::kPool && list[0].kind != SegmentKind::kOwn) continue;
    if (list[0].info.keys == KeyType::kProductQuantised) continue;
    for (SegmentRecord& content : list) {
      const Digest digest = content.digest;
      found.emplace(digest, std::move(content));
    }
  }
  std::vector<SegmentRecord> segments;
  for (auto& item : found) segments.push_back(std::move(item.second));
  return segments;
}

std::vector<SegmentId> Registry::segments_of_profiles(const RecallIndexDraft& draft) {
  std::map<PoolId, bool> of_pool;
  std::vector<SegmentId> ids;
  std::string after;
  for (;;) {
    const std::vector<ProfileRecord> page = profiles(after, 1000);
    if (page.empty()) return ids;
    for (const ProfileRecord& profile : page) {
      if (draft.scope == IndexScope::kPool) {
        if (!profile.pool) continue;
        const auto [known, fresh] = of_pool.try_emplace(profile.pool);
        if (fresh) {
          const std::optional<PoolRecord> pool = find_pool(profile.pool);
          known->second = pool && pool->name == draft.pool;
        }
        if (!known->second) continue;
      }
      ids.insert(ids.end(), profile.segments.begin(), profile.segments.end());
    }
    after = page.back().name;
  }
}

}  // namespace pema::profiles
