#include <algorithm>
#include <utility>

#include "pema/error.h"
#include "profiles/name.h"
#include "profiles/registry.h"
#include "src/core/object_file.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kSegmentColumns =
    "SELECT segment.id, segment.name, kind, segment.digest, model.fingerprint, segment.site, "
    "segment.hidden, segment.vocab, entries, segment.bytes, keys, codebook.digest, codebook.parts, "
    "data_key, version, (SELECT count(*) FROM segment_part WHERE head = segment.id), "
    "(SELECT CAST(coalesce(sum(part.entries), 0) AS bigint) FROM segment_part AS part "
    "WHERE head = segment.id), "
    "(SELECT CAST(coalesce(sum(part.bytes), 0) AS bigint) FROM segment_part AS part "
    "WHERE head = segment.id) "
    "FROM segment JOIN model ON model.id = segment.model "
    "LEFT JOIN codebook ON codebook.id = segment.codebook ";

SegmentRecord read_segment(const sql::Query& row) {
  SegmentRecord record;
  record.id.value = row->integer(0);
  if (!row->null(1)) record.name = row->text(1);
  record.kind = stored_enum(row->integer(2), SegmentKind::kShared, "a segment's kind");
  record.digest = row->digest(3);
  record.info.model = row->digest(4);
  record.info.site = stored_enum(row->integer(5), FeatureSite::kPreNorm, "a segment's site");
  record.info.hidden = row->integer(6);
  record.info.vocab = row->integer(7);
  record.info.entries = row->integer(8);
  record.bytes = row->integer(9);
  record.info.keys = stored_enum(row->integer(10), KeyType::kProductQuantised, "a segment's keys");
  if (!row->null(11)) {
    record.info.codebook = row->digest(11);
    record.info.parts = row->integer(12);
  }
  if (!row->null(13)) record.data_key = row->integer(13);
  record.version = row->integer(14);
  record.contents = 1 + row->integer(15);
  record.list_entries = record.info.entries + row->integer(16);
  record.list_bytes = record.bytes + row->integer(17);
  return record;
}

}  // namespace

void Registry::put_segment_object(const Segment& segment, SegmentKind kind) {
  if (segment.codebook() != nullptr) put_codebook_object(*segment.codebook());
  if (encrypted() && kind == SegmentKind::kOwn) return;
  objects_.put(segment.digest(), segment.serialise());
}

SegmentRecord Registry::put_segment(const Segment& segment, SegmentKind kind,
                                    const std::string& name, NameUse use) {
  if (kind == SegmentKind::kShared) {
    check_name(name, "shared segment's name");
  } else {
    PEMA_CHECK(name.empty(), kInvalidArgument, "a person's own segment has no name; leave out '",
               name, "'");
  }
  const SegmentInfo& info = segment.info();
  const ModelRecord model =
      require_model(info.model, name.empty() ? "the segment" : "segment '" + name + "'");
  PEMA_CHECK(model.info.hidden == info.hidden && model.info.vocab == info.vocab, kMismatch,
             "the segment has width ", info.hidden, " and vocabulary ", info.vocab,
             ", its base model has ", model.info.hidden, " and ", model.info.vocab,
             "; make the segment with that model");
  const bool sealed = encrypted() && kind == SegmentKind::kOwn;
  if (!sealed) {
    // A list that begins with the content, under its name; otherwise one that is this content.
    sql::Query same = database_.query(
        std::string(kSegmentColumns) +
        "WHERE segment.digest = ?1 AND kind = ?2 AND (segment.name = ?3 OR (?4 = 0 AND NOT EXISTS "
        "(SELECT 1 FROM segment_part WHERE head = segment.id))) "
        "ORDER BY CASE WHEN segment.name = ?3 THEN 0 ELSE 1 END, segment.id LIMIT 1");
    same->bind(1, segment.digest()).bind(2, static_cast<std::int64_t>(kind)).bind_name(3, name);
    same->bind(4, static_cast<std::int64_t>(use));
    if (same->step()) return read_segment(same);
  }
  PEMA_CHECK(name.empty() || !find_segment(name), kAlreadyExists, "the segment name '", name,
             "' is taken by other content; choose another name, or append to it");
  std::optional<CodebookRecord> codebook;
  if (segment.codebook() != nullptr) codebook = put_codebook(*segment.codebook(), {});
  std::vector<std::byte> bytes = segment.serialise();
  Digest digest = segment.digest();
  std::int64_t data_key = 0;
  if (sealed) {
    DataKey key;
    data_key = keys().add(key);
    std::vector<std::byte> file = seal_object(bytes, key);
    wipe(bytes);
    bytes = std::move(file);
    digest = sha256(bytes);
    sealed_.push_back(digest);
  }
  // The caller holds the write lock, under which nobody deletes objects.
  if (!objects_.contains(digest)) objects_.put(digest, bytes);
  sql::Query insert = database_.query(
      "INSERT INTO segment (name, kind, digest, model, site, hidden, vocab, entries, bytes, keys, "
      "codebook, data_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
      "RETURNING id");
  insert->bind_name(1, name);
  if (codebook) {
    insert->bind(11, codebook->id.value);
  } else {
    insert->bind_null(11);
  }
  if (sealed) {
    insert->bind(12, data_key);
  } else {
    insert->bind_null(12);
  }
  insert->bind(2, static_cast<std::int64_t>(kind))
      .bind(3, digest)
      .bind(4, model.id.value)
      .bind(5, static_cast<std::int64_t>(info.site))
      .bind(6, info.hidden)
      .bind(7, info.vocab)
      .bind(8, info.entries)
      .bind(9, static_cast<std::int64_t>(bytes.size()))
      .bind(10, static_cast<std::int64_t>(info.keys));
  return *find_segment(SegmentId{insert->run_for_integer()});
}

