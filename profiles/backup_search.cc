#include "profiles/backup_search.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "pema/audit.h"
#include "pema/error.h"
#include "profiles/backup_folder.h"
#include "profiles/backup_note.h"
#include "profiles/migrations.h"
#include "profiles/profile_batch.h"
#include "profiles/registry_address.h"

namespace pema::profiles {
namespace {

constexpr std::int64_t kNamesApart = 5;      // the schema from which names have a table
constexpr std::int64_t kMayBeEncrypted = 6;  // the schema from which a store may be encrypted
constexpr const char* kUnfinishedNote =
    "a backup is being written there, or was cut short, and may hold her: when a newer one is "
    "complete, erase her again";
constexpr const char* kRemainsNote =
    "what is left of a backup whose deletion was cut short may hold her: delete this folder";
constexpr const char* kPresentNote =
    "the person is in it; delete the backup when a newer one is complete, or restore it into a "
    "folder, erase her there and keep that instead";
constexpr const char* kHashNote =
    "a hash of her name is in it, since she had been removed by then; delete the backup when a "
    "newer one is complete";
constexpr const char* kSealedNote =
    "her row is there and cannot be read: it was sealed with the key that was erased";
constexpr const char* kSealedHashNote =
    "a hash of what stood for her name is there, from which nothing can be read";
constexpr const char* kOthersNote =
    "it is of another store, which is encrypted; whoever she is there is erased from that one";

bool is_there(const std::string& path) {
  std::error_code unknown;
  return std::filesystem::exists(path, unknown);
}

bool has_store(const std::string& folder) {
  return is_there(folder + "/registry.db") || is_there(address_file(folder));
}

/// Where a path leads, links followed as far as they go: two spellings of one place are one.
std::string place_of(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path place = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : place.string();
}

std::vector<std::byte> mark_of(sql::Database& database) {
  sql::Query row = database.query("SELECT mark FROM encryption");
  if (!row->step()) return {};
  const std::span<const std::byte> mark = row->blob(0);
  return {mark.begin(), mark.end()};
}

/// True when somebody was enrolled before the store was encrypted: backups of then are plain.
bool had_people_when_plain(sql::Database& database) {
  constexpr std::int64_t kPage = 100;
  std::int64_t after = 0;
  for (std::vector<AuditEvent> page; !(page = read_events(database, after, kPage)).empty();
       after = page.back().sequence) {
    for (const AuditEvent& event : page) {
      if (event.kind == AuditKind::kEncrypted) return false;
      if (event.kind == AuditKind::kEnrolled) return true;
    }
  }
  return true;
}

/// A store that is read as it is, without being brought to the newest schema.
class OpenedBackup {
 public:
  /// Throws as Store::open.
  explicit OpenedBackup(const std::string& path) {
    if (is_there(address_file(path))) {
      database_ = open_tables(path, OpenMode::kReadOnly, {}).database;
      schema_ = migrations().back().version;
      return;
    }
    auto file = std::make_unique<sqlite::Database>(path + "/registry.db", OpenMode::kReadOnly);
    schema_ = known_schema(*file, migrations());
    database_ = std::move(file);
  }

  /// Of the keys that it is encrypted with; empty when it is not.
  [[nodiscard]] std::vector<std::byte> mark() {
    return schema_ < kMayBeEncrypted ? std::vector<std::byte>() : mark_of(*database_);
  }
  [[nodiscard]] bool has_person(std::string_view stored_name) {
    sql::Query row =
        database_->query(schema_ < kNamesApart ? "SELECT 1 FROM profile WHERE name = ?1"
                                               : "SELECT 1 FROM profile_name WHERE name = ?1");
    return row->bind(1, stored_name).step();
  }
  [[nodiscard]] bool has_hash(std::string_view stored_name) {
    sql::Query row = database_->query("SELECT 1 FROM removed WHERE name_hash = ?1");
    return row->bind(1, name_hash(stored_name)).step();
  }

