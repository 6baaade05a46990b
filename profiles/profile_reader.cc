#include "pema/profile_reader.h"

#include <optional>
#include <string>

#include "pema/error.h"
#include "profiles/registry.h"
#include "profiles/resident_profiles.h"
#include "profiles/sqlite/commit_watch.h"
#include "profiles/stored_profiles.h"

namespace pema {

using profiles::Registry;
using profiles::ResidentProfiles;
using profiles::ResidentRow;
using profiles::StoredProfiles;
using profiles::sqlite::CommitWatch;
using profiles::sqlite::Database;
using profiles::sqlite::Query;

namespace {

/// Profiles that are preloaded in one snapshot: some 0.2 s, which keep whoever writes beside it
/// from folding the log in.
constexpr std::int64_t kPreloadedAtOnce = 65'536;

/// Makes a statement ready for the next look-up, whatever happens to this one.
class Rewound {
 public:
  explicit Rewound(const Query& query) : query_(query) {}
  ~Rewound() { query_->rewind(); }
  Rewound(const Rewound&) = delete;
  Rewound& operator=(const Rewound&) = delete;

 private:
  const Query& query_;
};

}  // namespace

struct ProfileReader::Impl {
  Impl(const std::string& folder, const ReaderOptions& options)
      : registry(folder, OpenMode::kReadOnly, {.key = options.key}),
        database(registry.database()),
        watch(database),
        resident(options.resident_bytes),
        stored(database, options.mapped_bytes) {
    PEMA_CHECK(options.resident_bytes >= 0 && options.mapped_bytes >= 0, kInvalidArgument,
               "a reader's memory is at least 0 bytes");
    // Each page that is looked at would be checked cell by cell; what is read is checked as it is
    // decoded.
    database.execute("PRAGMA cell_size_check=OFF");
    by_name.emplace(database.query(
        "SELECT profile, generation, setting, data FROM profile_name LEFT JOIN profile "
        "ON id = profile WHERE name = ?1"));
    by_id.emplace(
        database.query("SELECT id, generation, setting, data FROM profile WHERE id = ?1"));
  }

  /// A snapshot, unless the resident profiles are as good as one.
  void resume() {
    if (!held && watch.changed()) begin();
  }

  void end() {
    stored.end();
    if (held) database.query("COMMIT")->run();
    held = false;
  }

  void begin() {
    watch.remember();
    database.query("BEGIN")->run();
    try {
      const std::int64_t newest = database.integer("SELECT coalesce(max(sequence), 0) FROM change");
      forget_changed(newest);
      last_change = newest;
      stored.begin();
    } catch (...) {
      stored.end();
      database.rollback();
      throw;
    }
    held = true;
    ++stats.refreshes;
  }

  void renew() {
    end();
    begin();
  }

  /// Drops what changed after last_change, or everything when that cannot be told.
  void forget_changed(std::int64_t newest) {
    if (newest == last_change || resident.size() == 0) return;
    Query row = database.query(
        "SELECT sequence, profile FROM change WHERE sequence > ?1 ORDER BY sequence");
    row->bind(1, last_change);
    std::int64_t expected = last_change + 1;
    while (row->step()) {
      const std::int64_t id = row->integer(1);
      if (row->integer(0) != expected++ || id == 0) {
        stats.dropped += resident.size();
        resident.clear();
        return;
      }
      if (resident.drop(id)) ++stats.dropped;
    }
  }

  /// False when the profile's key was erased.
  bool fill(const ResidentRow& row, ProfileRecord& record) {
    const auto decode = [&](std::string_view what) {
      if (!registry.read_row(row.id, row.generation, row.setting, row.data, what, record)) {
        return false;
      }
      if (!row.name.empty()) registry.check_stored_name(row.name, record);
      return true;
    };
    try {
      return decode("a profile");
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCorrupt) throw;
      (void)decode(row.name.empty() ? message("profile ", row.id)
                                    : message("profile '", row.name, "'"));
      throw;
    }
  }

  static ResidentRow row_of(const Query& query, std::string_view name) {
    PEMA_CHECK(!query->null(1), kCorrupt, "profile '", name,
               "': has a name and no row; restore registry.db from a backup");
    return {.id = query->integer(0),
            .generation = query->integer(1),
            .setting = query->integer(2),
            .name = name,
            .data = query->blob(3)};
  }

