// A table like the profile table in PostgreSQL and in SQLite, through the same calls and in one
// run: rows written per second, look-ups per second (one at a time, in a pipeline, from several
// threads), one durable write at a time, bytes per row. Starts a server of its own (fsync on,
// loopback) unless a connection string is given. Prints one JSON document.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <vector>

#include "pema/digest.h"
#include "pema/error.h"
#include "profiles/postgres/connection_pool.h"
#include "profiles/sql/transaction.h"
#include "profiles/sqlite/database.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temporary_folder.h"

namespace {

using pema::OpenMode;
using pema::profiles::sql::Database;
using pema::profiles::sql::Query;
using pema::profiles::sql::run_transaction;
using pema::profiles::sql::Statement;
using pema::profiles::sql::Transaction;
using pema::profiles::sql::TransactionKind;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5;
constexpr std::int64_t kPipelined = 256;  // look-ups asked for in one call
const std::vector<std::string_view> kColumns{"id",       "generation", "pool", "name",
                                             "schedule", "segments",   "mask"};
constexpr const char* kLookup =
    "SELECT id, generation, pool, schedule, segments, mask FROM profile WHERE name = ?1";
constexpr const char* kUpdate =
    "UPDATE profile SET generation = generation + 1, mask = ?2 WHERE name = ?1";

/// Random, but the same in every run: 16 characters.
std::string name_of(std::int64_t row) {
  return pema::sha256("name " + std::to_string(row)).hex().substr(0, 16);
}

/// Names of all rows, made before anything is measured.
const std::vector<std::string>& names_of(std::int64_t rows) {
  static std::vector<std::string> names;
  while (static_cast<std::int64_t>(names.size()) < rows) {
    names.push_back(name_of(static_cast<std::int64_t>(names.size())));
  }
  return names;
}

/// Two masks of 256 bits with 3 bytes before them, different for each row.
std::vector<std::byte> mask_of(std::int64_t row) {
  std::vector<std::byte> mask(67);
  std::uint64_t state = static_cast<std::uint64_t>(row) + 1;
  for (std::byte& byte : mask) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(state >> 56);
  }
  return mask;
}

struct Side {
  std::string name;
  std::unique_ptr<Database> database;
  nlohmann::json figures = nlohmann::json::object();
};

double seconds_of(const std::function<void()>& action) {
  const auto start = Clock::now();
  action();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void write_rows(Database& database, std::int64_t from, std::int64_t count) {
  const std::vector<std::byte> schedule(11, std::byte{1});
  const std::vector<std::byte> segments(1, std::byte{1});
  Transaction transaction(database);
  database.insert_many("profile", kColumns, count, [&](std::int64_t index, Statement& row) {
    const std::int64_t id = from + index;
    row.bind(1, id).bind(2, std::int64_t{1}).bind(3, std::int64_t{1});
    row.bind(4, std::string_view(names_of(id + 1)[static_cast<std::size_t>(id)]));
    row.bind(5, schedule).bind(6, segments).bind(7, mask_of(id));
  });
  transaction.commit();
}

/// Reads `count` random rows, one at a time or in calls of kPipelined.
void look_up(Database& database, const std::vector<std::string>& names, bool pipelined) {
  const auto count = static_cast<std::int64_t>(names.size());
  std::int64_t found = 0;
  const auto bind = [&](std::int64_t from) {
    return [&names, from](std::int64_t index, Statement& row) {
      row.bind(1, std::string_view(names[static_cast<std::size_t>(from + index)]));
    };
  };
  const auto read = [&](std::int64_t /*index*/, const Statement& row) {
    found += row.blob(5).size() == 67 ? 1 : 0;
  };
  const std::int64_t step = pipelined ? kPipelined : 1;
  for (std::int64_t from = 0; from < count; from += step) {
    if (pipelined) {
      database.for_each(kLookup, std::min(step, count - from), bind(from), read);
    } else {
      Query row = database.query(kLookup);
      bind(from)(0, *row);
      while (row->step()) read(0, *row);
    }
  }
  if (found != count) throw std::runtime_error("a row was not found");
}

std::vector<std::string> some_names(std::int64_t rows, std::int64_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < count; ++i) {
    names.push_back(names_of(rows)[random() % static_cast<std::uint64_t>(rows)]);
  }
  return names;
}

/// Runs `action` for each side in turn, kRounds times; `unit` per second, the median.
void compare(std::vector<Side>& sides, const std::string& figure, std::int64_t units,
             const std::function<void(Side&, int round)>& action) {
  std::vector<std::vector<double>> rates(sides.size());
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < sides.size(); ++i) {
      rates[i].push_back(static_cast<double>(units) / seconds_of([&] { action(sides[i], round); }));
    }
  }
  for (std::size_t i = 0; i < sides.size(); ++i) {
    sides[i].figures[figure] = median(rates[i]);
    std::fprintf(stderr, "%-10s %-32s %12.0f\n", sides[i].name.c_str(), figure.c_str(),
                 median(rates[i]));
  }
}

