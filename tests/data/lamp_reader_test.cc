#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "pema/data/lamp.h"
#include "src/data/lamp_sax.h"
#include "tests/data/data_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::data {
namespace {

struct Parsed {
  std::string task;
  std::vector<LampItem> items;
};

Parsed parse(const std::string& text, LampKind kind = LampKind::kQuestions) {
  std::istringstream in(text);
  Parsed result;
  result.task = parse_lamp(in, "file.json", kind, [&](LampItem&& item) {
    result.items.push_back(std::move(item));
    return true;
  });
  return result;
}

void refuses(const std::string& text, const std::string& words,
             LampKind kind = LampKind::kQuestions) {
  test::expect_error(
      ErrorCode::kCorrupt, [&] { (void)parse(text, kind); }, words);
  test::expect_error(
      ErrorCode::kCorrupt, [&] { (void)parse(text, kind); }, "file.json: byte ");
}

TEST(LampReader, ReadsQuestionsInAnArray) {
  const Parsed parsed = parse(R"([
    {"id": "600", "input": "Say \"x\" \u00e9", "user_id": 7, "profile": [
      {"id": "1", "title": "T", "text": "X", "date": "2020-02-03"},
      {"text": "Y", "score": 5, "date": 2019, "id": 2, "rate": 0.50, "none": null, "deep": [1, {"id": "z"}]}]},
    {"id": 601, "input": ""}, {"id": "602", "input": "i", "profile": [], "extra": {"id": "no"}}])");
  ASSERT_EQ(parsed.items.size(), 3u);
  EXPECT_EQ(parsed.task, "");
  const Question& first = parsed.items[0].question;
  EXPECT_EQ(first.id, "600");
  EXPECT_EQ(first.user, "7");
  EXPECT_EQ(first.input, "Say \"x\" \xC3\xA9");
  ASSERT_EQ(first.profile.size(), 2u);
  EXPECT_EQ(first.profile[0].date, "2020-02-03");
  EXPECT_EQ(first.profile[0].field("text"), "X");
  EXPECT_EQ(first.profile[0].field("absent"), "");
  EXPECT_EQ(first.profile[1].id, "2");
  EXPECT_EQ(first.profile[1].date, "2019");
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"text", "Y"}, {"score", "5"}, {"rate", "0.50"}};
  EXPECT_EQ(first.profile[1].fields, fields);
  EXPECT_EQ(parsed.items[1].question.id, "601");
  EXPECT_TRUE(parsed.items[1].question.profile.empty());
  EXPECT_EQ(parsed.items[2].question.id, "602");
}

TEST(LampReader, ReadsTheWrapperWithTheTaskOnEitherSide) {
  const Parsed before = parse(R"({"task": "LaMP_6", "golds": [{"id": "1", "input": "q"}]})");
  EXPECT_EQ(before.task, "LaMP_6");
  EXPECT_EQ(before.items.size(), 1u);
  const Parsed after = parse(R"({"golds": [{"id": 1, "output": "[1]"}, {"id": -2, "output": 3}],
                                 "more": [[1], {"golds": 2}], "task": "LaMP_1"})",
                             LampKind::kOutputs);
  EXPECT_EQ(after.task, "LaMP_1");
  ASSERT_EQ(after.items.size(), 2u);
  EXPECT_EQ(after.items[0].output, "[1]");
  EXPECT_EQ(after.items[1].question.id, "-2");
  EXPECT_EQ(after.items[1].output, "3");
  EXPECT_TRUE(parse("[]").items.empty());
}

TEST(LampReader, SaysWhatWasExpected) {
  refuses("", "not valid JSON");
  refuses("[", "not valid JSON");
  refuses("3", "expected an array");
  refuses("[] x", "not valid JSON");
  refuses("[1]", "expected an object with an \"id\"");
  refuses("[[]]", "expected an object with an \"id\"");
  refuses("{}", "expected \"golds\" in the wrapper");
  refuses(R"({"golds": 1})", "\"golds\" to be an array");
  refuses(R"({"golds": {}})", "\"golds\" to be an array");
  refuses(R"({"golds": [], "golds": []})", "one list");
  refuses(R"([{"input": "q"}])", "an \"id\" in the item");
  refuses(R"([{"id": "", "input": "q"}])", "an \"id\" in the item");
  refuses(R"([{"id": null, "input": "q"}])", "an \"id\" in the item");
  refuses(R"([{"id": "1"}])", "an \"input\" in the question");
  refuses(R"([{"id": "1"}])", "an \"output\" in the item", LampKind::kOutputs);
  refuses(R"([{"id": "1", "input": "q", "profile": [{"text": "x"}]}])", "profile item");
  refuses(R"([{"id": "1", "input": "q", "profile": ["x"]}])", "an object with an \"id\"");
  refuses("[{\"id\": \"1\", \"input\": \"J\xF6rg\"}]", "not valid JSON");
}

