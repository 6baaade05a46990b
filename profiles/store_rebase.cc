// Profiles are brought to another version of their pool: rows are read, widened and written again,
// many in one transaction.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "pema/audit.h"
#include "pema/error.h"
#include "pema/operating.h"
#include "profiles/pool_versions.h"
#include "profiles/retired_adapters.h"
#include "profiles/sealed_row.h"
#include "profiles/store_impl.h"

namespace pema {
namespace {

using profiles::Registry;
using profiles::Setting;
using profiles::sql::Query;

constexpr const char* kStage = "rebasing profiles";

/// A row of `profile`, as it is stored.
struct Row {
  std::int64_t id = 0;
  std::int64_t generation = 0;
  std::int64_t setting = 0;
  std::vector<std::byte> data;
};

Row read_row(const Query& row) {
  const std::span<const std::byte> data = row->blob(3);
  return {row->integer(0), row->integer(1), row->integer(2), {data.begin(), data.end()}};
}

void widen(BitMask& bits, std::int64_t size) {
  if (bits.size() > 0) bits = BitMask::from_indices(size, bits.indices());
}

void widen(std::vector<float>& weights, std::int64_t size) {
  if (!weights.empty()) weights.resize(static_cast<std::size_t>(size), 0.0F);
}

/// Zeros for the adapters that came.
void widen(ProfileMask& mask, std::int64_t size) {
  widen(mask.down, size);
  widen(mask.up, size);
  widen(mask.down_weights, size);
  widen(mask.up_weights, size);
}

/// One call of rebase_profiles.
class Rebase {
 public:
  Rebase(Registry& registry, PoolRecord to, const RebaseOptions& options, bool tell_masks)
      : registry_(registry),
        database_(registry.database()),
        to_(std::move(to)),
        options_(options),
        tell_masks_(tell_masks) {}

  RebaseReport everybody(const std::function<void(std::span<const Digest>)>& finish) {
    std::vector<PoolRecord> older;
    for (PoolRecord& pool : registry_.pools()) {
      if (pool.name == to_.name && pool.version < to_.version) older.push_back(std::move(pool));
    }
    std::int64_t total = 0;
    for (const PoolRecord& pool : older) {
      const std::int64_t users = registry_.pool_users(pool.id, {}, 0).profiles;
      if (users > 0) profiles::check_growth(registry_, pool, to_);
      total += users;
    }
    for (const PoolRecord& pool : older) {
      from_ = &pool;
      for (std::int64_t after = 0; after >= 0;) {
        checkpoint(options_.progress, kStage, report_.rebased, total, "profiles");
        std::int64_t last = -1;
        commit(finish, [&] {
          const std::vector<Row> rows = page(after);
          for (const Row& row : rows) write(row, {});
          last = std::ssize(rows) < options_.rows_per_commit ? -1 : rows.back().id;
        });
        after = last;
      }
    }
    name_refused();
    return std::move(report_);
  }

  RebaseReport some(std::span<const std::string> names,
                    const std::function<void(std::span<const Digest>)>& finish) {
    std::map<PoolId, PoolRecord> pools;
    for (const std::string& name : names) check(require(name), name, pools);
    for (std::size_t at = 0; at < names.size();) {
      checkpoint(options_.progress, kStage, static_cast<std::int64_t>(at), std::ssize(names),
                 "profiles");
      const std::size_t end =
          std::min(names.size(), at + static_cast<std::size_t>(options_.rows_per_commit));
      commit(finish, [&] {
        for (const std::string& name : names.subspan(at, end - at)) {
          // Again: somebody may have replaced it since.
          const ProfileRecord profile = require(name);
          from_ = check(profile, name, pools);
          if (from_ == nullptr) {
            ++report_.already;
            continue;
          }
          Query row =
              database_.query("SELECT id, generation, setting, data FROM profile WHERE id = ?1");
          PEMA_ASSERT(row->bind(1, profile.id.value).step());
          const Row found = read_row(row);
          row->run();
          write(found, name);
        }
      });
      at = end;
    }
    name_refused();
    return std::move(report_);
  }

