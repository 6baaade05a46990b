#include "bench/registry/peers.h"

#if PEMA_BENCH_LMDB

#include <lmdb.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "bench/registry/people.h"
#include "bench/registry/timing.h"

namespace pema::bench {
namespace {

/// The same facts as a profile's row, by hand.
struct Row {
  std::array<std::uint64_t, 4> down;
  std::array<std::uint64_t, 4> up;
  std::array<std::uint16_t, 3> lambdas;
  std::uint16_t rights;
  std::uint16_t pool;
  std::uint16_t generation;
};

void check(int code) {
  if (code != MDB_SUCCESS) throw std::runtime_error(std::string("LMDB: ") + mdb_strerror(code));
}

Row row_of(const Person& one) {
  Row row{};
  row.down = one.down;
  row.up = one.up;
  for (std::size_t i = 0; i < 3; ++i) row.lambdas[i] = static_cast<std::uint16_t>(one.lambdas[i]);
  row.rights = static_cast<std::uint16_t>(one.rights);
  row.pool = row.generation = 1;
  return row;
}

double insert(MDB_env* environment, std::int64_t people, std::int64_t batch) {
  double seconds = 0;
  std::vector<Person> waiting;
  for (std::int64_t at = 0; at < people; at += batch) {
    waiting.clear();
    for (std::int64_t i = at; i < std::min(people, at + batch); ++i) {
      waiting.push_back(person(static_cast<std::uint64_t>(i)));
    }
    const double start = seconds_now();
    std::sort(waiting.begin(), waiting.end(),
              [](const Person& a, const Person& b) { return a.name < b.name; });
    MDB_txn* transaction = nullptr;
    MDB_dbi table = 0;
    check(mdb_txn_begin(environment, nullptr, 0, &transaction));
    check(mdb_dbi_open(transaction, nullptr, 0, &table));
    for (Person& one : waiting) {
      Row row = row_of(one);
      MDB_val key{kNameBytes, one.name.data()};
      MDB_val value{offsetof(Row, generation) + 2, &row};
      check(mdb_put(transaction, table, &key, &value, MDB_NOOVERWRITE));
    }
    check(mdb_txn_commit(transaction));
    seconds += seconds_now() - start;
  }
  return seconds;
}

}  // namespace

nlohmann::ordered_json measure_lmdb(const std::string& folder, std::int64_t people,
                                    std::int64_t batch, std::int64_t calls) {
  std::filesystem::create_directories(folder);
  MDB_env* environment = nullptr;
  check(mdb_env_create(&environment));
  check(mdb_env_set_mapsize(environment, std::size_t{16} << 30));
  check(mdb_env_open(environment, folder.c_str(), 0, 0600));
  const double seconds = insert(environment, people, batch);
  struct stat info {};
  ::stat((folder + "/data.mdb").c_str(), &info);
  MDB_txn* transaction = nullptr;
  MDB_dbi table = 0;
  check(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction));
  check(mdb_dbi_open(transaction, nullptr, 0, &table));
  nlohmann::ordered_json result{
      {"profiles", people},
      {"bytes_per_profile", static_cast<double>(info.st_size) / static_cast<double>(people)},
      {"enrolled_per_second", static_cast<double>(people) / seconds}};
  result["by_name"] = time_look_ups(people, calls, 3,
                                    LookUp{[](std::uint64_t index) { return person(index); },
                                           [&](const Person& one) {
                                             Person copy = one;
                                             MDB_val key{kNameBytes, copy.name.data()};
                                             MDB_val value{};
                                             check(mdb_get(transaction, table, &key, &value));
                                             Row row{};
                                             std::memcpy(&row, value.mv_data, value.mv_size);
                                             if (row.down != one.down)
                                               throw std::runtime_error("LMDB: a wrong mask");
                                           }});
  mdb_txn_abort(transaction);
  mdb_env_close(environment);
  std::filesystem::remove_all(folder);
  return result;
}

}  // namespace pema::bench

#else

namespace pema::bench {

nlohmann::ordered_json measure_lmdb(const std::string& /*folder*/, std::int64_t /*people*/,
                                    std::int64_t /*batch*/, std::int64_t /*calls*/) {
  return nullptr;
}

}  // namespace pema::bench

#endif
