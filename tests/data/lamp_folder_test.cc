#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "pema/data/dataset.h"
#include "src/data/lamp_tasks.h"
#include "tests/data/data_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::data {
namespace {

class LampFolder : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    test::write_text(folder_.file(name), text);
  }
  DataSet read(const std::string& task = {}) { return read_lamp(folder_.path(), task); }
  test::TemporaryFolder folder_;
};

constexpr const char* kNews = R"([
  {"id": "1", "user_id": "u", "input": "Generate a headline for the following article: third",
   "profile": [{"id": "10", "title": "T1", "text": "first", "date": "2020-01-02"},
               {"id": "11", "title": "T0", "text": "zeroth", "date": "2019"},
               {"id": "12", "title": "T3", "text": "third", "date": "2020-02-02"},
               {"id": "13", "title": "", "text": "no title"}]}])";

TEST_F(LampFolder, ReadsATimeSplitWithoutTheAnswersInTheHistory) {
  write("dev_questions.json", kNews);
  write("dev_outputs.json", R"({"task": "LaMP_4", "golds": [{"id": 1, "output": "T3"}]})");
  write("test_questions.json", kNews);
  const DataSet data = read();
  EXPECT_EQ(data.source, "lamp");
  EXPECT_EQ(data.task, "LaMP_4");
  EXPECT_EQ(data.note, "left out: 1 history items without text or label");
  ASSERT_EQ(data.people.size(), 1u);
  const Person& user = data.people[0];
  EXPECT_EQ(user.key, "u");
  ASSERT_EQ(user.train.size(), 2u);  // the union of both files, by date, without the dev answer
  EXPECT_EQ(user.train[0].id, "11");
  EXPECT_EQ(user.train[1].id, "10");
  EXPECT_EQ(user.train[1].prompt, "Generate a headline for the following article: first\n");
  EXPECT_EQ(user.train[1].target, "T1");
  ASSERT_EQ(user.dev.size(), 1u);
  EXPECT_EQ(user.dev[0].prompt, "Generate a headline for the following article: third\n");
  EXPECT_EQ(user.dev[0].target, "T3");
  EXPECT_TRUE(user.test.empty());  // the answers are not public
  EXPECT_EQ(data.digest, dataset_digest(data));
}

TEST_F(LampFolder, UserSplitKnowsPeopleByTheirHistory) {
  const std::string a =
      R"("profile": [{"id": 1, "text": "x", "score": "5"}, {"id": 2, "text": "y", "score": 4}])";
  const std::string swapped =
      R"("profile": [{"id": "2", "text": "y", "score": "4"}, {"id": "1", "text": "x", "score": "5"}])";
  const std::string b = R"("profile": [{"id": "3", "text": "z", "score": "1"}])";
  write("dev_questions.json", R"([{"id": "7", "input": "i", )" + a +
                                  R"(}, {"id": "8", "input": "j", )" + b +
                                  R"(}, {"id": "9", "input": "k", )" + swapped +
                                  R"(}, {"id": "5", "input": "l", "profile": []}])");
  write("dev_outputs.json", R"({"task": "LaMP-3", "golds": [{"id": "7", "output": "5"},
    {"id": "8", "output": "1"}, {"id": "9", "output": "2"}, {"id": "5", "output": "3"}]})");
  const DataSet data = read();
  EXPECT_EQ(data.task, "LaMP_3");
  ASSERT_EQ(data.people.size(), 3u);
  EXPECT_EQ(data.people[0].dev.size(), 2u);
  EXPECT_EQ(data.people[0].train.size(), 2u);
  EXPECT_EQ(data.people[0].key.size(), 16u);
  EXPECT_EQ(data.people[1].train.size(), 1u);
  EXPECT_EQ(data.people[2].key, "question:5");
}

TEST_F(LampFolder, RefusesFilesThatDoNotBelongTogether) {
  test::expect_error(
      ErrorCode::kNotFound, [&] { (void)read(); }, "questions.json");
  write("train_questions.json", kNews);
  test::expect_error(
      ErrorCode::kUnsupported, [&] { (void)read(); }, "--task");
  test::expect_error(
      ErrorCode::kCorrupt, [&] { (void)read("LaMP_4"); }, "no such file");
  write("train_outputs.json", R"({"task": "LaMP_4", "golds": [{"id": "2", "output": "T"}]})");
  test::expect_error(
      ErrorCode::kCorrupt, [&] { (void)read(); }, "the id 1 has no output");
  write("train_outputs.json", R"([{"id": "2", "output": "T"}, {"id": "1", "output": "T"}])");
  test::expect_error(
      ErrorCode::kCorrupt, [&] { (void)read("LaMP_4"); }, "the id 2 has no question");
  write("train_outputs.json", R"([{"id": "1", "output": "T"}, {"id": "1", "output": "T"}])");
  test::expect_error(
      ErrorCode::kCorrupt, [&] { (void)read("LaMP_4"); }, "occurs twice");
  write("train_outputs.json", R"({"task": "LaMP_9", "golds": [{"id": "1", "output": "T"}]})");
  test::expect_error(
      ErrorCode::kUnsupported, [&] { (void)read(); }, "LaMP_9");
  EXPECT_EQ(read("LaMP-4").task, "LaMP_4");
  write("dev_questions.json", R"({"task": "LaMP_5", "golds": []})");
  test::expect_error(
      ErrorCode::kCorrupt, [&] { (void)read(); }, "folder of its own");
}

