#include "profiles/profile_batch.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "pema/error.h"
#include "profiles/bundle.h"
#include "profiles/name.h"
#include "profiles/registry.h"
#include "profiles/sealed_row.h"

namespace pema::profiles {
namespace {

constexpr std::int64_t kKeptChanges = 65'536;

bool rises(std::span<const SegmentId> segments) {
  return std::adjacent_find(segments.begin(), segments.end(), std::greater_equal<>()) ==
         segments.end();
}

/// What a setting is found by.
void put_key(std::vector<std::byte>& key, PoolId pool, const LambdaSchedule& schedule,
             const MaskShape& shape, std::span<const SegmentId> segments) {
  key.clear();
  put_varint(key, pool.value);
  put_common_schedule(key, schedule);
  key.push_back(static_cast<std::byte>(shape.size > 0));
  put_shape(key, shape);
  put_rising(key, segments);
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The first eight bytes of a name as a number that compares as they do.
std::uint64_t prefix_of(std::string_view name) {
  std::uint64_t prefix = 0;
  std::memcpy(&prefix, name.data(), std::min<std::size_t>(8, name.size()));
  return __builtin_bswap64(prefix);
}

void check_gate(const ProfileDraft& draft, bool there) {
  PEMA_CHECK(there || !draft.schedule.gate, kInvalidArgument, "profile '", draft.name,
             "' would be weighed by its pool's gate, and its pool has none; use a pool that was "
             "trained with a gate, or switch the gate off");
}

}  // namespace

std::vector<std::byte> name_hash(std::string_view name) {
  const Digest digest = sha256(name);
  const auto bytes = std::as_bytes(std::span(digest.bytes)).first(16);
  return {bytes.begin(), bytes.end()};
}

std::string_view ProfileBatch::name_of(const Entry& entry) const noexcept {
  return text_of(std::span(bytes_).subspan(entry.at + entry.token_bytes, entry.name_bytes));
}

std::string_view ProfileBatch::stored_name_of(const Entry& entry) const noexcept {
  if (entry.token_bytes == 0) return name_of(entry);
  return text_of(std::span(bytes_).subspan(entry.at, entry.token_bytes));
}

std::span<const std::byte> ProfileBatch::data_of(const Entry& entry) const noexcept {
  return std::span(bytes_).subspan(entry.at + entry.token_bytes + entry.name_bytes,
                                   entry.data_bytes);
}

std::int64_t ProfileBatch::bytes() const noexcept {
  return static_cast<std::int64_t>(bytes_.size() + segments_.size() * sizeof(SegmentId) +
                                   entries_.size() * (sizeof(Entry) + 16));
}

void ProfileBatch::forget() noexcept {
  clear();
  uses_.clear();
  use_rows_.clear();
  keys_.clear();
  pools_.clear();
  shared_.clear();
  settings_there_ = -1;
}

void ProfileBatch::clear() noexcept {
  for (Use* use : waiting_uses_) use->waiting = 0;
  waiting_uses_.clear();
  wipe(bytes_);  // a person's own, and kept for its room
  bytes_.clear();
  segments_.clear();
  entries_.clear();
}

void ProfileBatch::add(const ProfileDraft& draft, std::int64_t order) {
  check_name(draft.name, "profile name");
  draft.schedule.validate();
  const LambdaSchedule schedule = draft.schedule.quantised();
  check_mask_shape(draft.mask);
  sort_rights(draft);
  Use& use = use_for(draft, schedule);
  for (const SegmentId id : rights_.beside) {
    Digest model = use.model;
    check_model(draft, model, find_segment(draft, id).model);
  }
  Entry entry;
  entry.at = bytes_.size();
  entry.name_bytes = static_cast<std::uint32_t>(draft.name.size());
  entry.order = order;
  entry.segments_at = segments_.size();
  entry.segments = static_cast<std::uint32_t>(rights_.beside.size());
  entry.use = &use;
  const auto put = [&](std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  };
  if (registry_.encrypted()) {
    const std::string token = registry_.stored_name(draft.name);
    entry.token_bytes = static_cast<std::uint32_t>(token.size());
    put(token);
  }
  put(draft.name);
  encode_row(bytes_, use.setting, schedule, draft.mask, rights_.beside);
  entry.data_bytes =
      static_cast<std::uint32_t>(bytes_.size() - entry.at - entry.token_bytes - entry.name_bytes);
  segments_.insert(segments_.end(), rights_.beside.begin(), rights_.beside.end());
  entries_.push_back(entry);
  if (use.waiting++ == 0) waiting_uses_.push_back(&use);
}

void ProfileBatch::sort_rights(const ProfileDraft& draft) {
  rights_.common.clear();
  rights_.beside.clear();
  std::vector<SegmentId> sorted;
  std::span<const SegmentId> all = draft.segments;
  if (!draft.own_segments.empty() || !rises(all)) {
    sorted = draft.segments;
    for (const auto& segment : draft.own_segments) {
      sorted.push_back(registry_.put_segment(*segment, SegmentKind::kOwn, {}).id);
    }
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    all = sorted;
  }
  for (const SegmentId id : all) {
    const bool shared = find_segment(draft, id).kind == SegmentKind::kShared;
    (shared ? rights_.common : rights_.beside).push_back(id);
  }
}

ProfileBatch::Use& ProfileBatch::use_for(const ProfileDraft& draft,
                                         const LambdaSchedule& schedule) {
  // A setting says what few people may have in common: an encrypted store has bare ones alone.
  if (registry_.encrypted()) return make_use(draft, schedule);
  put_key(key_, draft.pool, schedule, shape_of(draft.mask), rights_.common);
  const auto found = uses_.find(text_of(key_));
  return found != uses_.end() ? *found->second : make_use(draft, schedule);
}

ProfileBatch::Use& ProfileBatch::make_use(const ProfileDraft& draft,
                                          const LambdaSchedule& schedule) {
  const Digest model = check_common(draft);
  if (settings_there_ < 0) settings_there_ = registry_.settings().count();
  if (registry_.encrypted() ||
      std::max(settings_there_, std::ssize(use_rows_)) >= SettingTable::kMost) {
    Use& use = bare_use(draft);
    use.model = model;  // of this draft; a bare setting's drafts are all checked
    return use;
  }
  Use& use = use_rows_.emplace_back();
  use.setting.pool = draft.pool;
  use.setting.schedule = schedule;
  use.setting.segments = rights_.common;
  use.setting.mask = shape_of(draft.mask);
  use.model = model;
  uses_.emplace(keys_.emplace_back(text_of(key_)), &use);
  return use;
}

ProfileBatch::Use& ProfileBatch::bare_use(const ProfileDraft& draft) {
  key_.clear();
  put_varint(key_, draft.pool.value);
  std::vector<SegmentId> all = rights_.common;
  all.insert(all.end(), rights_.beside.begin(), rights_.beside.end());
  std::sort(all.begin(), all.end());
  rights_.beside = std::move(all);
  rights_.common.clear();
  const auto found = uses_.find(text_of(key_));
  if (found != uses_.end()) return *found->second;
  Use& use = use_rows_.emplace_back();
  use.setting.pool = draft.pool;
  use.setting.bare = true;
  uses_.emplace(keys_.emplace_back(text_of(key_)), &use);
  return use;
}

Digest ProfileBatch::check_common(const ProfileDraft& draft) {
  Digest model = check_pool(draft);
  for (const SegmentId id : rights_.common) {
    check_model(draft, model, find_segment(draft, id).model);
  }
  return model;
}

Digest ProfileBatch::check_pool(const ProfileDraft& draft) {
  if (!draft.pool) {
    check_gate(draft, false);
    PEMA_CHECK(draft.mask.size() == 0, kInvalidArgument, "profile '", draft.name,
               "' has a mask but no pool; name the pool the mask was trained with");
    return {};
  }
  const PoolRecord& pool = find_pool(draft);
  check_mask_fits(draft.mask, pool.info.adapters, pool.info.algebra);
  check_gate(draft, !pool.gate_object.is_zero());
  return pool.info.model;
}

void ProfileBatch::check_model(const ProfileDraft& draft, Digest& model,
                               const Digest& other) const {
  PEMA_CHECK(model.is_zero() || model == other, kMismatch, "profile '", draft.name,
             "' would join things of the base models ", model.hex(), " and ", other.hex(),
             "; use a pool and segments of one model");
  model = other;
}

const PoolRecord& ProfileBatch::find_pool(const ProfileDraft& draft) {
  auto found = pools_.find(draft.pool);
  if (found == pools_.end()) {
    std::optional<PoolRecord> record = registry_.find_pool(draft.pool);
    PEMA_CHECK(record.has_value(), kNotFound, "profile '", draft.name, "' names pool ",
               draft.pool.value, ", which is not in this store; list them with `pema show`");
    found = pools_.emplace(draft.pool, std::move(*record)).first;
  }
  return found->second;
}

ProfileBatch::SegmentFacts ProfileBatch::find_segment(const ProfileDraft& draft, SegmentId id) {
  const auto found = shared_.find(id);
  if (found != shared_.end()) return found->second;
  const std::optional<SegmentRecord> record = registry_.find_segment(id);
  PEMA_CHECK(record.has_value(), kNotFound, "profile '", draft.name, "' names segment ", id.value,
             ", which is not in this store; list them with `pema show`");
  const SegmentFacts facts{record->info.model, record->kind};
  if (record->kind == SegmentKind::kShared) shared_.emplace(id, facts);
  return facts;
}

void ProfileBatch::write(OnExisting on_existing) {
  readers_.clear();
  left_readers_.clear();
  left_settings_.clear();
  changed_.clear();
  number_settings();
  write_entries(on_existing);
  count_readers();
  registry_.settings().drop_profiles(left_settings_);
  note_changes(registry_.database(), changed_);
}

void ProfileBatch::number_settings() {
  SettingTable& settings = registry_.settings();
  const std::int64_t before = settings.epoch();
  if (epoch_ != before) {
    for (Use& use : use_rows_) use.setting.id = 0;
  }
  for (Use* use : waiting_uses_) {
    settings.add_profiles(use->setting, use->waiting);
    for (const SegmentId id : use->setting.segments) readers_[id] += use->waiting;
  }
  if (epoch_ != settings.epoch()) settings_there_ = -1;
  // What was made in this transaction lasts only if it is committed.
  epoch_ = settings.epoch() == before ? before : -1;
}

std::vector<const ProfileBatch::Entry*> ProfileBatch::in_name_order() const {
  struct Key {
    std::uint64_t prefix;
    const Entry* entry;
  };
  std::vector<Key> keys;
  keys.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    keys.push_back({prefix_of(stored_name_of(entry)), &entry});
  }
  std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int names = stored_name_of(*a.entry).compare(stored_name_of(*b.entry));
    return names != 0 ? names < 0 : a.entry->order < b.entry->order;
  });
  std::vector<const Entry*> order;
  order.reserve(keys.size());
  for (const Key& key : keys) order.push_back(key.entry);
  return order;
}

