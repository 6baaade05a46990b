#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <stdexcept>

#include "bench/registry/peers.h"
#include "bench/registry/people.h"
#include "bench/registry/timing.h"

namespace pema::bench {
namespace {

using Words = std::array<std::uint64_t, 4>;

void check(sqlite3* database, bool good) {
  if (!good) throw std::runtime_error(std::string("naive SQLite: ") + sqlite3_errmsg(database));
}

void execute(sqlite3* database, const char* sql) {
  check(database, sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
}

sqlite3_stmt* prepare(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  check(database, sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) == SQLITE_OK);
  return statement;
}

std::string json_of(const Words& words) {
  std::string text = "[";
  for (std::size_t bit = 0; bit < 256; ++bit) {
    if ((words[bit / 64] >> (bit % 64) & 1) == 0) continue;
    if (text.size() > 1) text += ',';
    text += std::to_string(bit);
  }
  return text + "]";
}

void bind_text(sqlite3_stmt* row, int index, std::string_view text) {
  sqlite3_bind_text(row, index, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

void insert(sqlite3* database, std::int64_t people, std::int64_t batch) {
  sqlite3_stmt* row =
      prepare(database, "INSERT INTO profile VALUES (?1, 1, 1, ?2, ?3, ?4, ?5, ?6, ?7)");
  for (std::int64_t at = 0; at < people; ++at) {
    if (at % batch == 0) execute(database, at == 0 ? "BEGIN" : "COMMIT; BEGIN");
    const Person one = person(static_cast<std::uint64_t>(at));
    bind_text(row, 1, one.key());
    for (int i = 0; i < 3; ++i) sqlite3_bind_double(row, 2 + i, one.lambdas[i] / 1e4);
    bind_text(row, 5, "[" + std::to_string(one.rights) + "]");
    bind_text(row, 6, json_of(one.down));
    bind_text(row, 7, json_of(one.up));
    check(database, sqlite3_step(row) == SQLITE_DONE);
    sqlite3_reset(row);
  }
  execute(database, "COMMIT");
  sqlite3_finalize(row);
}

/// A mask is of use once its bits are there.
Words parse(const char* text) {
  Words words{};
  std::size_t bit = 0;
  bool digits = false;
  for (; *text != '\0'; ++text) {
    if (*text >= '0' && *text <= '9') {
      bit = 10 * bit + static_cast<std::size_t>(*text - '0');
      digits = true;
    } else {
      if (digits) words[bit / 64] |= std::uint64_t{1} << (bit % 64);
      bit = 0;
      digits = false;
    }
  }
  return words;
}

}  // namespace

nlohmann::ordered_json measure_naive_sqlite(const std::string& folder, std::int64_t people,
                                            std::int64_t batch, std::int64_t calls) {
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/naive.db";
  sqlite3* database = nullptr;
  check(database, sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  execute(database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536");
  execute(
      database,
      "CREATE TABLE profile (name TEXT PRIMARY KEY, generation INTEGER, pool INTEGER, lambda REAL, "
      "lambda_own REAL, lambda_shared REAL, segments TEXT, mask_down TEXT, mask_up TEXT)");
  const double start = seconds_now();
  insert(database, people, batch);
  const double seconds = seconds_now() - start;
  execute(database, "PRAGMA wal_checkpoint(TRUNCATE)");
  struct stat info {};
  ::stat(path.c_str(), &info);
  execute(database, "BEGIN");
  execute(database, "SELECT sum(length(mask_up)) FROM profile");  // warm
  sqlite3_stmt* row = prepare(database, "SELECT * FROM profile WHERE name = ?1");
  std::uint64_t sum = 0;
  nlohmann::ordered_json result{
      {"profiles", people},
      {"bytes_per_profile", static_cast<double>(info.st_size) / static_cast<double>(people)},
      {"enrolled_per_second", static_cast<double>(people) / seconds}};
  result["by_name"] = time_look_ups(
      people, calls, 3,
      LookUp{[](std::uint64_t index) { return person(index); },
             [&](const Person& one) {
               sqlite3_bind_text(row, 1, one.name.data(), kNameBytes, SQLITE_STATIC);
               check(database, sqlite3_step(row) == SQLITE_ROW);
               const auto text = [&](int column) {
                 return reinterpret_cast<const char*>(sqlite3_column_text(row, column));
               };
               if (parse(text(7)) != one.down || parse(text(8)) != one.up)
                 throw std::runtime_error("naive SQLite: a wrong mask");
               sum += static_cast<std::uint64_t>(sqlite3_column_int64(row, 1));
               sqlite3_reset(row);
             }});
  sqlite3_finalize(row);
  sqlite3_close(database);
  std::filesystem::remove_all(folder);
  return result;
}

}  // namespace pema::bench