 private:
  std::unique_ptr<sql::Database> database_;
  std::int64_t schema_ = 0;
};

}  // namespace

std::vector<ErasedPlace> BackupSearch::run(const std::vector<std::string>& named) {
  all_sealed_ = store_.encrypted() && !had_people_when_plain(store_.database());
  for (const Folder& folder : gather(named)) look_into(folder);
  return std::move(entries_);
}

std::vector<BackupSearch::Folder> BackupSearch::gather(const std::vector<std::string>& named) {
  std::vector<Folder> folders;
  std::vector<std::string> places;
  const auto folder_at = [&](const std::string& path) -> Folder& {
    const std::string place = place_of(path);
    const auto found = std::find(places.begin(), places.end(), place);
    if (found != places.end()) return folders[static_cast<std::size_t>(found - places.begin())];
    places.push_back(place);
    return folders.emplace_back(Folder{.path = path});
  };
  for (const std::string& path : named) folder_at(absolute_folder(path)).named = true;
  for (BackupFolder& known : read_backup_folders(store_.database())) {
    Folder& folder = folder_at(known.path);
    // Two spellings of one place: what one of them had is in it.
    if (!folder.known || folder.known->newest < known.newest) folder.known = std::move(known);
  }
  return folders;
}

void BackupSearch::look_into(const Folder& folder) {
  const std::size_t before = entries_.size();
  std::vector<FoundBackup> found;
  try {
    found = find_backups(folder.path);
  } catch (const Error& error) {
    add_unreachable(folder, folder.path, error.what());
    return;
  }
  bool complete = false;
  for (const FoundBackup& backup : found) {
    switch (backup.state) {
      case BackupState::kComplete:
        complete = true;
        look_into_store(backup.path);
        break;
      case BackupState::kUnfinished:
        add_incomplete(folder, backup.path, kUnfinishedNote);
        break;
      case BackupState::kRemains:
        add_incomplete(folder, backup.path, kRemainsNote);
        break;
      case BackupState::kUnreadable:
        complete = true;
        add_unreachable(folder, backup.path, backup.why);
        break;
    }
  }
  if (folder.named && has_store(folder.path)) {
    complete = true;
    look_into_store(folder.path);
  }
  if (complete) return;
  // The folder in which a disk is mounted is there without the disk, too.
  if (folder.named || folder.known->backups > 0) {
    add_unreachable(folder, folder.path, "there is no complete backup in it");
  } else if (entries_.size() == before) {
    entries_.push_back({.place = ErasurePlace::kBackup,
                        .where = folder.path,
                        .note = "no backup was completed there, as far as the store knows"});
  }
}

void BackupSearch::look_into_store(const std::string& path) {
  if (!seen_.insert(place_of(path)).second) return;
  ErasedPlace entry{.place = ErasurePlace::kBackup, .where = path};
  try {
    entry = find_in(path);
  } catch (const Error& error) {
    const bool unreachable = error.code() == ErrorCode::kIo || error.code() == ErrorCode::kNotFound;
    entry.state = unreachable ? ErasureState::kUnreachable : ErasureState::kKept;
    entry.note = message("it cannot be looked through: ", error.what());
  }
  entries_.push_back(std::move(entry));
}

ErasedPlace BackupSearch::find_in(const std::string& path) {
  ErasedPlace entry{.place = ErasurePlace::kBackup, .where = path};
  OpenedBackup backup(path);
  const std::vector<std::byte> mark = backup.mark();
  // A store keeps its mark for life, and is encrypted before anybody is in it.
  if (!mark.empty() && mark != mark_of(store_.database())) {
    entry.note = kOthersNote;
    return entry;
  }
  const std::string stored = mark.empty() ? std::string(name_) : store_.stored_name(name_);
  const bool person = backup.has_person(stored);
  if (!person && !backup.has_hash(stored)) return entry;
  entry.items = 1;
  if (!mark.empty()) return sealed(std::move(entry), person ? kSealedNote : kSealedHashNote);
  entry.state = ErasureState::kKept;
  entry.note = person ? kPresentNote : kHashNote;
  return entry;
}

void BackupSearch::add_incomplete(const Folder& folder, const std::string& path, const char* note) {
  if (!seen_.insert(place_of(path)).second) return;
  ErasedPlace entry{.place = ErasurePlace::kBackup, .where = path};
  if (folder.known && all_sealed_) {
    entries_.push_back(sealed(std::move(entry),
                              "not complete; what it may have of her cannot be read: it was sealed "
                              "with the key that was erased"));
    return;
  }
  entry.state = ErasureState::kPending;
  entry.note = note;
  entries_.push_back(std::move(entry));
}

void BackupSearch::add_unreachable(const Folder& folder, const std::string& path,
                                   const std::string& why) {
  if (!seen_.insert(place_of(path)).second) return;
  ErasedPlace entry{
      .place = ErasurePlace::kBackup, .state = ErasureState::kUnreachable, .where = path};
  if (folder.known && all_sealed_) {
    entries_.push_back(sealed(
        std::move(entry), message("not looked through (", why,
                                  "); what backups of this store have of her cannot be read: it "
                                  "was sealed with the key that was erased")));
    return;
  }
  entry.note = message("not looked through (", why, ")");
  if (folder.known && folder.known->backups > 0) {
    entry.note += message("; the store made ", folder.known->backups,
                          folder.known->backups == 1 ? " backup" : " backups",
                          " there, the newest of ", folder.known->newest);
  }
  entry.note += "; she may be there: erase her again when it can be read";
  if (folder.known) {
    entry.note +=
        ", or have the store forget the folder if its backups are gone for good (`pema store "
        "backups --forget`)";
  }
  entries_.push_back(std::move(entry));
}

ErasedPlace BackupSearch::sealed(ErasedPlace entry, std::string note) {
  const bool waits = store_.database().integer("SELECT count(*) FROM doomed_key") > 0;
  entry.state = waits ? ErasureState::kPending : ErasureState::kErased;
  entry.note = waits ? "can be read until her key is deleted; see the place keys" : std::move(note);
  return entry;
}

}  // namespace pema::profiles
