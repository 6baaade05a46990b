#include <algorithm>
#include <unordered_map>

#include "pema/error.h"
#include "profiles/bundle.h"
#include "profiles/name.h"
#include "profiles/profile_codec.h"
#include "profiles/registry.h"
#include "profiles/sealed_row.h"
#include "profiles/sqlite/transaction.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kProfileColumns =
    "SELECT id, name, generation, pool, schedule, segments, mask FROM profile ";

void decode(std::span<const std::byte> schedule, std::span<const std::byte> segments,
            std::span<const std::byte> mask, ProfileRecord& record) {
  const std::string what = "profile '" + record.name + "'";
  record.schedule = decode_schedule(schedule, what);
  record.segments = decode_segments(segments, what);
  record.mask = decode_mask(mask, what);
}

/// Writes a run of drafts; remembers what several of them refer to.
class Writer {
 public:
  Writer(Registry& registry, OnExisting on_existing)
      : registry_(registry), database_(registry.database()), on_existing_(on_existing) {}

  void put(const ProfileDraft& draft) {
    check_name(draft.name, "profile name");
    draft.schedule.validate();
    PlainRow plain;
    plain.schedule = encode_schedule(draft.schedule.quantised());
    plain.segments = encode_segments(check_references(draft));
    plain.mask = encode_mask(draft.mask);
    const std::string stored = registry_.stored_name(draft.name);
    const std::int64_t generation = next_generation(draft, stored);
    if (registry_.encrypted()) {
      plain.name = draft.name;
      seal_into_mask(stored, plain);
    }
    const bool replace = generation_is_replacement_;
    sqlite::Query row = database_.query(
        replace ? "UPDATE profile SET generation = ?2, pool = ?3, schedule = ?4, segments = ?5, "
                  "mask = ?6 WHERE name = ?1"
                : "INSERT INTO profile (name, generation, pool, schedule, segments, mask) "
                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    row->bind(1, std::string_view(stored)).bind(2, generation);
    if (draft.pool) {
      row->bind(3, draft.pool.value);
    } else {
      row->bind_null(3);
    }
    row->bind(4, plain.schedule).bind(5, plain.segments).bind(6, plain.mask).run();
  }

  void finish() { registry_.change_readers(readers_); }

 private:
  /// The row as an encrypted store has it; with the key that the person has already, if any.
  void seal_into_mask(std::string_view token, PlainRow& plain) {
    KeyStore& keys = registry_.keys();
    std::optional<DataKey> key = old_key_ != 0 ? keys.find(old_key_) : std::nullopt;
    std::int64_t id = old_key_;
    if (!key) id = keys.add(key.emplace());
    std::vector<std::byte> sealed = seal_row(keys, token, id, *key, plain);
    plain = {};
    plain.mask = std::move(sealed);
  }

  /// Checks pool, mask and segments against each other; the segments, rising.
  std::vector<SegmentId> check_references(const ProfileDraft& draft) {
    const Digest* model = nullptr;
    if (draft.pool) {
      const PoolRecord& pool = find_pool(draft);
      check_mask_fits(draft.mask, pool.info.adapters, pool.info.algebra);
      check_gate(draft, !pool.gate_object.is_zero());
      model = &pool.info.model;
    } else {
      check_gate(draft, false);
      check_mask_shape(draft.mask);
      PEMA_CHECK(draft.mask.size() == 0, kInvalidArgument, "profile '", draft.name,
                 "' has a mask but no pool; name the pool the mask was trained with");
    }
    std::vector<SegmentId> segments = draft.segments;
    for (const auto& segment : draft.own_segments) {
      segments.push_back(registry_.put_segment(*segment, SegmentKind::kOwn, {}).id);
    }
    std::sort(segments.begin(), segments.end());
    segments.erase(std::unique(segments.begin(), segments.end()), segments.end());
    for (const SegmentId id : segments) {
      const Digest& other = find_segment(draft, id);
      PEMA_CHECK(model == nullptr || *model == other, kMismatch, "profile '", draft.name,
                 "' would join things of the base models ", model->hex(), " and ", other.hex(),
                 "; use a pool and segments of one model");
      model = &other;
      ++readers_[id];
    }
    return segments;
  }

  static void check_gate(const ProfileDraft& draft, bool there) {
    PEMA_CHECK(there || !draft.schedule.gate, kInvalidArgument, "profile '", draft.name,
               "' would be weighed by its pool's gate, and its pool has none; use a pool that was "
               "trained with a gate, or switch the gate off");
  }

  const PoolRecord& find_pool(const ProfileDraft& draft) {
    auto found = pools_.find(draft.pool);
    if (found == pools_.end()) {
      std::optional<PoolRecord> record = registry_.find_pool(draft.pool);
      PEMA_CHECK(record.has_value(), kNotFound, "profile '", draft.name, "' names pool ",
                 draft.pool.value, ", which is not in this store; list them with `pema show`");
      found = pools_.emplace(draft.pool, std::move(*record)).first;
    }
    return found->second;
  }

  const Digest& find_segment(const ProfileDraft& draft, SegmentId id) {
    auto found = segments_.find(id);
    if (found == segments_.end()) {
      const std::optional<SegmentRecord> record = registry_.find_segment(id);
      PEMA_CHECK(record.has_value(), kNotFound, "profile '", draft.name, "' names segment ",
                 id.value, ", which is not in this store; list them with `pema show`");
      found = segments_.emplace(id, record->info.model).first;
    }
    return found->second;
  }

  /// The draft's generation: after the stored one, after the removed one, or 1.
  std::int64_t next_generation(const ProfileDraft& draft, std::string_view stored) {
    old_key_ = 0;
    {
      sqlite::Query old =
          database_.query("SELECT generation, segments, mask FROM profile WHERE name = ?1");
      generation_is_replacement_ = old->bind(1, stored).step();
      if (generation_is_replacement_) {
        PEMA_CHECK(on_existing_ == OnExisting::kReplace, kAlreadyExists, "the profile '",
                   draft.name, "' exists; choose another name or replace it");
        const std::string what = "profile '" + draft.name + "'";
        if (registry_.encrypted()) {
          old_key_ = key_of_row(old->blob(2), what);
          const std::optional<PlainRow> row = open_row(registry_.keys(), stored, old->blob(2));
          if (row) drop_readers(row->segments, what);
        } else {
          drop_readers(old->blob(1), what);
        }
        return old->integer(0) + 1;
      }
    }
    sqlite::Query removed =
        database_.query("DELETE FROM removed WHERE name_hash = ?1 RETURNING generation");
    const std::int64_t floor = registry_.generation_floor();
    if (!removed->bind(1, name_hash(stored)).step()) return floor + 1;
    const std::int64_t last = removed->integer(0);
    removed->run();
    return std::max(last, floor) + 1;
  }

  void drop_readers(std::span<const std::byte> segments, std::string_view what) {
    for (const SegmentId id : decode_segments(segments, what)) --readers_[id];
  }

  Registry& registry_;
  sqlite::Database& database_;
  OnExisting on_existing_;
  std::int64_t old_key_ = 0;  ///< of the person who is replaced, in an encrypted store
  bool generation_is_replacement_ = false;
  std::unordered_map<PoolId, PoolRecord> pools_;
  std::unordered_map<SegmentId, Digest> segments_;
  std::map<SegmentId, std::int64_t> readers_;
};

}  // namespace

