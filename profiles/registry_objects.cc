#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "profiles/registry.h"

namespace pema::profiles {

std::vector<NamedObject> Registry::named_objects() {
  std::vector<NamedObject> objects;
  sql::Query row = database_.query(
      "SELECT object, max(bytes) FROM ("
      "SELECT digest AS object, bytes FROM segment UNION ALL "
      "SELECT digest, bytes FROM segment_part UNION ALL "
      "SELECT digest, bytes FROM codebook UNION ALL "
      "SELECT digest, bytes FROM recall_index UNION ALL "
      "SELECT object, -1 FROM pool_block UNION ALL "
      "SELECT shared, -1 FROM pool WHERE shared IS NOT NULL UNION ALL "
      "SELECT gate, -1 FROM pool WHERE gate IS NOT NULL) AS named GROUP BY object ORDER BY object");
  while (row->step()) objects.push_back({row->digest(0), row->integer(1)});
  return objects;
}

void Registry::sweep_doomed() {
  static_cast<void>(sweep_keys());
  // Another process, or a sweep after a running backup, may delete their files.
  for (const Digest& digest : std::exchange(doomed_, {})) {
    if (!names_object(digest)) gone_.push_back(digest);
  }
  if (database_.integer("SELECT EXISTS (SELECT 1 FROM doomed)") == 0) return;
  std::optional<Error> first;
  write([&] { first = delete_doomed(); });
  if (first) throw Error(*first);
}

std::optional<Error> Registry::delete_doomed() {
  const DeletionLock lock(objects_.folder(), DeletionLock::Kind::kDelete);
  if (!lock.held()) return std::nullopt;  // a backup copies them; they stay doomed
  std::vector<Digest> doomed;
  {
    sql::Query row = database_.query("SELECT object FROM doomed");
    while (row->step()) doomed.push_back(row->digest(0));
  }
  // Whoever dropped the rows may have committed without a sync.
  sync_log();
  std::optional<Error> first;
  for (const Digest& digest : doomed) {
    if (!names_object(digest)) {
      gone_.push_back(digest);
      try {
        objects_.remove(digest);
      } catch (const Error& error) {
        if (!first) first = error;
        continue;
      }
    }
    sql::Query done = database_.query("DELETE FROM doomed WHERE object = ?1");
    done->bind(1, digest).run();
  }
  return first;
}

std::vector<Digest> Registry::take_gone() {
  std::sort(gone_.begin(), gone_.end());
  gone_.erase(std::unique(gone_.begin(), gone_.end()), gone_.end());
  return std::exchange(gone_, {});
}

void Registry::tidy() noexcept {
  try {
    sweep_doomed();
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): they stay doomed
  }
}

void Registry::drop_unnamed(std::span<const Digest> objects) {
  if (objects.empty()) return;
  // Doomed first: a commit that failed in its sync lies in the log and would come back after a
  // crash, naming files that are gone. This commit takes its place.
  write([&] {
    for (const Digest& digest : objects) {
      if (!names_object(digest)) doom(digest);
    }
  });
  sweep_doomed();
}

}  // namespace pema::profiles
