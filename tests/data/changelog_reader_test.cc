#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "pema/data/dataset.h"
#include "tests/data/data_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::data {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class ChangelogReader : public ::testing::Test {
 protected:
  std::string package(const std::string& name) {
    fs::create_directories(root_.file(name));
    return root_.file(name);
  }
  DataSet read(std::int64_t min_entries = 3) {
    BuildOptions options;
    options.min_entries = min_entries;
    return read_changelogs(root_.path(), options);
  }
  static std::size_t size(const Person& person) {
    return person.train.size() + person.dev.size() + person.test.size();
  }
  test::TemporaryFolder root_;
};

TEST_F(ChangelogReader, MakesPromptTargetAndDate) {
  test::write_gz(package("x") + "/changelog.Debian.gz", test::entries("x", 5, "Ann"));
  const DataSet data = read();
  EXPECT_EQ(data.source, "changelogs");
  EXPECT_EQ(data.note, "");
  ASSERT_EQ(data.people.size(), 1u);
  const Person& ann = data.people[0];
  ASSERT_EQ(size(ann), 5u);
  EXPECT_EQ(ann.key.size(), 16u);
  EXPECT_EQ(ann.train[0].id, "x_1");
  EXPECT_EQ(ann.train[0].date, "2020-01-01");
  EXPECT_EQ(ann.train[0].prompt, "Changelog of x (1) unstable; urgency=medium\n");
  EXPECT_EQ(ann.train[0].target, "* Change 1 of x.");
  EXPECT_EQ(ann.test.back().id, "x_5");
  EXPECT_EQ(data.digest, dataset_digest(data));
}

TEST_F(ChangelogReader, CountsAnEntryOnceAndPrefersTheSoundCopy) {
  const std::string sound = test::entries("x", 3, "Ann");
  std::string damaged = sound;
  damaged.replace(damaged.find("3 Jan"), 5, "99 Jan");
  test::write_gz(package("liba") + "/changelog.Debian.gz", damaged);
  test::write_gz(package("libb") + "/changelog.Debian.gz", sound);
  test::write_gz(package("libc") + "/changelog.Debian.gz", sound);
  const DataSet data = read();
  ASSERT_EQ(data.people.size(), 1u);
  EXPECT_EQ(size(data.people[0]), 3u);
  EXPECT_EQ(data.note, "");
}

TEST_F(ChangelogReader, FollowsLinkedFoldersOnceAndBrokenLinksNever) {
  test::write_gz(package("x") + "/changelog.gz", test::entries("x", 4, "Ann"));
  fs::create_directory_symlink("x", root_.file("linked"));
  fs::create_directory_symlink("nowhere", root_.file("broken"));
  fs::create_symlink("../x/changelog.gz", package("y") + "/changelog.Debian.gz");
  fs::create_directory_symlink(".", root_.file("loop"));
  test::write_text(root_.file("a_file"), "not a folder");
  const DataSet data = read();
  ASSERT_EQ(data.people.size(), 1u);
  EXPECT_EQ(size(data.people[0]), 4u);
  EXPECT_EQ(data.note, "");
}

TEST_F(ChangelogReader, CountsWhatItLeavesOut) {
  test::write_gz(package("good") + "/changelog.Debian.gz", test::entries("good", 4, "Ann"));
  const std::string folder = package("bad");
  test::write_gz(
      folder + "/changelog.Debian.gz",
      "bad (9) sid; urgency=low\n  * A.\n -- Ann <a@b>  never\n\n"
      "bad (8) sid; urgency=low\n  * J\xF6rg.\n -- Ann <a@b>  2 Jan 2006 10:00:00 +0000\n"
      "bad (7) sid; urgency=low\n\n -- Ann <a@b>  2 Jan 2006 10:00:00 +0000\n"
      "bad (6) sid; urgency=low\n  * No trailer.\n");
  test::write_gz(folder + "/changelog.gz", "2004-01-01  Ann  <ann@example.org>\n");  // upstream's
  test::write_text(package("odd") + "/changelog.Debian", "Nothing of the kind.\n");
  const DataSet data = read();
  EXPECT_EQ(data.note,
            "left out: 1 files that are no Debian changelog, 1 entries that are not UTF-8, "
            "1 entries with a bad date, 1 malformed entries, 1 empty entries");
  EXPECT_EQ(size(data.people.at(0)), 4u);
}