void ProfileBatch::write_entries(OnExisting on_existing) {
  sqlite::Database& database = registry_.database();
  std::int64_t last = database.integer("SELECT value FROM counter WHERE name = 'profile'");
  const std::int64_t first_generation = registry_.generation_floor() + 1;
  const bool any_removed = database.integer("SELECT EXISTS (SELECT 1 FROM removed)") != 0;
  {
    sqlite::Query name = database.query(
        "INSERT INTO profile_name (name, profile) VALUES (?1, ?2) ON CONFLICT DO NOTHING");
    sqlite::Query row = database.query(
        "INSERT INTO profile (id, generation, setting, data) VALUES (?1, ?2, ?3, ?4)");
    for (const Entry* entry : in_name_order()) {
      name->bind_view(1, stored_name_of(*entry)).bind(2, last + 1).run_again();
      if (name->changes() == 0) {
        PEMA_CHECK(on_existing == OnExisting::kReplace, kAlreadyExists, "the profile '",
                   name_of(*entry), "' exists; choose another name or replace it");
        replace(*entry);
        continue;
      }
      const std::int64_t generation =
          any_removed ? registry_.next_generation(stored_name_of(*entry)) : first_generation;
      ++last;
      std::vector<std::byte> secret;
      if (registry_.encrypted()) secret = sealed(*entry, last, 0);
      row->bind(1, last)
          .bind(2, generation)
          .bind(3, entry->use->setting.id)
          .bind_view(4,
                     registry_.encrypted() ? std::span<const std::byte>(secret) : data_of(*entry))
          .run_again();
      for (std::uint32_t i = 0; i < entry->segments; ++i) {
        ++readers_[segments_[entry->segments_at + i]];
      }
    }
  }
  sqlite::Query counter = database.query("UPDATE counter SET value = ?1 WHERE name = 'profile'");
  counter->bind(1, last).run();
}

