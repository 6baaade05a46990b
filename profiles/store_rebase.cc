// Profiles are brought to another version of their pool: which ones, and what keeps one where it
// is.
#include <algorithm>
#include <map>
#include <utility>

#include "pema/error.h"
#include "pema/operating.h"
#include "profiles/pool_versions.h"
#include "profiles/store_impl.h"
#include "profiles/wide_rows.h"

namespace pema {
namespace {

using profiles::ProfileRow;
using profiles::Registry;
using profiles::WideRows;
using profiles::sql::Query;

constexpr const char* kStage = "rebasing profiles";

/// One call of rebase_profiles.
class Rebase {
 public:
  Rebase(Registry& registry, PoolRecord to, const RebaseOptions& options, bool tell_masks)
      : registry_(registry),
        database_(registry.database()),
        rows_(registry, std::move(to), tell_masks),
        to_(rows_.to()),
        options_(options) {}

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
          const std::vector<ProfileRow> rows = page(after);
          for (const ProfileRow& row : rows) widen(row, {});
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
          const ProfileRow found = profiles::read_profile_row(row);
          row->run();
          widen(found, name);
        }
      });
      at = end;
    }
    name_refused();
    return std::move(report_);
  }

 private:
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

  [[nodiscard]] std::vector<ProfileRow> page(std::int64_t after) {
    std::vector<ProfileRow> rows;
    Query row = database_.query(
        "SELECT id, generation, setting, data FROM profile WHERE id > ?1 AND "
        "setting IN (SELECT id FROM setting WHERE pool = ?2) ORDER BY id LIMIT ?3");
    row->bind(1, after).bind(2, from_->id.value).bind(3, options_.rows_per_commit);
    while (row->step()) rows.push_back(profiles::read_profile_row(row));
    return rows;
  }

  /// `name`: of a named one; others are looked up at the end, where needed.
  void widen(const ProfileRow& row, std::string name) {
    if (rows_.add(row, *from_, name)) return;
    refused_.push_back(ProfileId{row.id});
    report_.refused.push_back(
        {std::move(name),
         message("it is weighed by its pool's gate, and version ", to_.version,
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
      rows_.clear();
      body();
      if (rows_.size() > 0) rows_.store();
    });
    if (rows_.size() == 0) return;
    report_.rebased += rows_.size();
    finish(rows_.masks());
  }

  void name_refused() {
    if (refused_.empty()) return;
    const std::vector<std::string> names = registry_.profile_names(refused_);
    for (std::size_t i = 0; i < names.size(); ++i) report_.refused[i].name = names[i];
  }

  Registry& registry_;
  profiles::sql::Database& database_;
  WideRows rows_;
  const PoolRecord& to_;
  const RebaseOptions& options_;
  const PoolRecord* from_ = nullptr;
  RebaseReport report_;
  std::vector<ProfileId> refused_;  ///< as report_.refused
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
