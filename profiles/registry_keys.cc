#include <filesystem>

#include "profiles/registry.h"
#include "profiles/sql/transaction.h"

namespace pema::profiles {

void Registry::open_keys(OpenMode mode, std::shared_ptr<const MasterKey> master) {
  {
    sql::Query row = database_.query("SELECT mark FROM encryption");
    if (!row->step()) return;
    const std::span<const std::byte> mark = row->blob(0);
    mark_.emplace();
    std::copy_n(mark.begin(), mark_->size(), mark_->begin());
  }
  // A backup has no keys.db; what needs none can still be done with it.
  if (!std::filesystem::exists(keys_path())) return;
  keys_ = std::make_unique<KeyStore>(keys_path(), mode, *mark_, std::move(master));
}

void Registry::encrypt(const std::shared_ptr<const MasterKey>& master) {
  PEMA_CHECK(master != nullptr, kInvalidArgument,
             "encrypting a store needs its master key; open the store with one");
  PEMA_CHECK(!encrypted(), kAlreadyExists, folder_, ": the store is encrypted already");
  PEMA_CHECK(
      file() != nullptr, kUnsupported, database_.path(),
      ": tables in PostgreSQL are not encrypted by pema, whose keys.db is one machine's "
      "file; encrypt the server's disk, or keep people who need it in a store of registry.db");
  const auto check_empty = [&] {
    PEMA_CHECK(database_.integer("SELECT EXISTS (SELECT 1 FROM profile) OR "
                                 "EXISTS (SELECT 1 FROM segment WHERE kind = 0)") == 0,
               kUnsupported, folder_,
               ": has people already; make a new store with `pema init --encrypt`, and move them "
               "there with `pema profile export` and `import`");
  };
  check_empty();
  const StoreMark mark = KeyStore::create(keys_path(), *master);
  write([&] {
    check_empty();
    sql::Query row = database_.query("INSERT INTO encryption (mark) VALUES (?1)");
    row->bind(1, std::span<const std::byte>(mark)).run();
    static_cast<void>(note(AuditKind::kEncrypted, 0));
  });
  open_keys(OpenMode::kReadWrite, master);
}

KeyStore& Registry::keys() {
  PEMA_CHECK(keys_ != nullptr, kLocked, folder_,
             ": the store is encrypted and its keys.db is missing; put it there from its own "
             "backup, backups of the store leave it out");
  return *keys_;
}

std::string Registry::stored_name(std::string_view name) {
  return encrypted() ? keys().token(name) : std::string(name);
}

std::unique_ptr<sql::Transaction> Registry::begin_keys() {
  return encrypted() ? keys().begin() : nullptr;
}

void Registry::doom_key(std::int64_t id) {
  sql::Query row =
      database_.query("INSERT INTO doomed_key (id) VALUES (?1) ON CONFLICT DO NOTHING");
  row->bind(1, id).run();
}

bool Registry::sweep_keys() {
  if (keys_ == nullptr) return true;
  std::vector<std::int64_t> ids;
  {
    sql::Query row = database_.query("SELECT id FROM doomed_key");
    while (row->step()) ids.push_back(row->integer(0));
  }
  if (ids.empty()) return true;
  // Whoever dropped the rows may have committed without a sync.
  sync_log();
  if (!keys_->drop(ids)) return false;
  write([&] {
    for (const std::int64_t id : ids) {
      sql::Query row = database_.query("DELETE FROM doomed_key WHERE id = ?1");
      row->bind(1, id).run();
    }
  });
  return true;
}

std::int64_t Registry::rotate(const std::shared_ptr<const MasterKey>& fresh) {
  PEMA_CHECK(encrypted(), kUnsupported, folder_, ": the store is not encrypted, it has no keys");
  const std::int64_t count = keys().rotate(fresh);
  write([&] { static_cast<void>(note(AuditKind::kRotated, count)); });
  return count;
}

}  // namespace pema::profiles