std::vector<SegmentRecord> Registry::segments(std::optional<SegmentKind> kind) {
  std::vector<SegmentRecord> records;
  sql::Query row = database_.query(std::string(kSegmentColumns) +
                                   "WHERE ?1 < 0 OR kind = ?1 ORDER BY segment.id");
  row->bind(1, kind ? static_cast<std::int64_t>(*kind) : std::int64_t{-1});
  while (row->step()) records.push_back(with_key(read_segment(row)));
  return records;
}

std::optional<SegmentRecord> Registry::find_segment(SegmentId id) {
  sql::Query row = database_.query(std::string(kSegmentColumns) + "WHERE segment.id = ?1");
  if (!row->bind(1, id.value).step()) return std::nullopt;
  return with_key(read_segment(row));
}

std::optional<SegmentRecord> Registry::find_segment(std::string_view name) {
  sql::Query row = database_.query(std::string(kSegmentColumns) + "WHERE segment.name = ?1");
  if (!row->bind(1, name).step()) return std::nullopt;
  return read_segment(row);
}

SegmentRecord Registry::with_key(SegmentRecord record) {
  if (record.data_key != 0 && keys_ != nullptr) {
    record.wrapped_key = keys_->find_wrapped(record.data_key);
  }
  return record;
}

std::shared_ptr<const Segment> Registry::load_segment(const SegmentRecord& record) {
  const auto codebooks = [&](const Digest& digest) { return load_codebook(digest); };
  const std::string path = objects_.path(record.digest);
  std::shared_ptr<const Segment> segment;
  if (record.data_key == 0) {
    segment = Segment::open(path, record.digest, codebooks);
  } else {
    KeyStore& keys = this->keys();
    PEMA_CHECK(!record.wrapped_key.empty(), kNotFound, "the key of segment ", record.id.value,
               " was erased, and with it what it opens");
    const DataKey key = keys.unwrap(record.data_key, record.wrapped_key);
    const auto file = core::open_checked(path, record.digest);
    OpenedObject opened = open_sealed_object(file->bytes(), key, path);
    segment = Segment::in_memory(opened.bytes, std::move(opened.owner), path, codebooks);
  }
  const SegmentInfo& info = segment->info();
  PEMA_CHECK(info.model == record.info.model && info.site == record.info.site &&
                 info.hidden == record.info.hidden && info.vocab == record.info.vocab &&
                 info.entries == record.info.entries && info.keys == record.info.keys &&
                 info.codebook == record.info.codebook,
             kCorrupt, folder_, "/registry.db: segment ", record.id.value,
             " is damaged (its row and its object disagree); restore registry.db from a backup");
  return segment;
}

void Registry::change_readers(const std::map<SegmentId, std::int64_t>& changes) {
  for (const auto& [id, change] : changes) {
    if (change != 0) {
      sql::Query update =
          database_.query("UPDATE segment SET readers = readers + ?2 WHERE id = ?1");
      update->bind(1, id.value).bind(2, change).run();
    }
    if (change >= 0) continue;
    drop_unread_segment(id, SegmentKind::kOwn);
  }
}

bool Registry::remove_segment(SegmentId id) {
  {
    sql::Query row = database_.query("SELECT readers FROM segment WHERE id = ?1");
    if (!row->bind(1, id.value).step()) return false;
    PEMA_CHECK(row->integer(0) == 0, kInvalidArgument, "segment ", id.value, " is read by ",
               row->integer(0), " profiles; take it from them first (`pema profile set`)");
  }
  drop_parts(id);
  drop_unread_segment(id, SegmentKind::kShared);
  return true;
}

void Registry::drop_unread_segment(SegmentId id, SegmentKind last) {
  sql::Query row = database_.query(
      "DELETE FROM segment WHERE id = ?1 AND readers = 0 AND kind <= ?2 "
      "RETURNING digest, codebook, data_key");
  if (!row->bind(1, id.value).bind(2, static_cast<std::int64_t>(last)).step()) return;
  const Digest digest = row->digest(0);
  const std::optional<CodebookId> codebook =
      row->null(1) ? std::nullopt : std::optional(CodebookId{row->integer(1)});
  if (!row->null(2)) doom_key(row->integer(2));
  row->run();
  if (codebook) drop_unneeded_codebook(*codebook);
  drop_indexes_of(digest);
  doom(digest);
}

bool Registry::names_object(const Digest& digest) {
  sql::Query row = database_.query(
      "SELECT EXISTS (SELECT 1 FROM segment WHERE digest = ?1) OR "
      "EXISTS (SELECT 1 FROM segment_part WHERE digest = ?1) OR "
      "EXISTS (SELECT 1 FROM codebook WHERE digest = ?1) OR "
      "EXISTS (SELECT 1 FROM recall_index WHERE digest = ?1) OR "
      "EXISTS (SELECT 1 FROM pool_block WHERE object = ?1) OR "
      "EXISTS (SELECT 1 FROM pool WHERE shared = ?1 OR gate = ?1)");
  return row->bind(1, digest).step() && row->integer(0) != 0;
}

}  // namespace pema::profiles