void ProfileBatch::replace(const Entry& entry) {
  sqlite::Database& database = registry_.database();
  std::int64_t id = 0;
  std::int64_t generation = 0;
  std::int64_t key = 0;
  {
    sqlite::Query old = database.query(
        "SELECT profile, generation, setting, data FROM profile_name LEFT JOIN profile "
        "ON id = profile WHERE name = ?1");
    PEMA_ASSERT(old->bind(1, stored_name_of(entry)).step());
    id = old->integer(0);
    generation = old->integer(1) + 1;
    if (registry_.encrypted()) key = key_of_row(old->blob(3), message("profile ", id));
    take_back(entry, id, old->integer(2), old->blob(3));
  }
  std::vector<std::byte> secret;
  if (registry_.encrypted()) secret = sealed(entry, id, key);
  sqlite::Query row =
      database.query("UPDATE profile SET generation = ?2, setting = ?3, data = ?4 WHERE id = ?1");
  row->bind(1, id)
      .bind(2, generation)
      .bind(3, entry.use->setting.id)
      .bind(4, registry_.encrypted() ? std::span<const std::byte>(secret) : data_of(entry))
      .run();
  for (std::uint32_t i = 0; i < entry.segments; ++i) ++readers_[segments_[entry.segments_at + i]];
  changed_.push_back(id);
}

