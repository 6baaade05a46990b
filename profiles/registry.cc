#include "profiles/registry.h"

#include <chrono>
#include <filesystem>

#include "pema/error.h"
#include "profiles/bundle_meta.h"
#include "profiles/migrations.h"
#include "profiles/staging_folder.h"
#include "profiles/store_copy.h"
#include "src/core/file_system.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kModelColumns =
    "SELECT id, fingerprint, name, architecture, hidden, vocab, path FROM model ";

ModelRecord read_model(const sqlite::Query& row) {
  ModelRecord record;
  record.id.value = row->integer(0);
  record.info.fingerprint = row->digest(1);
  record.info.name = row->text(2);
  record.info.architecture = row->text(3);
  record.info.hidden = row->integer(4);
  record.info.vocab = row->integer(5);
  record.path = row->text(6);
  return record;
}

std::string prepare_folder(const std::string& folder, OpenMode mode) {
  PEMA_CHECK(!folder.empty(), kInvalidArgument, "the store's folder has no name");
  std::string registry = folder + "/registry.db";
  if (mode == OpenMode::kCreate) make_folder(folder + "/objects");
  return registry;
}

/// A missing file is a missing store; say so in the user's words.
std::string require_store(const std::string& registry, const std::string& folder, OpenMode mode) {
  const bool missing = mode != OpenMode::kCreate && !std::filesystem::exists(registry);
  PEMA_CHECK(!missing || !std::filesystem::exists(folder + "/" + kUnfinishedRegistry), kNotFound,
             folder, ": this is an unfinished backup or restore and no store; run it again");
  PEMA_CHECK(!missing, kNotFound, folder, ": there is no store here (", registry,
             " is missing); create one with `pema init`");
  return registry;
}

/// The names of a new store survive a power cut once this returns, whoever made its folders.
void sync_names(const std::string& folder) {
  core::FileSystem& files = core::file_system();
  core::check_file(files.sync_folder(folder), folder, "syncing it");
  const std::string parent = core::folder_of(folder);
  core::check_file(files.sync_folder(parent), parent, "syncing it");
}

}  // namespace

Registry::Registry(const std::string& folder, OpenMode mode, const StoreOptions& options)
    : folder_(folder),
      role_(options.role),
      clock_(options.clock),
      database_(require_store(prepare_folder(folder, mode), folder, mode), mode,
                sqlite::kBusyMilliseconds, options.durability),
      objects_(folder + "/objects") {
  if (mode == OpenMode::kCreate) {
    create_schema(database_, migrations());
    database_
        .sync_log();  // a store without its tables would be none, so `fast` does not count here
    sync_names(folder);
  } else {
    upgrade_schema(database_, migrations());
  }
  open_keys(mode, options.key);
  if (mode != OpenMode::kReadWrite) return;
  objects_.sweep();
  sweep_doomed();
  StagingFolder::sweep(folder_);
  static_cast<void>(empty_erased_log());
}

void Registry::require(Role role) const {
  PEMA_CHECK(role <= role_, kPermission, folder_, ": this call needs the role ", to_string(role),
             ", and the store was opened with ", to_string(role_),
             "; ask somebody who has it, or open the store with that role");
  PEMA_CHECK(!database_.read_only(), kIo, folder_,
             ": the store was opened read-only; open it for writing");
}

std::int64_t Registry::now() const {
  if (clock_) return clock_();
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

ModelRecord Registry::put_model(const ModelInfo& info, const std::string& path) {
  PEMA_CHECK(!info.fingerprint.is_zero() && info.hidden > 0 && info.vocab > 0, kInvalidArgument,
             "a base model has a fingerprint, a width and a vocabulary; '", info.name,
             "' has the sizes ", info.hidden, " and ", info.vocab);
  check_text(info.name, "model name");
  check_text(info.architecture, "model architecture");
  check_text(path, "model path");
  std::optional<ModelRecord> found = find_model(info.fingerprint);
  if (found) {
    PEMA_CHECK(found->info.hidden == info.hidden && found->info.vocab == info.vocab, kMismatch,
               "the base model ", info.fingerprint.hex(), " is registered with sizes ",
               found->info.hidden, " and ", found->info.vocab, ", not ", info.hidden, " and ",
               info.vocab, "; read the model file again");
    sqlite::Query update = database_.query("UPDATE model SET path = ?2 WHERE id = ?1");
    update->bind(1, found->id.value).bind(2, std::string_view(path)).run();
    found->path = path;
    return *found;
  }
  sqlite::Query insert = database_.query(
      "INSERT INTO model (fingerprint, name, architecture, hidden, vocab, path) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
  insert->bind(1, info.fingerprint)
      .bind(2, std::string_view(info.name))
      .bind(3, std::string_view(info.architecture))
      .bind(4, info.hidden)
      .bind(5, info.vocab)
      .bind(6, std::string_view(path))
      .run();
  return {ModelId{database_.last_insert_id()}, info, path};
}

std::vector<ModelRecord> Registry::models() {
  std::vector<ModelRecord> records;
  sqlite::Query row = database_.query(std::string(kModelColumns) + "ORDER BY id");
  while (row->step()) records.push_back(read_model(row));
  return records;
}

std::optional<ModelRecord> Registry::find_model(const Digest& fingerprint) {
  sqlite::Query row = database_.query(std::string(kModelColumns) + "WHERE fingerprint = ?1");
  if (!row->bind(1, fingerprint).step()) return std::nullopt;
  return read_model(row);
}

ModelRecord Registry::require_model(const Digest& fingerprint, std::string_view thing) {
  const std::optional<ModelRecord> record = find_model(fingerprint);
  PEMA_CHECK(record.has_value(), kNotFound, thing, " was made for the base model ",
             fingerprint.hex(), ", which is not registered in ", folder_,
             "; register it with put_model (`pema init`)");
  return *record;
}

void check_text(std::string_view text, std::string_view what) {
  PEMA_CHECK(static_cast<std::int64_t>(text.size()) <= kMaxTextBytes, kInvalidArgument, "a ", what,
             " has at most ", kMaxTextBytes, " bytes, not ", text.size());
}

}  // namespace pema::profiles
