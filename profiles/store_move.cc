// Copying a store between registry.db and PostgreSQL.
#include <cerrno>
#include <memory>
#include <utility>

#include "pema/error.h"
#include "pema/store_copy.h"
#include "profiles/migrations.h"
#include "profiles/object_copy.h"
#include "profiles/open_tables.h"
#include "profiles/postgres/open.h"
#include "profiles/registry.h"
#include "profiles/sql/transaction.h"
#include "profiles/store_copy.h"
#include "profiles/table_copy.h"
#include "src/core/file_system.h"
#include "src/core/pace.h"

namespace pema {
namespace {

using namespace profiles;  // NOLINT(google-build-using-namespace): all of this file's names

std::unique_ptr<sqlite::Database> make_unfinished_file(const std::string& folder) {
  const std::string path = folder + "/" + kUnfinishedRegistry;
  for (const char* part : {"", "-wal", "-shm"}) {
    const int error = core::file_system().unlink(path + part);
    if (error != ENOENT) core::check_file(error, path + part, "deleting what was cut short");
  }
  auto file = std::make_unique<sqlite::Database>(path, OpenMode::kCreate, sqlite::kBusyMilliseconds,
                                                 Durability::kFast);
  create_schema(*file, migrations());
  return file;
}

class Move {
 public:
  Move(const std::string& from, const std::string& to, const StoreCopyOptions& options)
      : source_(from, OpenMode::kReadOnly),
        to_(to),
        options_(options),
        pace_(options.bytes_per_second),
        objects_(source_.objects(), to, {}, false, pace_, options.progress, sums_) {}

  StoreCopyReport run() {
    check();
    objects_.prepare();
    const FolderClaim claim(to_);
    OpenTables target = make_tables();
    std::vector<NamedObject> named;
    {
      const DeletionLock lock(source_.objects().folder(), DeletionLock::Kind::kHold);
      const sql::Transaction snapshot(source_.database(), sql::TransactionKind::kRead);
      named = source_.named_objects();
      tables_ = list_tables(source_.file() != nullptr ? *source_.file() : *target.file);
      total_ = count_rows();
      // Objects first: rows that are there name what is there.
      objects_.copy(named);
      sql::run_transaction(*target.database, sql::TransactionKind::kWrite,
                           [&] { copy_rows(*target.database); });
    }
    objects_.drop_others(named);
    objects_.sync();
    finish(std::move(target));
    report_.objects = sums_.objects;
    report_.copied_bytes = sums_.copied_bytes;
    return std::move(report_);
  }

 private:
  [[nodiscard]] bool into_file() const noexcept { return options_.registry.empty(); }

  void check() {
    const bool from_file = source_.file() != nullptr;
    PEMA_CHECK(from_file != into_file(), kUnsupported, source_.folder(),
               from_file
                   ? ": give the address of the PostgreSQL database to copy into (--registry); "
                     "a copy in files is what `pema store backup` makes"
                   : ": from PostgreSQL to PostgreSQL is what pg_dump does; leave out the "
                     "address to copy into files");
    PEMA_CHECK(
        !source_.encrypted(), kUnsupported, source_.folder(),
        ": is encrypted, and tables in PostgreSQL are not; such a store stays in its folder");
    PEMA_CHECK(!store_is_in(to_), kAlreadyExists, to_,
               ": there is a store here; copy into another folder");
  }

  OpenTables make_tables() {
    if (!into_file()) {
      const Digest mark = begin_address(to_, options_.registry);
      return {postgres::open_database(options_.registry, OpenMode::kCreate, mark.hex()), nullptr};
    }
    auto file = make_unfinished_file(to_);
    sqlite::Database* const raw = file.get();
    return {std::move(file), raw};
  }

  std::int64_t count_rows() {
    std::int64_t rows = 0;
    for (const TableInfo& table : tables_) {
      rows += source_.database().integer("SELECT count(*) FROM " + table.name);
    }
    return rows;
  }

  /// One attempt.
  void copy_rows(sql::Database& target) {
    report_.tables.clear();
    for (auto table = tables_.rbegin(); table != tables_.rend(); ++table) {
      target.execute("DELETE FROM " + table->name);
    }
    std::int64_t done = 0;
    const auto written = [&](std::int64_t rows) {
      done += rows;
      checkpoint(options_.progress, "copying rows", done, total_, "rows");
    };
    for (const TableInfo& table : tables_) {
      const TableSum sum = copy_table(source_.database(), target, table, written);
      report_.tables.push_back({table.name, sum.rows, sum.digest});
    }
    for (const TableInfo& table : tables_) {
      if (!table.numbered) continue;
      set_last_number(target, table, last_number(source_.database(), table));
    }
    compare(target);
  }

  void compare(sql::Database& target) {
    std::int64_t done = 0;
    const auto read = [&](std::int64_t rows) {
      done += rows;
      checkpoint(options_.progress, "comparing rows", done, total_, "rows");
    };
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      const TableSum found = sum_table(target, tables_[i], read);
      const CopiedTable& wanted = report_.tables[i];
      PEMA_CHECK(found.rows == wanted.rows && found.digest == wanted.digest, kMismatch,
                 target.path(), ": table ", wanted.name, " of the copy has ", found.rows,
                 " rows with SHA-256 ", found.digest.hex(), ", the original ", wanted.rows,
                 " with ", wanted.digest.hex(), "; nothing was kept, copy again");
    }
  }

  void finish(OpenTables target) {
    if (!into_file()) {
      finish_address(to_);
      return;
    }
    PEMA_CHECK(target.file->checkpoint(), kBusy, to_,
               ": somebody reads the unfinished copy; copy again");
    target.database.reset();  // takes its log away
    name_registry(to_);
    sync_names(to_);
  }

  Registry source_;
  std::string to_;
  const StoreCopyOptions& options_;
  CopySums sums_;
  core::Pace pace_;
  ObjectCopy objects_;
  std::vector<TableInfo> tables_;
  std::int64_t total_ = 0;
  StoreCopyReport report_;
};

}  // namespace

StoreCopyReport copy_store(const std::string& from, const std::string& to,
                           const StoreCopyOptions& options) {
  return Move(from, to, options).run();
}

}  // namespace pema