TEST_F(ChangelogReader, LeavesOutDamagedFilesWhole) {
  test::write_gz(package("good") + "/changelog.Debian.gz", test::entries("good", 4, "Ann"));
  const std::string cut = package("cut") + "/changelog.Debian.gz";
  test::write_gz(cut, test::entries("cut", 28, "Ann"));
  fs::resize_file(cut, fs::file_size(cut) - 9);
  const std::string flipped = package("flipped") + "/changelog.Debian.gz";
  test::write_gz(flipped, test::entries("flipped", 28, "Ann"));
  auto bytes = test::read_bytes(flipped);
  bytes[bytes.size() - 6] ^= std::byte{1};  // in the checksum
  test::write_bytes(flipped, bytes);
  const DataSet data = read();
  EXPECT_EQ(data.note, "left out: 2 unreadable files");
  EXPECT_EQ(size(data.people.at(0)), 4u);
}

TEST_F(ChangelogReader, AnyCutOfAFileIsCountedOrHarmless) {
  test::write_gz(package("good") + "/changelog.Debian.gz", test::entries("good", 4, "Ann"));
  const std::string path = package("cut") + "/changelog.Debian.gz";
  test::write_gz(path, test::entries("cut", 3, "Ann"));
  const auto whole = test::read_bytes(path);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    test::write_bytes(path, std::span(whole).first(n));
    EXPECT_EQ(size(read().people.at(0)), 4u) << n;
  }
}

TEST_F(ChangelogReader, StopsUnpackingABomb) {
  test::write_gz(package("good") + "/changelog.Debian.gz", test::entries("good", 4, "Ann"));
  std::string bomb = "x (1) sid; urgency=low\n";
  bomb.append((std::size_t{65} << 20), ' ');
  test::write_gz(package("bomb") + "/changelog.Debian.gz", bomb);
  EXPECT_EQ(read().note, "left out: 1 files over 64 MiB");
}

TEST_F(ChangelogReader, KeysAreSaltedAndFollowTheNameNotTheAddress) {
  std::string text = test::entries("x", 3, "Ann  EXAMPLE");
  text.replace(text.find("someone@example.org"), 19, "ann@elsewhere.org");
  test::write_gz(package("x") + "/changelog.Debian.gz",
                 text + test::entry("x", 9, "ann example", 9));
  const DataSet data = read();
  ASSERT_EQ(data.people.size(), 1u);
  EXPECT_EQ(size(data.people[0]), 4u);
  BuildOptions salted;
  salted.min_entries = 3;
  salted.salt = "another";
  const DataSet other = read_changelogs(root_.path(), salted);
  EXPECT_NE(other.people.at(0).key, data.people[0].key);
  EXPECT_NE(other.digest, data.digest);
  EXPECT_EQ(read().digest, data.digest);
}

TEST_F(ChangelogReader, OrdersByTimeThenSourceThenVersion) {
  test::write_gz(package("b") + "/changelog.Debian.gz",
                 test::entry("b", 2, "Ann", 5) + test::entry("b", 1, "Ann", 5));
  test::write_gz(package("a") + "/changelog.Debian.gz",
                 test::entry("a", 7, "Ann", 5) + test::entry("a", 6, "Ann", 2));
  const DataSet data = read();
  const Person& ann = data.people.at(0);
  EXPECT_EQ(ann.train.at(0).id, "a_6");
  EXPECT_EQ(ann.train.at(1).id, "a_7");
  EXPECT_EQ(ann.dev.at(0).id, "b_1");
  EXPECT_EQ(ann.test.at(0).id, "b_2");
}

TEST_F(ChangelogReader, SaysWhatToDoWhereThereIsNothing) {
  test::expect_error(
      ErrorCode::kNotFound, [&] { (void)read(); }, "--source verses");
  test::write_gz(package("x") + "/changelog.Debian.gz", test::entries("x", 4, "Ann"));
  test::expect_error(
      ErrorCode::kNotFound, [&] { (void)read(5); }, root_.path());
  test::expect_error(
      ErrorCode::kNotFound, [&] { (void)read_changelogs(root_.file("absent"), {}); },
      "--source verses");
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)read(2); }, "min_entries");
}

}  // namespace
}  // namespace pema::data