 private:
  struct Change {
    Setting before;
    Setting after;
  };

  [[nodiscard]] ProfileRecord require(const std::string& name) {
    std::optional<ProfileRecord> profile = registry_.find_profile(name);
    PEMA_CHECK(profile.has_value(), kNotFound, registry_.folder(), ": there is no profile '", name,
               "'; list them with `pema profile ls`");
    return *std::move(profile);
  }

  /// The version that the profile is over, once it is sure that it can be rebased from there; null
  /// when it is where it should be.
  const PoolRecord* check(const ProfileRecord& profile, const std::string& name,
                          std::map<PoolId, PoolRecord>& pools) {
    PEMA_CHECK(profile.pool.value != 0, kInvalidArgument, "profile '", name,
               "' has no pool to be rebased from");
    if (profile.pool == to_.id) return nullptr;
    const auto found = pools.find(profile.pool);
    if (found != pools.end()) return &found->second;
    std::optional<PoolRecord> pool = registry_.find_pool(profile.pool);
    PEMA_ASSERT(pool.has_value());
    profiles::check_growth(registry_, *pool, to_);
    return &pools.emplace(profile.pool, *std::move(pool)).first->second;
  }

  [[nodiscard]] std::vector<Row> page(std::int64_t after) {
    std::vector<Row> rows;
    Query row = database_.query(
        "SELECT id, generation, setting, data FROM profile WHERE id > ?1 AND "
        "setting IN (SELECT id FROM setting WHERE pool = ?2) ORDER BY id LIMIT ?3");
    row->bind(1, after).bind(2, from_->id.value).bind(3, options_.rows_per_commit);
    while (row->step()) rows.push_back(read_row(row));
    return rows;
  }

  /// `name`: of a named one, for messages; otherwise it is looked up at the end, where needed.
  void write(const Row& row, const std::string& name) {
    const std::string what =
        name.empty() ? message("profile ", row.id) : message("profile '", name, "'");
    std::optional<profiles::PlainRow> plain;
    if (registry_.encrypted()) {
      plain = profiles::open_row(registry_.keys(), row.id, row.data);
      if (!plain) return;  // erased, and back with a backup: nobody can read it
    }
    const Change& change = change_of(row.setting, what);
    ProfileRecord& record = record_;
    profiles::decode_row(plain ? std::span<const std::byte>(plain->data) : row.data, change.before,
                         what, record);
    if (record.schedule.gate && from_->gate_object != to_.gate_object) {
      refuse(row.id, plain ? plain->name : name);
      return;
    }
    if (tell_masks_ && !record.mask.none()) masks_.insert(record.mask.digest());
    const std::vector<SegmentId> beside = beside_setting(record, change.before);
    widen(record.mask, to_.info.adapters);
    data_.clear();
    profiles::encode_row(data_, change.after, record.schedule, record.mask, beside);
    if (plain) seal(row, plain->name, what);
    pending_.push_back({row.id, row.generation + 1, row.setting, data_});
    ++counts_[row.setting];
  }

  static std::vector<SegmentId> beside_setting(const ProfileRecord& record, const Setting& before) {
    std::vector<SegmentId> beside;
    std::set_difference(record.segments.begin(), record.segments.end(), before.segments.begin(),
                        before.segments.end(), std::back_inserter(beside));
    return beside;
  }

  /// What becomes of a setting.
  const Change& change_of(std::int64_t setting, const std::string& what) {
    const auto found = changes_.find(setting);
    if (found != changes_.end()) return found->second;
    Change change;
    change.before = registry_.settings().get(setting, what);
    change.after = change.before;
    change.after.id = 0;
    change.after.pool = to_.id;
    if (change.after.mask.size > 0) change.after.mask.size = to_.info.adapters;
    return changes_.emplace(setting, std::move(change)).first->second;
  }