TEST(LampReader, NamesTheByteOfTheDamage) {
  const std::string good = R"([{"id": "1", "input": "q"}, )";
  test::expect_error(
      ErrorCode::kCorrupt, [&] { (void)parse(good + "?]"); },
      "byte " + std::to_string(good.size() + 1));
}

TEST(LampReader, CapsDepth) {
  const std::string deep(100000, '[');
  refuses(R"([{"id": "1", "input": "q", "x": )" + deep, "nested deeper");
  std::string allowed = R"([{"id": "1", "input": "q", "x": [[[[[[[[1]]]]]]]]}])";
  EXPECT_EQ(parse(allowed).items.size(), 1u);
}

TEST(LampReader, StopsEarlyAndPassesExceptionsOn) {
  const std::string text = R"([{"id": "1", "input": "q"}, {"id": "2", "input": "q"}, broken)";
  int seen = 0;
  std::istringstream in(text);
  (void)parse_lamp(in, "file.json", LampKind::kQuestions, [&](LampItem&&) {
    ++seen;
    return false;
  });
  EXPECT_EQ(seen, 1);
  std::istringstream again(text);
  EXPECT_THROW((void)parse_lamp(again, "f", LampKind::kQuestions,
                                [](LampItem&&) -> bool { throw std::logic_error("mine"); }),
               std::logic_error);
}

TEST(LampReader, TellsAbsentFilesFromFolders) {
  test::TemporaryFolder folder;
  const auto ignore = [](Question&&) { return true; };
  test::expect_error(
      ErrorCode::kNotFound, [&] { (void)read_questions(folder.file("no"), ignore); },
      folder.file("no"));
  test::expect_error(
      ErrorCode::kIo, [&] { (void)read_questions(folder.path(), ignore); }, "folder");
}

TEST(QuestionWriter, WritesWhatTheReaderReads) {
  test::TemporaryFolder folder;
  const std::string path = folder.file("q.json");
  Question question{"a\"b", "user", "line\nbreak\x01 \xC3\xA9", "2020-01-01", {}};
  question.profile.push_back({"p1", "2019", {{"title", "t\\"}, {"text", ""}}});
  question.profile.push_back({"p2", "", {}});
  QuestionWriter writer(path);
  writer.add(question);
  writer.add({"2", "", "", "", {}});
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.close();
  EXPECT_EQ(folder.entries(), 1);
  std::vector<Question> read;
  EXPECT_EQ(read_questions(path, [&](Question&& q) { return read.push_back(std::move(q)), true; }),
            "");
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].id, question.id);
  EXPECT_EQ(read[0].user, question.user);
  EXPECT_EQ(read[0].input, question.input);
  EXPECT_EQ(read[0].date, question.date);
  ASSERT_EQ(read[0].profile.size(), 2u);
  EXPECT_EQ(read[0].profile[0].fields, question.profile[0].fields);
  EXPECT_EQ(read[0].profile[0].date, "2019");
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { writer.add(question); }, "after close");
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { writer.close(); }, "closed twice");
}

TEST(QuestionWriter, LeavesNothingBehindWhenItIsNotClosed) {
  test::TemporaryFolder folder;
  {
    QuestionWriter writer(folder.file("q.json"));
    writer.add({"1", "", "q", "", {}});
    test::expect_error(
        ErrorCode::kInvalidArgument,
        [&] {
          writer.add({"2", "", "J\xF6rg", "", {}});
        },
        "question 2: a text is not UTF-8");
  }
  EXPECT_EQ(folder.entries(), 0);
  test::expect_error(
      ErrorCode::kIo, [&] { QuestionWriter(folder.file("no/q.json")); }, "no/q.json");
}

TEST(WriteOutputs, WritesTheWrapper) {
  test::TemporaryFolder folder;
  for (const std::vector<Output>& outputs :
       {std::vector<Output>{}, {{"1", "a\n"}}, {{"1", "a"}, {"2", "\xE2\x82\xAC"}}}) {
    write_outputs(folder.file("o.json"), "LaMP_7", outputs);
    std::vector<Output> read;
    EXPECT_EQ(read_outputs(folder.file("o.json"),
                           [&](Output&& o) { return read.push_back(std::move(o)), true; }),
              "LaMP_7");
    ASSERT_EQ(read.size(), outputs.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(read[i].id, outputs[i].id);
      EXPECT_EQ(read[i].output, outputs[i].output);
    }
  }
}

}  // namespace
}  // namespace pema::data