std::vector<std::byte> name_hash(std::string_view name) {
  const Digest digest = sha256(name);
  const auto bytes = std::as_bytes(std::span(digest.bytes)).first(16);
  return {bytes.begin(), bytes.end()};
}

void Registry::put_profiles(std::span<const ProfileDraft> drafts, OnExisting on_existing) {
  // Keys are there before rows that need them; a key that no row came to need opens nothing.
  std::unique_ptr<sqlite::Transaction> new_keys;
  if (encrypted()) new_keys = keys().begin();
  Writer writer(*this, on_existing);
  for (const ProfileDraft& draft : drafts) writer.put(draft);
  writer.finish();
  if (new_keys != nullptr) new_keys->commit();
}

std::optional<ProfileRecord> Registry::read_profile(const sqlite::Query& row) {
  ProfileRecord record;
  record.id.value = row->integer(0);
  record.name = row->text(1);
  record.generation = row->integer(2);
  if (!row->null(3)) record.pool.value = row->integer(3);
  if (!encrypted()) {
    decode(row->blob(4), row->blob(5), row->blob(6), record);
    return record;
  }
  const std::optional<PlainRow> plain = open_row(keys(), record.name, row->blob(6));
  if (!plain) return std::nullopt;
  record.name = plain->name;
  decode(plain->schedule, plain->segments, plain->mask, record);
  return record;
}

std::optional<ProfileRecord> Registry::find_profile(std::string_view name) {
  static const std::string kSql = std::string(kProfileColumns) + "WHERE name = ?1";
  sqlite::Query row = database_.query(kSql);
  const std::string stored = stored_name(name);
  if (!row->bind(1, std::string_view(stored)).step()) return std::nullopt;
  return read_profile(row);
}

std::vector<ProfileRecord> Registry::profiles(std::string_view after, std::int64_t limit) {
  PEMA_CHECK(limit >= 0, kInvalidArgument, "a limit of ", limit, " profiles is negative");
  std::vector<ProfileRecord> records;
  sqlite::Query row =
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

bool Registry::remove_profile(std::string_view name) {
  const std::string stored = stored_name(name);
  std::map<SegmentId, std::int64_t> readers;
  std::int64_t generation = 0;
  {
    sqlite::Query row =
        database_.query("DELETE FROM profile WHERE name = ?1 RETURNING generation, segments, mask");
    if (!row->bind(1, std::string_view(stored)).step()) return false;
    generation = row->integer(0);
    const std::string what = "profile '" + std::string(name) + "'";
    std::optional<PlainRow> plain;
    if (encrypted()) {
      plain = open_row(keys(), stored, row->blob(2));
      doom_key(key_of_row(row->blob(2), what));
    }
    const std::span<const std::byte> segments =
        plain ? std::span<const std::byte>(plain->segments) : row->blob(1);
    for (const SegmentId id : decode_segments(segments, what)) --readers[id];
    row->run();
  }
  sqlite::Query keep = database_.query(
      "INSERT INTO removed (name_hash, generation) VALUES (?1, ?2) "
      "ON CONFLICT (name_hash) DO UPDATE SET generation = max(generation, excluded.generation)");
  keep->bind(1, name_hash(stored)).bind(2, generation).run();
  change_readers(readers);
  return true;
}

}  // namespace pema::profiles