  void seal(const Row& row, const std::string& name, const std::string& what) {
    profiles::KeyStore& keys = registry_.keys();
    const std::int64_t key_id = profiles::key_of_row(row.data, what);
    const std::optional<profiles::DataKey> key = keys.find(key_id);
    PEMA_ASSERT(key.has_value());
    std::vector<std::byte> sealed = profiles::seal_row(keys, row.id, key_id, *key, name, data_);
    profiles::wipe(data_);
    data_ = std::move(sealed);
  }

  void refuse(std::int64_t id, const std::string& name) {
    refused_.push_back(ProfileId{id});
    report_.refused.push_back(
        {name, message("it is weighed by its pool's gate, and version ", to_.version,
                       " has another one; enrol it again, or switch the gate off (`pema profile "
                       "set --no-gate`)")});
  }

  /// Widens what `body` chooses, in one transaction.
  void commit(const std::function<void(std::span<const Digest>)>& finish,
              const std::function<void()>& body) {
    const RebaseReport report = report_;
    const std::size_t refused = refused_.size();
    registry_.write([&] {
      report_ = report;
      refused_.resize(refused);
      pending_.clear();
      counts_.clear();
      masks_.clear();
      changes_.clear();  // a setting may go with its last profile, in another process
      body();
      if (!pending_.empty()) store();
    });
    if (pending_.empty()) return;
    report_.rebased += std::ssize(pending_);
    finish(std::vector<Digest>(masks_.begin(), masks_.end()));
  }

  void store() {
    profiles::RetiredAdapters(database_).require_pool(to_.id);
    for (const auto& [setting, count] : counts_) {
      registry_.settings().add_profiles(changes_.at(setting).after, count);
    }
    std::vector<std::int64_t> changed;
    {
      Query row = database_.query(
          "UPDATE profile SET generation = ?2, setting = ?3, data = ?4 WHERE id = ?1");
      for (const Row& wide : pending_) {
        row->bind(1, wide.id)
            .bind(2, wide.generation)
            .bind(3, changes_.at(wide.setting).after.id)
            .bind_view(4, wide.data)
            .run_again();
        changed.push_back(wide.id);
      }
    }
    registry_.settings().drop_profiles(counts_);
    profiles::note_changes(registry_.database(), changed);
    static_cast<void>(registry_.note(AuditKind::kRebased, std::ssize(pending_)));
  }

  void name_refused() {
    if (refused_.empty()) return;
    const std::vector<std::string> names = registry_.profile_names(refused_);
    for (std::size_t i = 0; i < names.size(); ++i) report_.refused[i].name = names[i];
  }

  Registry& registry_;
  profiles::sql::Database& database_;
  PoolRecord to_;
  const RebaseOptions& options_;
  bool tell_masks_;
  const PoolRecord* from_ = nullptr;
  RebaseReport report_;
  std::vector<ProfileId> refused_;  ///< as report_.refused

  // Of one transaction.
  std::unordered_map<std::int64_t, Change> changes_;  ///< by the number of the setting before
  std::vector<Row> pending_;                          ///< widened; their settings are those before
  std::map<std::int64_t, std::int64_t> counts_;       ///< profiles by setting before
  std::set<Digest> masks_;
  std::vector<std::byte> data_;
  ProfileRecord record_;
};

}  // namespace

RebaseReport Store::rebase_profiles(PoolId to, std::span<const std::string> names,
                                    const RebaseOptions& options) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  PEMA_CHECK(options.rows_per_commit > 0, kInvalidArgument, "a commit of ", options.rows_per_commit,
             " rows holds no profile");
  std::optional<PoolRecord> pool = registry.find_pool(to);
  PEMA_CHECK(pool.has_value(), kNotFound, folder(), ": there is no pool ", to.value,
             "; list them with `pema pool ls`");
  Rebase rebase(registry, *std::move(pool), options, static_cast<bool>(impl_->listener));
  const auto finish = [&](std::span<const Digest> masks) { impl_->finish_write(masks); };
  if (names.empty()) return rebase.everybody(finish);
  std::vector<std::string> once(names.begin(), names.end());
  std::sort(once.begin(), once.end());
  once.erase(std::unique(once.begin(), once.end()), once.end());
  return rebase.some(once, finish);
}

}  // namespace pema
