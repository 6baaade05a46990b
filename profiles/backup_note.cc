#include "profiles/backup_note.h"

#include "pema/error.h"
#include "profiles/backup_folder.h"
#include "profiles/sql/transaction.h"

namespace pema::profiles {

std::vector<BackupFolder> read_backup_folders(sql::Database& database) {
  std::vector<BackupFolder> folders;
  sql::Query row = database.query("SELECT path, newest, backups FROM backup_folder ORDER BY path");
  while (row->step()) {
    folders.push_back({.path = row->text(0),
                       .newest = row->null(1) ? std::string() : row->text(1),
                       .backups = row->integer(2)});
  }
  return folders;
}

void write_backup_folder(sql::Database& database, const BackupFolder& folder) {
  check_text(folder.path, "backup folder's path");
  sql::Query row = database.query(
      "INSERT INTO backup_folder (path, newest, backups) VALUES (?1, ?2, ?3) ON CONFLICT (path) DO "
      "UPDATE SET newest = excluded.newest, backups = excluded.backups");
  row->bind(1, std::string_view(folder.path))
      .bind_name(2, folder.newest)
      .bind(3, folder.backups)
      .run();
}

bool drop_backup_folder(sql::Database& database, std::string_view path) {
  sql::Query row = database.query("DELETE FROM backup_folder WHERE path = ?1");
  row->bind(1, path).run();
  return row->changes() > 0;
}

BackupNote::BackupNote(Registry& store, const std::string& folder)
    : store_(store), path_(absolute_folder(folder)) {}

void BackupNote::begin() {
  attempt([&] {
    if (!known()) write({.path = path_});
  });
}

void BackupNote::finish(const std::string& newest, std::int64_t backups) {
  attempt([&] { write({.path = path_, .newest = newest, .backups = backups}); });
}

bool BackupNote::known() {
  sql::Query row = store_.database().query("SELECT 1 FROM backup_folder WHERE path = ?1");
  return row->bind(1, std::string_view(path_)).step();
}

void BackupNote::attempt(const std::function<void()>& action) {
  if (store_.file() == nullptr) return;  // the backup will be refused
  try {
    action();
    failure_.clear();
  } catch (const Error& error) {
    failure_ = message(store_.folder(), ": could not note that backups of it are in ", path_, " (",
                       error.what(), "); name that folder with --backups when somebody is erased");
  }
}

void BackupNote::write(const BackupFolder& folder) {
  if (!store_.database().read_only()) {
    store_.write([&] { write_backup_folder(store_.database(), folder); });
    store_.sync_log();  // a backup is on the disk whatever the mode, so its note is too
    return;
  }
  sqlite::Database file(store_.database().path(), OpenMode::kReadWrite);
  sql::run_transaction(file, sql::TransactionKind::kWrite,
                       [&] { write_backup_folder(file, folder); });
}

}  // namespace pema::profiles