  bool read(std::string_view name, ProfileRecord& record) {
    return read_by(name, *by_name, record,
                   [&](const ResidentRow& row) { static_cast<void>(resident.put(row)); });
  }

  bool read(std::int64_t id, ProfileRecord& record) {
    return read_by(id, *by_id, record, [](const ResidentRow&) {});
  }

  /// Keeps the profiles that follow a name, in the present; false when there are no more, or no
  /// room.
  bool preload_after(std::string& last) {
    if (!held || watch.changed()) renew();
    Query row = database.query(
        "SELECT profile, generation, setting, data, name FROM profile_name JOIN profile "
        "ON id = profile WHERE name > ?1 ORDER BY name LIMIT ?2");
    row->bind(1, std::string_view(last)).bind(2, kPreloadedAtOnce);
    std::int64_t count = 0;
    for (; !resident.full() && row->step(); ++count) {
      last = row->text(4);
      ResidentRow there;
      if (!resident.find(last, there)) static_cast<void>(resident.put(row_of(row, last)));
    }
    return count == kPreloadedAtOnce;
  }

  /// In the mapped pages, or with SQLite where those do not have the answer.
  template <typename Key, typename Keep>
  bool read_by(Key key, const Query& query, ProfileRecord& record, const Keep& keep) {
    if (!held) begin();
    ++stats.misses;
    ResidentRow row;
    const StoredProfiles::Search search = stored.find(key, row);
    if (search != StoredProfiles::Search::kUnknown) ++stats.mapped;
    if (search == StoredProfiles::Search::kAbsent) return false;
    const Rewound rewound(query);
    if (search == StoredProfiles::Search::kUnknown) {
      if (!bind(query, key).step()) return false;
      row = row_of(query, name_of(key));
    }
    if (!fill(row, record)) return false;
    keep(row);
    return true;
  }

  static auto& bind(const Query& query, std::string_view name) { return query->bind_view(1, name); }
  static auto& bind(const Query& query, std::int64_t id) { return query->bind(1, id); }
  static std::string_view name_of(std::string_view name) { return name; }
  static std::string_view name_of(std::int64_t /*id*/) { return {}; }

  Registry registry;
  Database& database;
  CommitWatch watch;
  ResidentProfiles resident;
  StoredProfiles stored;
  bool held = false;  ///< a snapshot
  std::int64_t last_change = 0;
  ReaderStats stats;
  std::optional<Query> by_name;
  std::optional<Query> by_id;
};

ProfileReader::ProfileReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProfileReader::~ProfileReader() = default;
ProfileReader::ProfileReader(ProfileReader&&) noexcept = default;
ProfileReader& ProfileReader::operator=(ProfileReader&&) noexcept = default;

ProfileReader ProfileReader::open(const std::string& folder, const ReaderOptions& options) {
  return ProfileReader(std::make_unique<Impl>(folder, options));
}

bool ProfileReader::find(std::string_view name, ProfileRecord& record) {
  impl_->resume();
  ResidentRow row;
  // Resident rows of an encrypted store are as they are stored there, under their tokens.
  const std::string token =
      impl_->registry.encrypted() ? impl_->registry.stored_name(name) : std::string();
  const std::string_view stored = token.empty() ? name : std::string_view(token);
  if (impl_->resident.find(stored, row)) {
    ++impl_->stats.hits;
    if (!impl_->fill(row, record)) return false;
  } else if (!impl_->read(stored, record)) {
    return false;
  }
  record.name = name;
  return true;
}

bool ProfileReader::find(ProfileId id, ProfileRecord& record) {
  impl_->resume();
  ResidentRow row;
  bool there = false;
  if (impl_->resident.find(id.value, row)) {
    ++impl_->stats.hits;
    there = impl_->fill(row, record);
  } else {
    there = impl_->read(id.value, record);
  }
  record.name.clear();
  return there;
}

bool ProfileReader::stale() const { return impl_->watch.changed(); }

bool ProfileReader::refresh() {
  if (!stale()) return false;
  impl_->renew();
  return true;
}

void ProfileReader::release() { impl_->end(); }

std::int64_t ProfileReader::preload() {
  std::string last;
  while (impl_->preload_after(last)) {
  }
  impl_->end();
  return impl_->resident.size();
}

ReaderStats ProfileReader::stats() const {
  ReaderStats stats = impl_->stats;
  stats.resident = impl_->resident.size();
  stats.resident_bytes = impl_->resident.bytes();
  return stats;
}

}  // namespace pema
