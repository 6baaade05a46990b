// How a batch of drafts is written: rows in the order of names, and what they mean for settings,
// segments and readers elsewhere.
#include <algorithm>
#include <cstring>
#include <optional>

#include "pema/error.h"
#include "profiles/profile_batch.h"
#include "profiles/registry.h"
#include "profiles/sealed_row.h"

namespace pema::profiles {
namespace {

constexpr std::int64_t kKeptChanges = 65'536;
/// From so many entries on PostgreSQL gets them in bulk.
constexpr std::int64_t kMany = 8;

/// The first eight bytes of a name as a number that compares as they do.
std::uint64_t prefix_of(std::string_view name) {
  std::uint64_t prefix = 0;
  std::memcpy(&prefix, name.data(), std::min<std::size_t>(8, name.size()));
  return __builtin_bswap64(prefix);
}

}  // namespace

void ProfileBatch::write(OnExisting on_existing) {
  readers_.clear();
  left_readers_.clear();
  left_settings_.clear();
  changed_.clear();
  begin_watch();
  number_settings();
  write_entries(on_existing);
  tenants_->settle();
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
  sql::Database& database = registry_.database();
  if (database.engine() == sql::Engine::kPostgres && size() >= kMany) {
    write_many(on_existing);
    return;
  }
  std::int64_t last = database.integer("SELECT value FROM counter WHERE name = 'profile'");
  const std::int64_t first_generation = registry_.generation_floor() + 1;
  const bool any_removed = database.integer("SELECT EXISTS (SELECT 1 FROM removed)") != 0;
  {
    sql::Query name = database.query(
        "INSERT INTO profile_name (name, profile) VALUES (?1, ?2) ON CONFLICT DO NOTHING");
    sql::Query row = database.query(
        "INSERT INTO profile (id, generation, setting, data) VALUES (?1, ?2, ?3, ?4)");
    const std::vector<const Entry*> order = in_name_order();
    for (std::size_t i = 0; i < order.size(); ++i) {
      fetch_ahead(order, i);
      const Entry* const entry = order[i];
      name->bind_view(1, stored_name_of(*entry)).bind(2, last + 1).run_again();
      if (name->changes() == 0) {
        if (on_existing == OnExisting::kRefuse) refuse_existing(name_of(*entry));
        replace(*entry);
        continue;
      }
      const std::int64_t generation =
          any_removed ? registry_.next_generation(stored_name_of(*entry)) : first_generation;
      ++last;
      row->bind(1, last)
          .bind(2, generation)
          .bind(3, entry->use->setting.id)
          .bind_view(4, stored_data(*entry, last, 0))
          .run_again();
      watch_new(*entry, last);
      count_segments(*entry);
    }
  }
  sql::Query counter = database.query("UPDATE counter SET value = ?1 WHERE name = 'profile'");
  counter->bind(1, last).run();
}

void ProfileBatch::fetch_ahead(std::span<const Entry* const> order, std::size_t at) const noexcept {
  constexpr std::size_t kEntries = 24;
  constexpr std::size_t kBytes = 12;
  constexpr std::size_t kLine = 64;
  if (at + kEntries < order.size()) {
    const auto* const entry = reinterpret_cast<const std::byte*>(order[at + kEntries]);
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + sizeof(Entry) - 1);
  }
  if (at + kBytes < order.size()) {
    const Entry& entry = *order[at + kBytes];
    const std::size_t bytes = entry.token_bytes + entry.name_bytes + entry.data_bytes;
    // A row of two masks has two or three lines; of longer ones the rest comes by itself.
    for (std::size_t line = 0; line < std::min(bytes, 3 * kLine); line += kLine) {
      __builtin_prefetch(bytes_.data() + entry.at + line);
    }
  }
}

void ProfileBatch::replace(const Entry& entry) {
  sql::Database& database = registry_.database();
  std::int64_t id = 0;
  std::int64_t generation = 0;
  std::int64_t key = 0;
  {
    sql::Query old = database.query(
        "SELECT profile, generation, setting, data FROM profile_name LEFT JOIN profile "
        "ON id = profile WHERE name = ?1");
    PEMA_ASSERT(old->bind(1, stored_name_of(entry)).step());
    id = old->integer(0);
    generation = old->integer(1) + 1;
    if (registry_.encrypted()) key = key_of_row(old->blob(3), message("profile ", id));
    take_back(entry, id, old->integer(2), old->blob(3));
  }
  sql::Query row =
      database.query("UPDATE profile SET generation = ?2, setting = ?3, data = ?4 WHERE id = ?1");
  row->bind(1, id)
      .bind(2, generation)
      .bind(3, entry.use->setting.id)
      .bind(4, stored_data(entry, id, key))
      .run();
  count_segments(entry);
  changed_.push_back(id);
}

void ProfileBatch::count_segments(const Entry& entry) {
  for (std::uint32_t i = 0; i < entry.segments; ++i) ++readers_[segments_[entry.segments_at + i]];
}

void ProfileBatch::refuse_existing(std::string_view name) {
  fail(ErrorCode::kAlreadyExists, "the profile '", name,
       "' exists; choose another name or replace it");
}

std::span<const std::byte> ProfileBatch::stored_data(const Entry& entry, std::int64_t id,
                                                     std::int64_t key) {
  if (!registry_.encrypted()) return data_of(entry);
  KeyStore& keys = registry_.keys();
  std::optional<DataKey> found = key != 0 ? keys.find(key) : std::nullopt;
  if (!found) key = keys.add(found.emplace());
  sealed_ = seal_row(keys, id, key, *found, name_of(entry), data_of(entry));
  return sealed_;
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
  watch_replaced(entry, setting, data);
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

void note_changes(sql::Database& database, std::span<const std::int64_t> profiles) {
  if (profiles.empty()) return;
  const bool all = std::ssize(profiles) >= kKeptChanges;
  {
    constexpr std::int64_t kAny[] = {0};
    const std::span<const std::int64_t> noted =
        all ? std::span<const std::int64_t>(kAny) : profiles;
    database.for_each(
        "INSERT INTO change (profile) VALUES (?1)", std::ssize(noted),
        [&](std::int64_t i, sql::Statement& row) {
          row.bind(1, noted[static_cast<std::size_t>(i)]);
        },
        [](std::int64_t, const sql::Statement&) {});
  }
  sql::Query old = database.query(
      "DELETE FROM change WHERE sequence <= (SELECT max(sequence) FROM change) - ?1");
  old->bind(1, kKeptChanges).run();
}

}  // namespace pema::profiles
