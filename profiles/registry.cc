#include "profiles/registry.h"

#include <sys/stat.h>

#include <chrono>

#include "pema/error.h"
#include "profiles/bundle_meta.h"
#include "profiles/staging_folder.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kModelColumns =
    "SELECT id, fingerprint, name, architecture, hidden, vocab, path FROM model ";

ModelRecord read_model(const sql::Query& row) {
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

}  // namespace

Registry::Registry(const std::string& folder, OpenMode mode, const StoreOptions& options)
    : folder_(folder),
      role_(options.role),
      clock_(options.clock),
      tables_(open_tables(folder, mode, options)),
      objects_(folder + "/objects") {
  open_keys(mode, options.key);
  if (mode != OpenMode::kReadWrite) return;
  objects_.sweep();
  sweep_doomed();
  StagingFolder::sweep(folder_);
  static_cast<void>(empty_erased_log());
}

void Registry::write(const std::function<void()>& body) {
  sql::run_transaction(database_, sql::TransactionKind::kWrite, [&] {
    // Settings that a transaction made which did not last may have numbers that others got since.
    if (in_doubt_) settings_.forget();
    in_doubt_ = true;
    body();
  });
  in_doubt_ = false;
}

void Registry::read(const std::function<void()>& body) {
  sql::run_transaction(database_, sql::TransactionKind::kRead, body);
}

void Registry::sync_log() {
  if (file() != nullptr) file()->sync_log();
}

std::int64_t Registry::bytes() {
  if (file() == nullptr) {
    return database_.integer(
        "SELECT CAST(coalesce(sum(pg_total_relation_size(pg_class.oid)), 0) AS bigint) FROM "
        "pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE relkind = 'r' AND "
        "nspname = current_schema()");
  }
  if (!database_.read_only()) static_cast<void>(empty_log());
  struct stat info {};
  PEMA_CHECK(::stat(database_.path().c_str(), &info) == 0, kIo, database_.path(),
             ": cannot be examined");
  return info.st_size;
}

bool Registry::empty_log() { return file() == nullptr || file()->checkpoint(); }

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
    sql::Query update = database_.query("UPDATE model SET path = ?2 WHERE id = ?1");
    update->bind(1, found->id.value).bind(2, std::string_view(path)).run();
    found->path = path;
    return *found;
  }
  sql::Query insert = database_.query(
      "INSERT INTO model (fingerprint, name, architecture, hidden, vocab, path) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id");
  insert->bind(1, info.fingerprint)
      .bind(2, std::string_view(info.name))
      .bind(3, std::string_view(info.architecture))
      .bind(4, info.hidden)
      .bind(5, info.vocab)
      .bind(6, std::string_view(path));
  return {ModelId{insert->run_for_integer()}, info, path};
}

std::vector<ModelRecord> Registry::models() {
  std::vector<ModelRecord> records;
  sql::Query row = database_.query(std::string(kModelColumns) + "ORDER BY id");
  while (row->step()) records.push_back(read_model(row));
  return records;
}

std::optional<ModelRecord> Registry::find_model(const Digest& fingerprint) {
  sql::Query row = database_.query(std::string(kModelColumns) + "WHERE fingerprint = ?1");
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