void measure(std::vector<Side>& sides, const std::string& connection_string, std::int64_t rows,
             std::int64_t lookups) {
  static_cast<void>(names_of(rows));
  compare(sides, "bulk_rows_per_second", rows / kRounds, [&](Side& side, int round) {
    write_rows(*side.database, round * (rows / kRounds), rows / kRounds);
  });
  sides[1].database->execute("ANALYZE profile");
  sides[1].database->execute("CHECKPOINT");
  compare(sides, "lookups_per_second", lookups, [&](Side& side, int round) {
    look_up(*side.database, some_names(rows, lookups, static_cast<std::uint64_t>(round)), false);
  });
  compare(sides, "lookups_per_second_in_a_snapshot", lookups, [&](Side& side, int round) {
    Transaction snapshot(*side.database, TransactionKind::kRead);
    look_up(*side.database, some_names(rows, lookups, static_cast<std::uint64_t>(round)), false);
  });
  compare(sides, "lookups_per_second_256_per_call", lookups, [&](Side& side, int round) {
    look_up(*side.database, some_names(rows, lookups, static_cast<std::uint64_t>(round)), true);
  });
  compare(sides, "durable_updates_per_second", 200, [&](Side& side, int round) {
    for (const std::string& name : some_names(rows, 200, 77 + static_cast<std::uint64_t>(round))) {
      run_transaction(*side.database, TransactionKind::kWrite, [&] {
        side.database->query(kUpdate)
            ->bind(1, std::string_view(name))
            .bind(2, mask_of(round))
            .run();
      });
    }
  });
  compare(sides, "updates_per_second_256_per_transaction", 2560, [&](Side& side, int round) {
    for (int batch = 0; batch < 10; ++batch) {
      const auto names = some_names(rows, 256, static_cast<std::uint64_t>(1000 * round + batch));
      run_transaction(*side.database, TransactionKind::kWrite, [&] {
        side.database->for_each(
            kUpdate, 256,
            [&](std::int64_t index, Statement& row) {
              row.bind(1, std::string_view(names[static_cast<std::size_t>(index)]));
              row.bind(2, mask_of(index));
            },
            [](std::int64_t, const Statement&) {});
      });
    }
  });

  pema::profiles::postgres::ConnectionPool pool(connection_string, OpenMode::kReadOnly, 4);
  for (const bool pipelined : {false, true}) {
    std::vector<double> rates;
    for (int round = 0; round < kRounds; ++round) {
      rates.push_back(4.0 * static_cast<double>(lookups) / seconds_of([&] {
                        std::vector<std::thread> threads;
                        for (int i = 0; i < 4; ++i) {
                          threads.emplace_back([&, i] {
                            const auto lease = pool.acquire();
                            look_up(*lease,
                                    some_names(rows, lookups, static_cast<std::uint64_t>(i)),
                                    pipelined);
                          });
                        }
                        for (std::thread& thread : threads) thread.join();
                      }));
    }
    const std::string figure =
        std::string("lookups_per_second_4_threads") + (pipelined ? "_256_per_call" : "");
    sides[1].figures[figure] = median(rates);
    std::fprintf(stderr, "%-10s %-32s %12.0f\n", "postgresql", figure.c_str(), median(rates));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t rows = argc > 1 ? std::atoll(argv[1]) : 200000;
  const std::int64_t lookups = argc > 2 ? std::atoll(argv[2]) : 10000;
  std::unique_ptr<pema::test::PostgresServer> server;
  std::string connection_string;
  if (argc > 3) {
    connection_string = argv[3];
  } else {
    if (const std::string reason = pema::test::PostgresServer::missing(); !reason.empty()) {
      std::fprintf(stderr, "%s\n", reason.c_str());
      return 1;
    }
    server = std::make_unique<pema::test::PostgresServer>(true);
    connection_string = server->new_database();
  }
  const pema::test::TemporaryFolder folder;
  std::vector<Side> sides(2);
  sides[0].name = "sqlite";
  sides[0].database = std::make_unique<pema::profiles::sqlite::Database>(folder.file("bench.db"),
                                                                         OpenMode::kCreate);
  sides[0].database->execute(
      "CREATE TABLE profile (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL, pool INTEGER, "
      "name TEXT NOT NULL UNIQUE, schedule BLOB NOT NULL, segments BLOB NOT NULL, mask BLOB NOT "
      "NULL) STRICT");
  sides[1].name = "postgresql";
  sides[1].database =
      std::make_unique<pema::profiles::postgres::Database>(connection_string, OpenMode::kCreate);
  sides[1].database->execute(
      "CREATE TABLE profile (id bigint NOT NULL, generation bigint NOT NULL, pool bigint, name "
      "text COLLATE \"C\" PRIMARY KEY, schedule bytea NOT NULL, segments bytea NOT NULL, mask "
      "bytea NOT NULL)");
  try {
    measure(sides, connection_string, rows, lookups);
    const auto per_row = [&](std::int64_t bytes) {
      return static_cast<double>(bytes) / static_cast<double>(rows);
    };
    sides[0].figures["bytes_per_row"] =
        per_row(sides[0].database->integer("SELECT page_count * page_size FROM "
                                           "pragma_page_count(), pragma_page_size()"));
    sides[1].figures["bytes_per_row_table"] =
        per_row(sides[1].database->integer("SELECT pg_relation_size('profile')"));
    sides[1].figures["bytes_per_row"] =
        per_row(sides[1].database->integer("SELECT pg_total_relation_size('profile')"));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  nlohmann::json report{{"rows", rows}, {"lookups", lookups}};
  for (const Side& side : sides) report[side.name] = side.figures;
  std::printf("%s\n", report.dump(2).c_str());
  return 0;
}
