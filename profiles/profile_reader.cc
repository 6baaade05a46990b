#include "pema/profile_reader.h"

#include <optional>
#include <string>

#include "pema/error.h"
#include "profiles/registry.h"
#include "profiles/resident_profiles.h"
#include "profiles/sqlite/commit_watch.h"

namespace pema {

using profiles::Registry;
using profiles::ResidentProfiles;
using profiles::ResidentRow;
using profiles::sqlite::CommitWatch;
using profiles::sqlite::Database;
using profiles::sqlite::Query;

namespace {

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
        resident(options.resident_bytes) {
    PEMA_CHECK(options.resident_bytes >= 0 && options.mapped_bytes >= 0, kInvalidArgument,
               "a reader's memory is at least 0 bytes");
    // Each page that is looked at would be checked cell by cell; what is read is checked as it is
    // decoded.
    database.execute(
        message("PRAGMA cell_size_check=OFF; PRAGMA mmap_size=", options.mapped_bytes));
    begin();
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
    if (held) database.query("COMMIT")->run();
    held = false;
  }

  void begin() {
    watch.remember();
    database.query("BEGIN")->run();
    const std::int64_t newest = database.integer("SELECT coalesce(max(sequence), 0) FROM change");
    forget_changed(newest);
    last_change = newest;
    held = true;
    ++stats.refreshes;
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
    if (!held) begin();
    const Query& query = *by_name;
    const Rewound rewound(query);
    ++stats.misses;
    if (!query->bind_view(1, name).step()) return false;
    const ResidentRow row = row_of(query, name);
    if (!fill(row, record)) return false;
    static_cast<void>(resident.put(row));
    return true;
  }

  bool read(ProfileId id, ProfileRecord& record) {
    if (!held) begin();
    const Query& query = *by_id;
    const Rewound rewound(query);
    ++stats.misses;
    if (!query->bind(1, id.value).step()) return false;
    return fill(row_of(query, {}), record);
  }

  Registry registry;
  Database& database;
  CommitWatch watch;
  ResidentProfiles resident;
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
    there = impl_->read(id, record);
  }
  record.name.clear();
  return there;
}

bool ProfileReader::stale() const { return impl_->watch.changed(); }

bool ProfileReader::refresh() {
  if (!stale()) return false;
  impl_->end();
  impl_->begin();
  return true;
}

void ProfileReader::release() { impl_->end(); }

std::int64_t ProfileReader::preload() {
  if (!impl_->held || stale()) {
    impl_->end();
    impl_->begin();
  }
  Query row = impl_->database.query(
      "SELECT profile, generation, setting, data, name FROM profile_name JOIN profile "
      "ON id = profile ORDER BY name");
  ResidentProfiles& resident = impl_->resident;
  while (!resident.full() && row->step()) {
    const std::string name = row->text(4);
    ResidentRow there;
    if (!resident.find(name, there)) static_cast<void>(resident.put(Impl::row_of(row, name)));
  }
  return resident.size();
}

ReaderStats ProfileReader::stats() const {
  ReaderStats stats = impl_->stats;
  stats.resident = impl_->resident.size();
  stats.resident_bytes = impl_->resident.bytes();
  return stats;
}

}  // namespace pema
