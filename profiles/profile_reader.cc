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
      : registry(folder, OpenMode::kReadOnly),
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

  void fill(const ResidentRow& row, ProfileRecord& record) {
    record.id.value = row.id;
    record.generation = row.generation;
    const auto decode = [&](std::string_view what) {
      profiles::decode_row(row.data, registry.settings().get(row.setting, what), what, record);
    };
    try {
      decode("a profile");
    } catch (const Error&) {
      decode(row.name.empty() ? message("profile ", row.id) : message("profile '", row.name, "'"));
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
    fill(row, record);
    static_cast<void>(resident.put(row));
    return true;
  }

  bool read(ProfileId id, ProfileRecord& record) {
    if (!held) begin();
    const Query& query = *by_id;
    const Rewound rewound(query);
    ++stats.misses;
    if (!query->bind(1, id.value).step()) return false;
    fill(row_of(query, {}), record);
    return true;
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
  const bool here = impl_->resident.find(name, row);
  if (here) {
    ++impl_->stats.hits;
    impl_->fill(row, record);
  } else if (!impl_->read(name, record)) {
    return false;
  }
  record.name = name;
  return true;
}

bool ProfileReader::find(ProfileId id, ProfileRecord& record) {
  impl_->resume();
  record.name.clear();
  ResidentRow row;
  if (!impl_->resident.find(id.value, row)) return impl_->read(id, record);
  ++impl_->stats.hits;
  impl_->fill(row, record);
  return true;
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
