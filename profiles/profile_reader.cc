#include "pema/profile_reader.h"

#include <chrono>
#include <optional>
#include <string>

#include "pema/error.h"
#include "profiles/registry.h"
#include "profiles/resident_profiles.h"
#include "profiles/sql/pages.h"
#include "profiles/sqlite/commit_watch.h"

namespace pema {

using profiles::Registry;
using profiles::ResidentProfiles;
using profiles::ResidentRow;
using profiles::sql::Database;
using profiles::sql::Query;
using profiles::sql::Statement;
using profiles::sql::TransactionKind;
using profiles::sql::TransientError;
using profiles::sqlite::CommitWatch;

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
  using Clock = std::chrono::steady_clock;

  Impl(const std::string& folder, const ReaderOptions& options)
      : registry(folder, OpenMode::kReadOnly, {.key = options.key}),
        database(registry.database()),
        resident(options.resident_bytes),
        fresh_for(options.fresh_milliseconds) {
    PEMA_CHECK(
        options.resident_bytes >= 0 && options.mapped_bytes >= 0 && options.fresh_milliseconds >= 0,
        kInvalidArgument, "a reader's memory and its patience are at least 0");
    if (registry.file() != nullptr) {
      // Each page that is looked at would be checked cell by cell; what is read is checked as it is
      // decoded.
      database.execute(
          message("PRAGMA cell_size_check=OFF; PRAGMA mmap_size=", options.mapped_bytes));
      watch.emplace(*registry.file());
    }
    begin();
    by_name.emplace(database.query(
        "SELECT profile, generation, setting, data FROM profile_name LEFT JOIN profile "
        "ON id = profile WHERE name = ?1"));
    by_id.emplace(
        database.query("SELECT id, generation, setting, data FROM profile WHERE id = ?1"));
  }

  /// A snapshot, unless the resident profiles are as good as one.
  void resume() {
    if (!held && stale()) begin();
  }

  [[nodiscard]] bool stale() const {
    return watch ? watch->changed() : Clock::now() >= taken + fresh_for;
  }

  void end() {
    if (!held) return;
    held = false;
    if (watch) {
      database.query("COMMIT")->run();
    } else {
      database.rollback();
    }
  }

  /// Again on a new connection where the server was lost.
  void begin() {
    repeat([&] {
      taken = Clock::now();
      if (watch) {
        watch->remember();
        database.query("BEGIN")->run();
      } else {
        database.begin(TransactionKind::kRead);
      }
      held = true;
      try {
        const std::int64_t newest =
            database.integer("SELECT coalesce(max(sequence), 0) FROM change");
        forget_changed(newest);
        last_change = newest;
      } catch (...) {
        end();
        throw;
      }
    });
    ++stats.refreshes;
  }

  /// Does `action`; what a lost server undoes, from its start with a new snapshot.
  template <typename Action>
  void repeat(Action action) {
    for (int attempt = 1;; ++attempt) {
      try {
        action();
        return;
      } catch (const TransientError&) {
        end();
        if (attempt == profiles::sql::kTransactionAttempts) throw;
      }
    }
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

  /// From the columns from `first` on: number, generation, setting, data.
  static ResidentRow row_of(const Statement& row, int first, std::string_view name) {
    PEMA_CHECK(!row.null(first + 1), kCorrupt, "profile '", name,
               "': has a name and no row; restore registry.db from a backup");
    return {.id = row.integer(first),
            .generation = row.integer(first + 1),
            .setting = row.integer(first + 2),
            .name = name,
            .data = row.blob(first + 3)};
  }

  bool read(std::string_view name, ProfileRecord& record) {
    bool found = false;
    ++stats.misses;
    repeat([&] {
      if (!held) begin();
      const Query& query = *by_name;
      const Rewound rewound(query);
      found = query->bind_view(1, name).step();
      if (!found) return;
      const ResidentRow row = row_of(*query, 0, name);
      found = fill(row, record);
      if (found) static_cast<void>(resident.put(row));
    });
    return found;
  }

  bool read(ProfileId id, ProfileRecord& record) {
    bool found = false;
    ++stats.misses;
    repeat([&] {
      if (!held) begin();
      const Query& query = *by_id;
      const Rewound rewound(query);
      found = query->bind(1, id.value).step() && fill(row_of(*query, 0, {}), record);
    });
    return found;
  }

  Registry registry;
  Database& database;
  std::optional<CommitWatch> watch;  ///< of registry.db; elsewhere time has to do
  ResidentProfiles resident;
  std::chrono::milliseconds fresh_for;
  Clock::time_point taken;  ///< the snapshot
  bool held = false;        ///< a snapshot
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

bool ProfileReader::stale() const { return impl_->stale(); }

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
  ResidentProfiles& resident = impl_->resident;
  const auto take = [&](const Statement& row) {
    if (resident.full()) return false;
    const std::string name = row.text(0);
    ResidentRow there;
    if (!resident.find(name, there)) static_cast<void>(resident.put(Impl::row_of(row, 1, name)));
    return true;
  };
  impl_->repeat([&] {
    if (!impl_->held) impl_->begin();
    profiles::sql::read_pages(impl_->database,
                              "SELECT name, profile, generation, setting, data FROM profile_name "
                              "JOIN profile ON id = profile WHERE name > ?1 ORDER BY name LIMIT ?2",
                              std::string(), take);
  });
  return resident.size();
}

ReaderStats ProfileReader::stats() const {
  ReaderStats stats = impl_->stats;
  stats.resident = impl_->resident.size();
  stats.resident_bytes = impl_->resident.bytes();
  return stats;
}

}  // namespace pema
