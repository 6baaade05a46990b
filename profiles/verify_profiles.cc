#include "profiles/verify_profiles.h"

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

#include "pema/error.h"
#include "profiles/sql/pages.h"

namespace pema::profiles {
namespace {

using sql::Database;
using sql::Query;
using sql::Statement;

constexpr const char* kRestore = "; restore registry.db from a backup";
/// Stands for the profile in what is wrong with it, until names are looked up.
constexpr std::string_view kWho = "the profile";

struct PoolFacts {
  std::int64_t adapters = 0;
  bool gate = false;
};

struct Row {
  std::int64_t id = 0;
  std::string why;
};

/// Walks the tables once each.
class Walk {
 public:
  Walk(Registry& registry, std::vector<Damage>& damage, std::map<SegmentId, std::int64_t>& readers)
      : registry_(registry), database_(registry.database()), damage_(damage), readers_(readers) {}

  bool run() {
    registry_.settings().forget();
    read_pools();
    read_rows();
    read_names();
    compare_settings();
    tell();
    return all_read_;
  }

 private:
  void read_pools() {
    Query row = database_.query("SELECT id, adapters, gate FROM pool");
    while (row->step()) pools_[row->integer(0)] = {row->integer(1), !row->null(2)};
  }

  void read_rows() {
    sql::read_pages(database_,
                    "SELECT id, generation, setting, data FROM profile WHERE id > ?1 ORDER BY id "
                    "LIMIT ?2",
                    std::numeric_limits<std::int64_t>::min(), [&](const Statement& row) {
                      read_row(row);
                      return true;
                    });
  }

  void read_row(const Statement& row) {
    rows_.push_back(row.integer(0));
    try {
      static_cast<void>(row.integer(1));
      ++settings_[row.integer(2)];
      check_row(rows_.back(), row.integer(2), row.blob(3));
    } catch (const sql::TransientError&) {
      throw;
    } catch (const Error& error) {
      broken_.push_back({rows_.back(), error.what()});
    }
  }

  void check_row(std::int64_t profile, std::int64_t setting, std::span<const std::byte> data) {
    if (locked_ || !registry_.read_row(profile, 1, setting, data, kWho, record_)) {
      all_read_ = false;
      return;
    }
    if (registry_.encrypted()) tokens_[profile] = registry_.stored_name(record_.name);
    for (const SegmentId id : record_.segments) ++readers_[id];
    const auto found = pools_.find(record_.pool.value);
    const PoolFacts pool = found == pools_.end() ? PoolFacts{} : found->second;
    PEMA_CHECK(record_.mask.size() <= pool.adapters, kCorrupt, kWho,
               ": its mask is longer than its pool; enrol the profile again");
    PEMA_CHECK(pool.gate || !record_.schedule.gate, kCorrupt, kWho,
               ": it uses a gate that its pool does not have; enrol the profile again");
  }

  /// Each row must have one name and each name its row.
  void read_names() {
    std::vector<std::int64_t> named;
    named.reserve(rows_.size());
    sql::read_pages(database_,
                    "SELECT name, profile FROM profile_name WHERE name > ?1 ORDER BY name LIMIT ?2",
                    std::string(), [&](const Statement& row) {
                      named.push_back(row.integer(1));
                      read_name(named.back(), row.text(0));
                      return true;
                    });
    std::sort(named.begin(), named.end());
    for (std::size_t i = 1; i < named.size(); ++i) {
      if (named[i] == named[i - 1]) {
        damage_.push_back({message("profile ", named[i]), message("has two names", kRestore)});
      }
    }
    for (const std::int64_t id : rows_) {
      if (!std::binary_search(named.begin(), named.end(), id)) {
        damage_.push_back({message("profile ", id), message("has no name", kRestore)});
      }
    }
  }

  void read_name(std::int64_t id, const std::string& name) {
    if (!std::binary_search(rows_.begin(), rows_.end(), id)) {
      damage_.push_back(
          {"profile '" + name + "'", message("has a name and no row ", id, kRestore)});
    }
    const auto token = tokens_.find(id);
    if (token != tokens_.end() && token->second != name) {
      damage_.push_back(
          {message("profile ", id), message("stands under another one's name", kRestore)});
    }
    if (is_broken(id)) names_.emplace(id, name);
  }

  [[nodiscard]] bool is_broken(std::int64_t id) const {
    const auto found =
        std::lower_bound(broken_.begin(), broken_.end(), id,
                         [](const Row& row, std::int64_t at) { return row.id < at; });
    return found != broken_.end() && found->id == id;
  }

  void compare_settings() {
    Query row = database_.query("SELECT id, profiles FROM setting");
    while (row->step()) {
      const auto found = settings_.find(row->integer(0));
      const std::int64_t there = found == settings_.end() ? 0 : found->second;
      if (there == row->integer(1)) continue;
      damage_.push_back(
          {message("setting ", row->integer(0)),
           message("its row counts ", row->integer(1), " profiles, there are ", there, kRestore)});
    }
    Query counter = database_.query("SELECT value FROM counter WHERE name = 'profile'");
    PEMA_CHECK(counter->step() && (rows_.empty() || rows_.back() <= counter->integer(0)), kCorrupt,
               database_.path(), ": the counter of profiles is behind them", kRestore);
  }

  void tell() {
    for (Row& row : broken_) {
      const auto found = names_.find(row.id);
      const std::string who =
          found == names_.end() ? message("profile ", row.id) : "profile '" + found->second + "'";
      std::string why = std::move(row.why);
      if (why.starts_with(kWho)) why.replace(0, kWho.size(), who);
      damage_.push_back({who, std::move(why)});
    }
  }

  Registry& registry_;
  Database& database_;
  std::vector<Damage>& damage_;
  std::map<SegmentId, std::int64_t>& readers_;
  std::unordered_map<std::int64_t, PoolFacts> pools_;
  std::vector<std::int64_t> rows_;                       ///< rising
  std::vector<Row> broken_;                              ///< rising
  std::unordered_map<std::int64_t, std::string> names_;  ///< of the broken
  std::unordered_map<std::int64_t, std::string>
      tokens_;  ///< of an encrypted store's that were read
  std::unordered_map<std::int64_t, std::int64_t> settings_;
  ProfileRecord record_;
  bool locked_ = registry_.encrypted() && (!registry_.has_keys() || !registry_.keys().unlocked());
  bool all_read_ = true;
};

}  // namespace

bool check_profiles(Registry& registry, std::vector<Damage>& damage,
                    std::map<SegmentId, std::int64_t>& readers) {
  return Walk(registry, damage, readers).run();
}

}  // namespace pema::profiles
