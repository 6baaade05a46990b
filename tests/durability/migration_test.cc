/// A power cut while the schema is brought forward.
#include <gtest/gtest.h>

#include <filesystem>

#include "pema/error.h"
#include "profiles/migrations.h"
#include "tests/durability/simulated_disk.h"
#include "tests/support/temporary_folder.h"

namespace pema::test {
namespace {

using profiles::Migration;
using profiles::sqlite::Database;

constexpr Migration kOld[] = {{1, "CREATE TABLE a (x INTEGER PRIMARY KEY);"}};
constexpr Migration kNew[] = {{1, "CREATE TABLE a (x INTEGER PRIMARY KEY);"},
                              {2,
                               "CREATE TABLE b (x INTEGER, y TEXT);"
                               "INSERT INTO b SELECT x, printf('%0200d', x) FROM a;"
                               "DROP TABLE a;"}};

/// Keeps what every call would leave if it were the last one.
class EveryCut : public DiskHook {
 public:
  explicit EveryCut(std::string root) : disk_(std::move(root)) {}
  int before(const DiskEvent& event) override {
    if (event.call != DiskCall::kRead && event.call != DiskCall::kMapLog) {
      images.push_back(disk_.survivors(random_));
    }
    return 0;
  }
  void after(const DiskEvent& event) override { disk_.apply(event); }

  std::vector<DiskImage> images;

 private:
  std::mt19937_64 random_{4};
  SimulatedDisk disk_;
};

TEST(MigrationCut, LeavesOneSchemaOrTheOtherWithAllRows) {
  const TemporaryFolder folder;
  const std::string live = folder.file("live");
  const std::string path = live + "/registry.db";
  std::filesystem::create_directories(live);
  {
    Database database(path, OpenMode::kCreate);
    profiles::create_schema(database, kOld);
    database.execute(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 400)"
        "INSERT INTO a SELECT x FROM n");
  }
  EveryCut cuts(live);
  {
    const HookedDisk hooked(cuts);
    Database database(path, OpenMode::kReadWrite);
    profiles::upgrade_schema(database, kNew);
  }
  EXPECT_GT(cuts.images.size(), 40U);
  std::int64_t old = 0;
  for (const DiskImage& image : cuts.images) {
    const std::string left = folder.file("left");
    write_image(image, left);
    Database database(left + "/registry.db", OpenMode::kReadWrite);
    old += database.integer("PRAGMA user_version") == 1 ? 1 : 0;
    profiles::upgrade_schema(database, kNew);
    EXPECT_EQ(database.integer("SELECT count(*) FROM b WHERE length(y) = 200"), 400);
    EXPECT_EQ(database.integer("SELECT count(*) FROM pragma_integrity_check "
                               "WHERE integrity_check <> 'ok'"),
              0);
    EXPECT_FALSE(std::filesystem::exists(left + "/registry.db.schema1"));
  }
  EXPECT_GT(old, 0);
  EXPECT_LT(old, static_cast<std::int64_t>(cuts.images.size()));
}

/// The true steps: what a store of schema 8 goes through when it learns to know its backups.
TEST(MigrationCut, LeavesSchema8Or9WithEverybodyInIt) {
  const TemporaryFolder folder;
  const std::string live = folder.file("live");
  const std::string path = live + "/registry.db";
  const std::span<const Migration> steps = profiles::migrations();
  ASSERT_EQ(steps.back().version, 9);
  std::filesystem::create_directories(live);
  {
    Database database(path, OpenMode::kCreate);
    profiles::create_schema(database, steps.first(8));
    database.execute(
        "INSERT INTO setting (profiles) VALUES (300);"
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300)"
        "INSERT INTO profile (id, generation, setting, data) SELECT x, 1, 1, zeroblob(90) FROM n;"
        "INSERT INTO profile_name (name, profile) SELECT printf('person %d', id), id FROM profile");
  }
  EveryCut cuts(live);
  {
    const HookedDisk hooked(cuts);
    Database database(path, OpenMode::kReadWrite);
    profiles::upgrade_schema(database, steps);
  }
  EXPECT_GT(cuts.images.size(), 30U);
  std::int64_t old = 0;
  for (const DiskImage& image : cuts.images) {
    const std::string left = folder.file("left");
    write_image(image, left);
    Database database(left + "/registry.db", OpenMode::kReadWrite);
    old += profiles::known_schema(database, steps) == 8 ? 1 : 0;
    profiles::upgrade_schema(database, steps);
    EXPECT_EQ(profiles::known_schema(database, steps), 9);
    EXPECT_EQ(database.integer("SELECT count(*) FROM profile_name AS n JOIN profile AS p ON p.id = "
                               "n.profile WHERE length(p.data) = 90"),
              300);
    EXPECT_EQ(database.integer("SELECT count(*) FROM backup_folder"), 0);
    EXPECT_FALSE(std::filesystem::exists(left + "/registry.db.schema8"));
  }
  EXPECT_GT(old, 0);
  EXPECT_LT(old, static_cast<std::int64_t>(cuts.images.size()));
}

}  // namespace
}  // namespace pema::test