TEST_F(LampFolder, ATestFileMayHaveSomeOutputsButNoForeignOnes) {
  write(
      "test_questions.json",
      R"([{"id": "1", "user_id": "u", "input": "a"}, {"id": "2", "user_id": "u", "input": "b"}])");
  write("test_outputs.json", R"({"task": "LaMP_7", "golds": [{"id": "2", "output": "T"}]})");
  const DataSet data = read();
  ASSERT_EQ(data.people.size(), 1u);
  ASSERT_EQ(data.people[0].test.size(), 1u);
  EXPECT_EQ(data.people[0].test[0].id, "2");
  write("test_outputs.json", R"({"task": "LaMP_7", "golds": [{"id": "3", "output": "T"}]})");
  test::expect_error(
      ErrorCode::kCorrupt, [&] { (void)read(); }, "the id 3 has no question");
}

std::string shown(const char* task, std::vector<std::pair<std::string, std::string>> fields) {
  const auto pair = LampTask::parse(task).pair({"1", "", std::move(fields)});
  if (!pair) return "nothing";
  const std::string text = pair->prompt.substr(static_cast<std::size_t>(pair->text_offset),
                                               static_cast<std::size_t>(pair->text_size));
  EXPECT_EQ(pair->prompt.back(), '\n');
  return text + " -> " + pair->target;
}

TEST(LampTask, MakesPairsAsEachTaskDemands) {
  EXPECT_EQ(shown("LaMP_1", {{"title", "T"}, {"abstract", "A"}}), "T -> A");
  EXPECT_EQ(shown("LaMP_2", {{"title", "T"}, {"text", "X"}, {"category", "women"}}), "X -> women");
  EXPECT_EQ(shown("LaMP_2", {{"tag", "action"}, {"description", "D"}}), "D -> action");
  EXPECT_EQ(shown("LaMP_3", {{"text", "R"}, {"score", "5"}}), "R -> 5");
  EXPECT_EQ(shown("LaMP_5", {{"title", "T"}, {"abstract", "A"}}), "A -> T");
  EXPECT_EQ(shown("LaMP_6", {{"title", "S"}, {"text", "E"}}), "E -> S");
  EXPECT_EQ(shown("LaMP_7", {{"text", "one two"}}), "one -> two");
  EXPECT_EQ(shown("LaMP_7", {{"text", " a b  c d e f g h i j "}}), "a b -> c d e f g h i j ");
}

TEST(LampTask, LeavesOutItemsWithNothingToLearn) {
  EXPECT_EQ(shown("LaMP_1", {{"title", "T"}, {"abstract", "No abstract available."}}), "nothing");
  EXPECT_EQ(shown("LaMP_5", {{"title", "T"}, {"abstract", "No abstract available"}}), "nothing");
  EXPECT_EQ(shown("LaMP_5", {{"title", "T"}}), "nothing");
  EXPECT_EQ(shown("LaMP_3", {{"text", " "}, {"score", "5"}}), "nothing");
  EXPECT_EQ(shown("LaMP_7", {{"text", "one"}}), "nothing");
  EXPECT_EQ(shown("LaMP_7", {{"text", "one  "}}), "nothing");
  EXPECT_EQ(shown("LaMP_7", {}), "nothing");
}

TEST(LampTask, KnowsAnItemThatIsTheAnswer) {
  const LampTask tweets = LampTask::parse("LaMP_7");
  const auto tweet = tweets.pair({"1", "", {{"text", "good morning to all"}}});
  ASSERT_TRUE(tweet.has_value());
  EXPECT_TRUE(tweets.answers(*tweet, "Paraphrase: hello\n", "good morning to all"));
  EXPECT_FALSE(tweets.answers(*tweet, "Paraphrase: hello\n", "good evening to all"));
  const LampTask ratings = LampTask::parse("LaMP_3");
  const auto rating = ratings.pair({"1", "", {{"text", "nice"}, {"score", "5"}}});
  ASSERT_TRUE(rating.has_value());
  EXPECT_TRUE(ratings.answers(*rating, "review: nice\n", "5"));
  EXPECT_FALSE(ratings.answers(*rating, "review: nice\n", "4"));
  EXPECT_FALSE(ratings.answers(*rating, "review: bad\n", "5"));
}

TEST(LampTask, RefusesOtherNames) {
  for (const char* name : {"", "LaMP_0", "LaMP_8", "LaMP_10", "lamp_4", "PEMA_changelog"}) {
    test::expect_error(
        ErrorCode::kUnsupported, [&] { (void)LampTask::parse(name); }, "LaMP_1");
  }
}

}  // namespace
}  // namespace pema::data
