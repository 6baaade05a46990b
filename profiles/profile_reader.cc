#include "pema/profile_reader.h"

#include <chrono>
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
using profiles::sql::Database;
using profiles::sql::Query;
using profiles::sql::Statement;
using profiles::sql::TransactionKind;
using profiles::sql::TransientError;
using profiles::sqlite::CommitWatch;

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
      database.execute("PRAGMA cell_size_check=OFF");
      watch.emplace(*registry.file());
      stored.emplace(*registry.file(), options.mapped_bytes);
    }
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
    if (stored) stored->end();
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
        if (stored) stored->begin();
      } catch (...) {
        if (stored) stored->end();
        held = false;
        database.rollback();
        throw;
      }
    });
    ++stats.refreshes;
  }

  void renew() {
    end();
    begin();
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

  /// Of number, generation, setting, data.
  static ResidentRow row_of(const Statement& row, std::string_view name) {
    PEMA_CHECK(!row.null(1), kCorrupt, "profile '", name,
               "': has a name and no row; restore registry.db from a backup");
    return {.id = row.integer(0),
            .generation = row.integer(1),
            .setting = row.integer(2),
            .name = name,
            .data = row.blob(3)};
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
    std::int64_t count = 0;
    repeat([&] {
      if (!held || stale()) renew();
      Query row = database.query(
          "SELECT profile, generation, setting, data, name FROM profile_name JOIN profile "
          "ON id = profile WHERE name > ?1 ORDER BY name LIMIT ?2");
      row->bind(1, std::string_view(last)).bind(2, kPreloadedAtOnce);
      for (count = 0; !resident.full() && row->step(); ++count) {
        last = row->text(4);
        ResidentRow there;
        if (!resident.find(last, there)) static_cast<void>(resident.put(row_of(*row, last)));
      }
    });
    return count == kPreloadedAtOnce;
  }

  /// In the mapped pages, or with the database where those do not have the answer.
  template <typename Key, typename Keep>
  bool read_by(Key key, const Query& query, ProfileRecord& record, const Keep& keep) {
    bool found = false;
    ++stats.misses;
    repeat([&] {
      if (!held) begin();
      ResidentRow row;
      const auto search = stored ? stored->find(key, row) : StoredProfiles::Search::kUnknown;
      if (search != StoredProfiles::Search::kUnknown) ++stats.mapped;
      found = search != StoredProfiles::Search::kAbsent;
      if (!found) return;
      std::optional<Rewound> rewound;  // its row is read until the end of this
      if (search == StoredProfiles::Search::kUnknown) {
        rewound.emplace(query);
        found = bind(query, key).step();
        if (!found) return;
        row = row_of(*query, name_of(key));
      }
      found = fill(row, record);
      if (found) keep(row);
    });
    return found;
  }

  static auto& bind(const Query& query, std::string_view name) { return query->bind_view(1, name); }
  static auto& bind(const Query& query, std::int64_t id) { return query->bind(1, id); }
  static std::string_view name_of(std::string_view name) { return name; }
  static std::string_view name_of(std::int64_t /*id*/) { return {}; }

  Registry registry;
  Database& database;
  std::optional<CommitWatch> watch;  ///< of registry.db; elsewhere time has to do
  ResidentProfiles resident;
  std::optional<StoredProfiles> stored;  ///< of registry.db
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
    there = impl_->read(id.value, record);
  }
  record.name.clear();
  return there;
}

bool ProfileReader::stale() const { return impl_->stale(); }

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
