#include "profiles/open_tables.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include "pema/error.h"
#include "profiles/migrations.h"
#include "profiles/postgres/open.h"
#include "profiles/registry_address.h"
#include "profiles/seal.h"
#include "profiles/store_copy.h"
#include "src/core/file_system.h"

namespace pema::profiles {
namespace {

std::string file_of(const std::string& folder) { return folder + "/registry.db"; }

std::string unfinished_address(const std::string& folder) {
  return address_file(folder) + ".unfinished";
}

bool exists(const std::string& path) { return std::filesystem::exists(path); }

void check_free(const std::string& folder) {
  for (const std::string& path : {file_of(folder), address_file(folder)}) {
    PEMA_CHECK(!exists(path), kAlreadyExists, path,
               ": there is a store already; open it instead of creating it");
  }
}

OpenTables open_file(const std::string& folder, OpenMode mode, Durability durability) {
  auto file = std::make_unique<sqlite::Database>(file_of(folder), mode, sqlite::kBusyMilliseconds,
                                                 durability);
  sqlite::Database* const raw = file.get();
  return {std::move(file), raw};
}

OpenTables create_file(const std::string& folder, Durability durability) {
  PEMA_CHECK(!exists(address_file(folder)), kAlreadyExists, address_file(folder),
             ": there is a store already; open it instead of creating it");
  make_folder(folder + "/objects");
  OpenTables tables = open_file(folder, OpenMode::kCreate, durability);
  create_schema(*tables.file, migrations());
  tables.file->sync_log();  // a store without its tables would be none, so `fast` does not count
  sync_names(folder);
  return tables;
}

OpenTables create_in_database(const std::string& folder, const std::string& url) {
  postgres::check_storable(url);
  make_folder(folder + "/objects");
  const FolderClaim claim(folder);
  const Digest mark = begin_address(folder, url);
  OpenTables tables{postgres::open_database(url, OpenMode::kCreate, mark.hex()), nullptr};
  finish_address(folder);
  return tables;
}

/// A missing file is a missing store; say so in the user's words.
void require_file(const std::string& folder) {
  if (exists(file_of(folder))) return;
  const bool unfinished =
      exists(folder + "/" + kUnfinishedRegistry) || exists(unfinished_address(folder));
  PEMA_CHECK(!unfinished, kNotFound, folder,
             ": this is an unfinished backup, restore or copy and no store; run it again");
  fail(ErrorCode::kNotFound, folder, ": there is no store here (", file_of(folder),
       " is missing); create one with `pema init`");
}

}  // namespace

FolderClaim::FolderClaim(const std::string& folder) {
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(sqlite::kBusyMilliseconds);
  for (;;) {
    lock_.emplace(folder + "/objects", DeletionLock::Kind::kDelete);
    if (lock_->held()) return;
    PEMA_CHECK(std::chrono::steady_clock::now() < end, kBusy, folder,
               ": another process is making a store there; wait for it");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void sync_names(const std::string& folder) {
  core::FileSystem& files = core::file_system();
  core::check_file(files.sync_folder(folder), folder, "syncing it");
  const std::string parent = core::folder_of(folder);
  core::check_file(files.sync_folder(parent), parent, "syncing it");
}

Digest begin_address(const std::string& folder, const std::string& url) {
  check_free(folder);
  postgres::check_storable(url);
  make_folder(folder + "/objects");
  const std::string path = unfinished_address(folder);
  if (exists(path)) {
    const RegistryAddress earlier = read_address(path);
    if (earlier.url == url) return earlier.mark;
  }
  std::array<std::byte, 32> random{};
  fill_random(random);
  const RegistryAddress address{url, Digest::from_bytes(random)};
  write_address(path, address);
  return address.mark;
}

void finish_address(const std::string& folder) {
  const std::string path = address_file(folder);
  core::check_file(core::file_system().rename(unfinished_address(folder), path), path, "naming it");
  sync_names(folder);
}

OpenTables open_tables(const std::string& folder, OpenMode mode, const StoreOptions& options) {
  PEMA_CHECK(!folder.empty(), kInvalidArgument, "the store's folder has no name");
  if (mode == OpenMode::kCreate) {
    return options.registry.empty() ? create_file(folder, options.durability)
                                    : create_in_database(folder, options.registry);
  }
  if (exists(address_file(folder))) {
    PEMA_CHECK(!exists(file_of(folder)), kCorrupt, folder,
               ": has both a registry.db and a registry.url; move away the one that is not this "
               "store's");
    const RegistryAddress address = read_address(address_file(folder));
    const std::string& url = options.registry.empty() ? address.url : options.registry;
    return {postgres::open_database(url, mode, address.mark.hex()), nullptr};
  }
  PEMA_CHECK(options.registry.empty(), kInvalidArgument, folder,
             ": its tables are in registry.db, not in a database; leave out the address");
  require_file(folder);
  OpenTables tables = open_file(folder, mode, options.durability);
  upgrade_schema(*tables.file, migrations());
  return tables;
}

bool store_is_in(const std::string& folder) {
  return exists(file_of(folder)) || exists(address_file(folder));
}

}  // namespace pema::profiles
