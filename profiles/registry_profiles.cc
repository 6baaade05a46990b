#include <algorithm>
#include <unordered_map>

#include "pema/error.h"
#include "profiles/bundle.h"
#include "profiles/name.h"
#include "profiles/profile_codec.h"
#include "profiles/registry.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kProfileColumns =
    "SELECT id, name, generation, pool, schedule, segments, mask FROM profile ";

ProfileRecord read_profile(const sqlite::Query& row) {
  ProfileRecord record;
  record.id.value = row->integer(0);
  record.name = row->text(1);
  const std::string what = "profile '" + record.name + "'";
  record.generation = row->integer(2);
  if (!row->null(3)) record.pool.value = row->integer(3);
  record.schedule = decode_schedule(row->blob(4), what);
  record.segments = decode_segments(row->blob(5), what);
  record.mask = decode_mask(row->blob(6), what);
  return record;
}

/// Writes a run of drafts; remembers what several of them refer to.
class Writer {
 public:
  Writer(Registry& registry, OnExisting on_existing)
      : registry_(registry), database_(registry.database()), on_existing_(on_existing) {}

  void put(const ProfileDraft& draft) {
    check_name(draft.name, "profile name");
    draft.schedule.validate();
    const std::vector<std::byte> schedule = encode_schedule(draft.schedule.quantised());
    const std::vector<std::byte> segments = encode_segments(check_references(draft));
    const std::vector<std::byte> mask = encode_mask(draft.mask);
    const std::int64_t generation = next_generation(draft);
    const bool replace = generation_is_replacement_;
    sqlite::Query row = database_.query(
        replace ? "UPDATE profile SET generation = ?2, pool = ?3, schedule = ?4, segments = ?5, "
                  "mask = ?6 WHERE name = ?1"
                : "INSERT INTO profile (name, generation, pool, schedule, segments, mask) "
                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    row->bind(1, std::string_view(draft.name)).bind(2, generation);
    if (draft.pool) {
      row->bind(3, draft.pool.value);
    } else {
      row->bind_null(3);
    }
    row->bind(4, schedule).bind(5, segments).bind(6, mask).run();
  }

  void finish() { registry_.change_readers(readers_); }

 private:
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
  std::int64_t next_generation(const ProfileDraft& draft) {
    {
      sqlite::Query old =
          database_.query("SELECT generation, segments FROM profile WHERE name = ?1");
      generation_is_replacement_ = old->bind(1, std::string_view(draft.name)).step();
      if (generation_is_replacement_) {
        PEMA_CHECK(on_existing_ == OnExisting::kReplace, kAlreadyExists, "the profile '",
                   draft.name, "' exists; choose another name or replace it");
        for (const SegmentId id : decode_segments(old->blob(1), "profile '" + draft.name + "'")) {
          --readers_[id];
        }
        return old->integer(0) + 1;
      }
    }
    sqlite::Query removed =
        database_.query("DELETE FROM removed WHERE name_hash = ?1 RETURNING generation");
    const std::int64_t floor = registry_.generation_floor();
    if (!removed->bind(1, name_hash(draft.name)).step()) return floor + 1;
    const std::int64_t last = removed->integer(0);
    removed->run();
    return std::max(last, floor) + 1;
  }

  Registry& registry_;
  sqlite::Database& database_;
  OnExisting on_existing_;
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
  Writer writer(*this, on_existing);
  for (const ProfileDraft& draft : drafts) writer.put(draft);
  writer.finish();
}

std::optional<ProfileRecord> Registry::find_profile(std::string_view name) {
  static const std::string kSql = std::string(kProfileColumns) + "WHERE name = ?1";
  sqlite::Query row = database_.query(kSql);
  if (!row->bind(1, name).step()) return std::nullopt;
  return read_profile(row);
}

std::vector<ProfileRecord> Registry::profiles(std::string_view after, std::int64_t limit) {
  PEMA_CHECK(limit >= 0, kInvalidArgument, "a limit of ", limit, " profiles is negative");
  std::vector<ProfileRecord> records;
  sqlite::Query row =
      database_.query(std::string(kProfileColumns) + "WHERE name > ?1 ORDER BY name LIMIT ?2");
  row->bind(1, after).bind(2, limit);
  while (row->step()) records.push_back(read_profile(row));
  return records;
}

bool Registry::remove_profile(std::string_view name) {
  std::map<SegmentId, std::int64_t> readers;
  std::int64_t generation = 0;
  {
    sqlite::Query row =
        database_.query("DELETE FROM profile WHERE name = ?1 RETURNING generation, segments");
    if (!row->bind(1, name).step()) return false;
    generation = row->integer(0);
    const std::string what = "profile '" + std::string(name) + "'";
    for (const SegmentId id : decode_segments(row->blob(1), what)) --readers[id];
    row->run();
  }
  sqlite::Query keep = database_.query(
      "INSERT INTO removed (name_hash, generation) VALUES (?1, ?2) "
      "ON CONFLICT (name_hash) DO UPDATE SET generation = max(generation, excluded.generation)");
  keep->bind(1, name_hash(name)).bind(2, generation).run();
  change_readers(readers);
  return true;
}

}  // namespace pema::profiles
