// How a batch is written to a database that is a round trip away: what is there is asked for many
// names at a time, new rows go through insert_many, and replaced ones through for_each.
#include <algorithm>
#include <string>
#include <utility>

#include "pema/error.h"
#include "profiles/profile_batch.h"
#include "profiles/registry.h"

namespace pema::profiles {
namespace {

/// Names that one statement asks for.
constexpr std::size_t kNames = 64;

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

/// "... IN (?1, ?2, ..., ?64)".
std::string question() {
  std::string sql = "SELECT name, profile FROM profile_name WHERE name IN (";
  for (std::size_t i = 1; i <= kNames; ++i) sql += message(i == 1 ? "?" : ", ?", i);
  return sql + ")";
}

void no_rows(std::int64_t, const sql::Statement&) {}

}  // namespace

void ProfileBatch::write_many(OnExisting on_existing) {
  PEMA_ASSERT(!registry_.encrypted());
  std::vector<const Entry*> first;  // of each name
  std::vector<const Entry*> later;
  for (const Entry* entry : in_name_order()) {
    const bool again = !first.empty() && name_of(*first.back()) == name_of(*entry);
    (again ? later : first).push_back(entry);
  }
  const std::vector<std::int64_t> numbers = numbers_of(first);
  std::vector<const Entry*> fresh;
  std::vector<const Entry*> known;
  for (std::size_t i = 0; i < first.size(); ++i) {
    (numbers[i] == 0 ? fresh : known).push_back(first[i]);
  }
  if (on_existing == OnExisting::kRefuse) {
    if (!known.empty()) refuse_existing(name_of(*known.front()));
    if (!later.empty()) refuse_existing(name_of(*later.front()));
  }
  insert_many(fresh);
  replace_many(known);
  for (const Entry* entry : later) replace(*entry);
}

std::vector<std::int64_t> ProfileBatch::numbers_of(std::span<const Entry* const> entries) {
  sql::Database& database = registry_.database();
  std::vector<std::int64_t> numbers(entries.size(), 0);
  if (database.integer("SELECT EXISTS (SELECT 1 FROM profile_name)") == 0) return numbers;
  static const std::string kQuestion = question();
  database.for_each(
      kQuestion, static_cast<std::int64_t>((entries.size() + kNames - 1) / kNames),
      [&](std::int64_t item, sql::Statement& names) {
        for (std::size_t i = 0; i < kNames; ++i) {
          // The last question repeats the last name, so that one statement serves all.
          const std::size_t index = std::min(kNames * at(item) + i, entries.size() - 1);
          names.bind_view(static_cast<int>(i) + 1, name_of(*entries[index]));
        }
      },
      [&](std::int64_t, const sql::Statement& row) {
        const std::string name = row.text(0);
        const auto found = std::lower_bound(entries.begin(), entries.end(), name,
                                            [&](const Entry* entry, const std::string& wanted) {
                                              return name_of(*entry) < wanted;
                                            });
        PEMA_ASSERT(found != entries.end());
        numbers[static_cast<std::size_t>(found - entries.begin())] = row.integer(1);
      });
  return numbers;
}

std::vector<std::int64_t> ProfileBatch::new_generations(std::span<const Entry* const> entries) {
  sql::Database& database = registry_.database();
  const std::int64_t floor = registry_.generation_floor();
  std::vector<std::int64_t> generations(entries.size(), floor + 1);
  if (database.integer("SELECT EXISTS (SELECT 1 FROM removed)") == 0) return generations;
  database.for_each(
      "DELETE FROM removed WHERE name_hash = ?1 RETURNING generation", std::ssize(entries),
      [&](std::int64_t i, sql::Statement& row) {
        row.bind(1, name_hash(name_of(*entries[at(i)])));
      },
      [&](std::int64_t i, const sql::Statement& row) {
        generations[at(i)] = std::max(row.integer(0), floor) + 1;
      });
  return generations;
}

void ProfileBatch::insert_many(std::span<const Entry* const> entries) {
  if (entries.empty()) return;
  sql::Database& database = registry_.database();
  const std::int64_t last = database.integer("SELECT value FROM counter WHERE name = 'profile'");
  const std::vector<std::int64_t> generations = new_generations(entries);
  constexpr std::string_view kRow[] = {"id", "generation", "setting", "data"};
  database.insert_many("profile", kRow, std::ssize(entries),
                       [&](std::int64_t i, sql::Statement& row) {
                         const Entry& entry = *entries[at(i)];
                         row.bind(1, last + 1 + i)
                             .bind(2, generations[at(i)])
                             .bind(3, entry.use->setting.id)
                             .bind_view(4, data_of(entry));
                       });
  constexpr std::string_view kName[] = {"name", "profile"};
  database.insert_many("profile_name", kName, std::ssize(entries),
                       [&](std::int64_t i, sql::Statement& row) {
                         row.bind_view(1, name_of(*entries[at(i)])).bind(2, last + 1 + i);
                       });
  std::int64_t id = last;
  for (const Entry* entry : entries) {
    watch_new(*entry, ++id);
    count_segments(*entry);
  }
  sql::Query counter = database.query("UPDATE counter SET value = ?1 WHERE name = 'profile'");
  counter->bind(1, last + std::ssize(entries)).run();
}

void ProfileBatch::replace_many(std::span<const Entry* const> entries) {
  struct Old {
    std::int64_t id = 0;
    std::int64_t generation = 0;
    std::int64_t setting = 0;
    std::vector<std::byte> data;
  };
  sql::Database& database = registry_.database();
  std::vector<Old> rows(entries.size());
  database.for_each(
      "SELECT profile, generation, setting, data FROM profile_name LEFT JOIN profile "
      "ON id = profile WHERE name = ?1",
      std::ssize(entries),
      [&](std::int64_t i, sql::Statement& row) { row.bind_view(1, name_of(*entries[at(i)])); },
      [&](std::int64_t i, const sql::Statement& row) {
        const std::span<const std::byte> data = row.blob(3);
        rows[at(i)] = {row.integer(0), row.integer(1), row.integer(2), {data.begin(), data.end()}};
      });
  // What these need of other tables cannot be asked for in between.
  for (std::size_t i = 0; i < entries.size(); ++i) {
    take_back(*entries[i], rows[i].id, rows[i].setting, rows[i].data);
    count_segments(*entries[i]);
    changed_.push_back(rows[i].id);
  }
  database.for_each(
      "UPDATE profile SET generation = ?2, setting = ?3, data = ?4 WHERE id = ?1",
      std::ssize(entries),
      [&](std::int64_t i, sql::Statement& row) {
        row.bind(1, rows[at(i)].id)
            .bind(2, rows[at(i)].generation + 1)
            .bind(3, entries[at(i)]->use->setting.id)
            .bind_view(4, data_of(*entries[at(i)]));
      },
      no_rows);
}

}  // namespace pema::profiles