std::vector<std::byte> ProfileBatch::sealed(const Entry& entry, std::int64_t id, std::int64_t key) {
  KeyStore& keys = registry_.keys();
  std::optional<DataKey> found = key != 0 ? keys.find(key) : std::nullopt;
  if (!found) key = keys.add(found.emplace());
  return seal_row(keys, id, key, *found, name_of(entry), data_of(entry));
}

void ProfileBatch::take_back(const Entry& entry, std::int64_t id, std::int64_t setting,
                             std::span<const std::byte> data) {
  ++left_settings_[setting];
  std::optional<PlainRow> plain;
  if (registry_.encrypted()) {
    plain = open_row(registry_.keys(), id, data);
    if (!plain) return;  // of an erased person of that name: nobody can say what she read
    data = plain->data;
  }
  registry_.drop_readers(setting, data, message("profile '", name_of(entry), "'"), left_readers_);
}

void ProfileBatch::count_readers() {
  for (const auto& [id, change] : readers_) {
    if (shared_.contains(id)) continue;
    PEMA_CHECK(registry_.find_segment(id).has_value(), kNotFound, "segment ", id.value,
               " was removed since a profile was to read it; add the segment again");
  }
  registry_.change_readers(readers_);
  // Apart, so that a segment which gained and lost its only reader goes.
  registry_.change_readers(left_readers_);
}

void note_changes(sqlite::Database& database, std::span<const std::int64_t> profiles) {
  if (profiles.empty()) return;
  const bool all = std::ssize(profiles) >= kKeptChanges;
  {
    constexpr std::int64_t kAny[] = {0};
    sqlite::Query row = database.query("INSERT INTO change (profile) VALUES (?1)");
    for (const std::int64_t id : all ? std::span<const std::int64_t>(kAny) : profiles) {
      row->bind(1, id).run_again();
    }
  }
  sqlite::Query old = database.query("DELETE FROM change WHERE sequence <= ?1");
  old->bind(1, database.last_insert_id() - kKeptChanges).run();
}

}  // namespace pema::profiles
