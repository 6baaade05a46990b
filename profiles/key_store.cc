#include "profiles/key_store.h"

#include <algorithm>
#include <cstring>

#include "pema/error.h"

namespace pema::profiles {
namespace {

constexpr std::int64_t kApplicationId = 0x50454d4b;  // "PEMK"
constexpr std::int64_t kNamesKey = 0;                // numbers of persons and objects begin at 1

constexpr const char* kSchema =
    "CREATE TABLE store (mark BLOB NOT NULL CHECK (length(mark) = 16)) STRICT;"
    "CREATE TABLE data_key (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  wrapped BLOB NOT NULL CHECK (length(wrapped) = 72)) STRICT;"
    "PRAGMA user_version=1;";

/// What a wrapped key is bound to: this store and this number.
std::string context_of(const StoreMark& mark, std::int64_t id) {
  std::string text = "pema key 1\n";
  text.append(reinterpret_cast<const char*>(mark.data()), mark.size());
  for (int shift = 0; shift < 64; shift += 8) {
    text += static_cast<char>(static_cast<std::uint64_t>(id) >> shift);
  }
  return text;
}

StoreMark mark_of(sqlite::Database& database) {
  sqlite::Query row = database.query("SELECT mark FROM store");
  StoreMark mark{};
  PEMA_CHECK(row->step() && row->blob(0).size() == mark.size(), kCorrupt, database.path(),
             ": says of no store that it is its; restore keys.db from its own backup");
  std::memcpy(mark.data(), row->blob(0).data(), mark.size());
  return mark;
}

}  // namespace

StoreMark KeyStore::create(const std::string& path, const MasterKey& master) {
  sqlite::Database database(path, OpenMode::kCreate);
  StoreMark mark{};
  fill_random(mark);
  const DataKey names = DataKey::random();
  sqlite::Transaction transaction(database);
  const std::int64_t id = database.integer("PRAGMA application_id");
  PEMA_CHECK(id == 0 || id == kApplicationId, kAlreadyExists, path,
             ": is a file of another program; move it away");
  database.execute("DROP TABLE IF EXISTS store; DROP TABLE IF EXISTS data_key;");
  database.execute(kSchema);
  database.execute(message("PRAGMA application_id=", kApplicationId));
  {
    sqlite::Query row = database.query("INSERT INTO store (mark) VALUES (?1)");
    row->bind(1, std::span<const std::byte>(mark)).run();
  }
  sqlite::Query row = database.query("INSERT INTO data_key (id, wrapped) VALUES (?1, ?2)");
  row->bind(1, kNamesKey)
      .bind(2, seal(names.bytes(), master.bytes(), context_of(mark, kNamesKey)))
      .run();
  transaction.commit();
  return mark;
}

KeyStore::KeyStore(const std::string& path, OpenMode mode, const StoreMark& mark,
                   std::shared_ptr<const MasterKey> master)
    : database_(path, mode), mark_(mark), master_(std::move(master)) {
  const std::int64_t version = database_.integer("PRAGMA user_version");
  PEMA_CHECK(database_.integer("PRAGMA application_id") == kApplicationId && version >= 1, kCorrupt,
             path, ": is no file of keys; restore keys.db from its own backup");
  PEMA_CHECK(version == 1, kUnsupported, path, ": has version ", version,
             ", this build knows 1; use the newer pema that wrote it");
  PEMA_CHECK(mark_of(database_) == mark_, kMismatch, path,
             ": holds the keys of another store; put this store's keys.db beside its registry.db");
  if (master_ != nullptr) open_names();
}

void KeyStore::open_names() {
  const std::vector<std::byte> wrapped = find_wrapped(kNamesKey);
  PEMA_CHECK(!wrapped.empty(), kCorrupt, database_.path(),
             ": lacks the key of names; restore keys.db from its own backup");
  names_ = unwrap(kNamesKey, wrapped);
}

const MasterKey& KeyStore::master() const {
  PEMA_CHECK(master_ != nullptr, kLocked, database_.path(),
             ": the store is encrypted; give its master key (--key-file FILE, PEMA_KEY_FILE or "
             "PEMA_KEY; StoreOptions::key)");
  return *master_;
}

std::string KeyStore::token(std::string_view name) const {
  static_cast<void>(master());
  return keyed_token(name, names_.bytes());
}

std::int64_t KeyStore::add(DataKey& key) {
  key = DataKey::random();
  const std::int64_t id = database_.integer(
                              "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = "
                              "'data_key'), 0)") +
                          1;
  sqlite::Query row = database_.query("INSERT INTO data_key (id, wrapped) VALUES (?1, ?2)");
  row->bind(1, id).bind(2, seal(key.bytes(), master().bytes(), context_of(mark_, id))).run();
  return id;
}

std::vector<std::byte> KeyStore::find_wrapped(std::int64_t id) {
  sqlite::Query row = database_.query("SELECT wrapped FROM data_key WHERE id = ?1");
  if (!row->bind(1, id).step()) return {};
  const std::span<const std::byte> wrapped = row->blob(0);
  return {wrapped.begin(), wrapped.end()};
}

std::optional<DataKey> KeyStore::find(std::int64_t id) {
  const std::vector<std::byte> wrapped = find_wrapped(id);
  if (wrapped.empty()) return std::nullopt;
  return unwrap(id, wrapped);
}

DataKey KeyStore::unwrap(std::int64_t id, std::span<const std::byte> wrapped) const {
  std::optional<std::vector<std::byte>> plain =
      unseal(wrapped, master().bytes(), context_of(mark_, id));
  if (!plain || plain->size() != kKeyBytes) {
    // The first key that is opened tells a wrong master key from a damaged row.
    if (id == kNamesKey) {
      fail(ErrorCode::kLocked, database_.path(),
           ": this master key is not the one that the store is encrypted with; give the right one");
    }
    fail(ErrorCode::kCorrupt, database_.path(), ": key ", id,
         " is damaged; restore keys.db from its own backup");
  }
  DataKey key;
  std::copy(plain->begin(), plain->end(), key.bytes().begin());
  wipe(*plain);
  return key;
}

bool KeyStore::drop(std::span<const std::int64_t> ids) {
  {
    sqlite::Transaction transaction(database_);
    for (const std::int64_t id : ids) {
      sqlite::Query row = database_.query("DELETE FROM data_key WHERE id = ?1 AND id > 0");
      row->bind(1, id).run();
    }
    transaction.commit();
  }
  return database_.checkpoint();
}

std::int64_t KeyStore::rotate(std::shared_ptr<const MasterKey> fresh) {
  PEMA_CHECK(fresh != nullptr, kInvalidArgument, "a rotation needs the new master key");
  std::int64_t count = 0;
  {
    sqlite::Transaction transaction(database_);
    std::int64_t after = -1;
    while (true) {
      std::int64_t id = 0;
      std::vector<std::byte> wrapped;
      {
        sqlite::Query row =
            database_.query("SELECT id, wrapped FROM data_key WHERE id > ?1 ORDER BY id LIMIT 1");
        if (!row->bind(1, after).step()) break;
        id = row->integer(0);
        wrapped.assign(row->blob(1).begin(), row->blob(1).end());
      }
      const DataKey key = unwrap(id, wrapped);
      sqlite::Query row = database_.query("UPDATE data_key SET wrapped = ?2 WHERE id = ?1");
      row->bind(1, id).bind(2, seal(key.bytes(), fresh->bytes(), context_of(mark_, id))).run();
      after = id;
      if (id != kNamesKey) ++count;
    }
    transaction.commit();
  }
  master_ = std::move(fresh);
  static_cast<void>(database_.checkpoint());
  return count;
}

}  // namespace pema::profiles
