#include "profiles/sqlite/row_tree.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <map>
#include <random>
#include <set>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

using profiles::sqlite::find_row;
using profiles::sqlite::PageSource;
using profiles::sqlite::RowSearch;
using profiles::sqlite::RowTree;
using profiles::sqlite::StoredRow;

/// Pages of a file in memory.
struct FilePages final : PageSource {
  std::vector<std::byte> bytes;
  std::size_t page_bytes = 512;

  std::span<const std::byte> page(std::uint32_t number) override {
    if (number == 0 || number > bytes.size() / page_bytes) return {};
    return std::span(bytes).subspan((number - 1) * page_bytes, page_bytes);
  }
};

/// Two tables as the registry's, in small pages so that the trees are deep.
struct RowTreeTest : ::testing::Test {
  TemporaryFolder folder;
  FilePages pages;
  RowTree rows;
  RowTree names;
  std::map<std::string, std::int64_t> expected;

  static int root(sqlite3* handle, const char* name) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(handle, "SELECT rootpage FROM sqlite_schema WHERE name = ?1", -1, &statement,
                       nullptr);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
    const int page = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return page;
  }

  void fill(int count) {
    const std::string path = folder.file(message(count, ".db"));
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
    const auto run = [&](const std::string& sql) {
      ASSERT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    };
    run("PRAGMA page_size = 512; CREATE TABLE row (id INTEGER PRIMARY KEY, a INTEGER, b BLOB);"
        "CREATE TABLE name (name TEXT PRIMARY KEY, id INTEGER) WITHOUT ROWID; BEGIN");
    std::mt19937_64 random(3);
    for (int i = 1; i <= count; ++i) {
      std::string name = message(random() % 1'000'000, "-", i);
      if (i % 3 == 0) name += "\xc3\xa9\xff" + std::string(random() % 40, 'x');
      const std::int64_t id = std::int64_t{i} * (i % 2 == 0 ? 1 : 1'000'000'007) - 500;
      expected[name] = id;
      run(message("INSERT INTO row VALUES (", id, ", ", id * 3, ", zeroblob(", i % 60, "))"));
      sqlite3_stmt* statement = nullptr;
      sqlite3_prepare_v2(handle, "INSERT INTO name VALUES (?1, ?2)", -1, &statement, nullptr);
      sqlite3_bind_text(statement, 1, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
      sqlite3_bind_int64(statement, 2, id);
      ASSERT_EQ(sqlite3_step(statement), SQLITE_DONE);
      sqlite3_finalize(statement);
    }
    run("INSERT INTO row VALUES (99, 1, zeroblob(5000)); COMMIT");
    rows.root = static_cast<std::uint32_t>(root(handle, "row"));
    names.root = static_cast<std::uint32_t>(root(handle, "name"));
    sqlite3_close(handle);
    pages.bytes = read_bytes(path);
  }
};

TEST_F(RowTreeTest, FindsEveryRowAndNoOther) {
  for (const int count : {0, 1, 5, 3000}) {
    expected.clear();
    fill(count);
    StoredRow row;
    for (const auto& [name, id] : expected) {
      ASSERT_EQ(find_row(pages, names, name, row), RowSearch::kFound) << name;
      std::string_view stored;
      std::int64_t number = 0;
      ASSERT_TRUE(row.text(0, stored) && row.integer(1, number));
      EXPECT_EQ(stored, name);
      EXPECT_EQ(number, id);
      ASSERT_EQ(find_row(pages, rows, id, row), RowSearch::kFound) << id;
      std::span<const std::byte> blob;
      ASSERT_TRUE(row.null(0) && row.integer(1, number) && row.blob(2, blob));
      EXPECT_EQ(number, id * 3);
      EXPECT_FALSE(row.integer(2, number) || row.text(1, stored) || row.blob(1, blob) ||
                   row.null(1) || row.null(3));
      EXPECT_EQ(find_row(pages, names, name + "y", row), RowSearch::kAbsent);
      EXPECT_EQ(find_row(pages, names, std::string_view(name).substr(1), row), RowSearch::kAbsent);
      EXPECT_EQ(find_row(pages, rows, id + 123'456'789'012, row), RowSearch::kAbsent);
    }
    std::set<std::int64_t> numbers;
    for (const auto& [name, id] : expected) numbers.insert(id);
    for (std::int64_t number = -600; number < 6'100; ++number) {
      if (number == 99) continue;  // in several pages
      EXPECT_EQ(find_row(pages, rows, number, row) == RowSearch::kFound, numbers.contains(number));
    }
    EXPECT_EQ(find_row(pages, names, std::string_view(), row), RowSearch::kAbsent);
    EXPECT_EQ(find_row(pages, names, "\xff\xff", row), RowSearch::kAbsent);
    EXPECT_EQ(find_row(pages, rows, INT64_MAX, row), RowSearch::kAbsent);
    EXPECT_EQ(find_row(pages, rows, INT64_MIN, row), RowSearch::kAbsent);
  }
}

TEST_F(RowTreeTest, WhatIsInSeveralPagesOrNoTreeIsForSqlite) {
  fill(50);
  StoredRow row;
  EXPECT_EQ(find_row(pages, rows, 99, row), RowSearch::kUnknown) << "5,000 bytes";
  EXPECT_EQ(find_row(pages, names, std::int64_t{1}, row), RowSearch::kUnknown) << "another kind";
  EXPECT_EQ(find_row(pages, RowTree{.root = 0}, std::int64_t{1}, row), RowSearch::kUnknown);
  EXPECT_EQ(find_row(pages, RowTree{.root = 90'000}, std::int64_t{1}, row), RowSearch::kUnknown);
  EXPECT_EQ(find_row(pages, RowTree{.root = 2, .reserved_bytes = 510}, std::int64_t{1}, row),
            RowSearch::kUnknown);
}

TEST_F(RowTreeTest, DamagedPagesEndTheSearch) {
  fill(400);
  const std::vector<std::byte> whole = pages.bytes;
  std::mt19937_64 random(8);
  for (int round = 0; round < 3000; ++round) {
    pages.bytes = whole;
    for (int i = 0; i < 6; ++i) {
      // Heads of pages and cells, mostly.
      const std::size_t page = random() % (whole.size() / 512);
      const std::size_t within = random() % 2 == 0 ? random() % 24 : random() % 512;
      pages.bytes[page * 512 + within] = static_cast<std::byte>(random());
    }
    StoredRow row;
    auto some = expected.begin();
    std::advance(some, static_cast<std::ptrdiff_t>(random() % expected.size()));
    static_cast<void>(find_row(pages, names, some->first, row));
    static_cast<void>(find_row(pages, rows, some->second, row));
  }
}

}  // namespace
}  // namespace pema::test
