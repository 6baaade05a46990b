#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "pema/data/dataset.h"
#include "pema/data/lamp.h"
#include "src/data/people.h"
#include "tests/data/data_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::data {
namespace {

DataSet make_set() {
  BuildOptions options;
  options.min_entries = 3;
  DataSet data;
  data.source = "changelogs";
  data.task = "PEMA_changelog";
  data.note = "a \"note\"";
  data.people = split_people(
      {test::history("zoe", 12), test::history("ann", 5), test::history("bob", 3)}, options);
  data.people[1].train[0].target = data.people[1].test[0].target;  // equal texts are kept apart
  data.digest = dataset_digest(data);
  return data;
}

void expect_equal(const std::vector<Example>& a, const std::vector<Example>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].id, b[i].id);
    EXPECT_EQ(a[i].date, b[i].date);
    EXPECT_EQ(a[i].prompt, b[i].prompt);
    EXPECT_EQ(a[i].target, b[i].target);
  }
}

void expect_equal(const DataSet& a, const DataSet& b) {
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.task, b.task);
  EXPECT_EQ(a.note, b.note);
  EXPECT_EQ(a.digest, b.digest);
  ASSERT_EQ(a.people.size(), b.people.size());
  for (std::size_t i = 0; i < a.people.size(); ++i) {
    EXPECT_EQ(a.people[i].key, b.people[i].key);
    expect_equal(a.people[i].train, b.people[i].train);
    expect_equal(a.people[i].dev, b.people[i].dev);
    expect_equal(a.people[i].test, b.people[i].test);
  }
}

TEST(LampDataSet, ReadsBackExactlyWhatWasWritten) {
  test::TemporaryFolder folder;
  const DataSet data = make_set();
  write_lamp(data, folder.file("new/set"));
  expect_equal(read_lamp(folder.file("new/set")), data);
  write_lamp(data, folder.file("new/set"));  // over itself
  expect_equal(read_lamp(folder.file("new/set")), data);
}

TEST(LampDataSet, KeepsPeopleWithMissingParts) {
  test::TemporaryFolder folder;
  DataSet data = make_set();
  data.people[0].dev.clear();
  data.people[0].test.clear();
  data.people[1].train.clear();
  data.people[2].dev.clear();
  data.people[2].train.resize(1);
  data.digest = dataset_digest(data);
  write_lamp(data, folder.path());
  expect_equal(read_lamp(folder.path()), data);
}

TEST(LampDataSet, HasLampsTimeSplitLayout) {
  test::TemporaryFolder folder;
  const DataSet data = make_set();
  write_lamp(data, folder.path());
  EXPECT_EQ(folder.entries(), 7);
  const Person& zoe = data.people[0];
  std::vector<Question> test_questions;
  (void)read_questions(folder.file("test_questions.json"),
                       [&](Question&& q) { return test_questions.push_back(std::move(q)), true; });
  ASSERT_FALSE(test_questions.empty());
  EXPECT_EQ(test_questions[0].user, "zoe");
  EXPECT_EQ(test_questions[0].input, zoe.test[0].prompt);
  ASSERT_EQ(test_questions[0].profile.size(), zoe.train.size() + zoe.dev.size());
  EXPECT_EQ(test_questions[0].profile[0].field("title"), zoe.train[0].prompt);
  EXPECT_EQ(test_questions[0].profile[0].field("text"), zoe.train[0].target);
  std::vector<Question> train_questions;
  (void)read_questions(folder.file("train_questions.json"),
                       [&](Question&& q) { return train_questions.push_back(std::move(q)), true; });
  ASSERT_EQ(train_questions.size(), 3u);
  EXPECT_EQ(train_questions[0].id, zoe.train.back().id);
  EXPECT_EQ(train_questions[0].profile.size(), zoe.train.size() - 1);
}

TEST(LampDataSet, DigestDependsOnEveryPartThatMatters) {
  const DataSet data = make_set();
  const auto changes = [&](auto change) {
    DataSet other = make_set();
    change(other);
    return dataset_digest(other) != data.digest;
  };
  EXPECT_TRUE(changes([](DataSet& d) { d.people[0].key = "y"; }));
  EXPECT_TRUE(changes([](DataSet& d) { d.people[0].dev[0].target += "x"; }));
  EXPECT_TRUE(changes([](DataSet& d) { d.people[0].dev[0].prompt += "x"; }));
  EXPECT_TRUE(changes([](DataSet& d) { d.people[0].dev[0].date = "2021-01-01"; }));
  EXPECT_TRUE(changes([](DataSet& d) { std::swap(d.people[0], d.people[1]); }));
  EXPECT_TRUE(changes([](DataSet& d) {
    d.people[0].dev.insert(d.people[0].dev.begin(), d.people[0].train.back());
    d.people[0].train.pop_back();
  }));
  EXPECT_FALSE(changes([](DataSet& d) { d.note = "another"; }));
}

TEST(LampDataSet, FindsReplacedAndDamagedFiles) {
  test::TemporaryFolder folder;
  write_lamp(make_set(), folder.path());
  const auto damage = [&](const std::string& name, const std::string& from, const std::string& to) {
    write_lamp(make_set(), folder.path());
    std::string text = test::read_text(folder.file(name));
    text.replace(text.find(from), from.size(), to);
    test::write_text(folder.file(name), text);
  };
  const auto refuses = [&](const std::string& words) {
    test::expect_error(
        ErrorCode::kCorrupt, [&] { (void)read_lamp(folder.path()); }, words);
  };
  damage("test_outputs.json", "target 12", "target 99");
  refuses("digest");
  damage("test_outputs.json", "\"zoe-12\"", "\"zoe-99\"");
  refuses("has no question");
  write_lamp(make_set(), folder.path());
  std::filesystem::remove(folder.file("dev_outputs.json"));
  refuses("no such file");
  damage("dataset.json", "\"ann\"", "\"ann2\"");
  refuses("ann2");
  damage("dataset.json", "pema-dataset", "other-dataset");
  refuses("not a pema data set");
  damage("dataset.json", "\"digest\": \"", "\"digest\": \"zz");
  refuses("digest is damaged");
  damage("dataset.json", "\"version\": 1", "\"version\": 2");
  test::expect_error(
      ErrorCode::kUnsupported, [&] { (void)read_lamp(folder.path()); }, "newer");
}

TEST(LampDataSet, RefusesNamesThatCannotBeFoundAgain) {
  test::TemporaryFolder folder;
  const auto refuses = [&](auto change, const char* words) {
    DataSet bad = make_set();
    change(bad);
    test::expect_error(
        ErrorCode::kInvalidArgument, [&] { write_lamp(bad, folder.file("set")); }, words);
    EXPECT_EQ(folder.entries(), 0);
  };
  refuses([](DataSet& d) { d.people[0].key = d.people[1].key; }, "used twice");
  refuses([](DataSet& d) { d.people[0].key = ""; }, "empty");
  refuses([](DataSet& d) { d.people[0].dev[0].id = d.people[1].dev[0].id; }, "used twice");
  refuses([](DataSet& d) { d.people.push_back({"empty", {}, {}, {}}); }, "no examples");
}

}  // namespace
}  // namespace pema::data
