#include "tools/experiment/own_text.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema::tools {
namespace {

class OwnText : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = folder_.file(name);
    test::write_bytes(path, test::bytes_of(text));
    return path;
  }
  test::TemporaryFolder folder_;
};

TEST_F(OwnText, ParagraphsAreSplitAtBlankLinesAndTheNewestTuneTheLambdas) {
  const data::Person person =
      read_own_texts({file("a", "one\nstill one\n\n\n two\n \nthree\n"), file("b", "four")});
  ASSERT_EQ(person.train.size(), 3U);
  ASSERT_EQ(person.dev.size(), 1U);
  EXPECT_EQ(person.train[0].target, "one\nstill one");
  EXPECT_EQ(person.train[1].target, " two");
  EXPECT_EQ(person.dev[0].target, "four");
  EXPECT_TRUE(person.test.empty());
}

TEST_F(OwnText, AShortHistoryHasNoDevPart) {
  const data::Person person = read_own_texts({file("a", "one\n\ntwo")});
  EXPECT_EQ(person.train.size(), 2U);
  EXPECT_TRUE(person.dev.empty());
}

TEST_F(OwnText, AnEmptyHistoryIsRefused) {
  const std::string path = file("a", " \n\n\t\n");
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)read_own_texts({path}); }, "empty history");
}

TEST_F(OwnText, TextThatIsNotUtf8IsRefusedWithItsPlace) {
  const std::string path = file("a", "good \xff bad");
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)read_own_texts({path}); }, path);
}

data::DataSet two_people() {
  data::DataSet data;
  const data::Example example{"1", "", "p", "t"};
  data.people.push_back({"ada", {example, example}, {example}, {example}});
  data.people.push_back({"bob", {example}, {}, {}});
  return data;
}

TEST(ChoosePerson, ByKeyOrTheOnlyOne) {
  data::DataSet data = two_people();
  EXPECT_EQ(choose_person(data, "bob", false).key, "bob");
  data.people.resize(1);
  EXPECT_EQ(choose_person(data, "", false).key, "ada");
}

TEST(ChoosePerson, AnUnknownOrAmbiguousChoiceNamesWhoIsThere) {
  const data::DataSet data = two_people();
  test::expect_error(
      ErrorCode::kNotFound, [&] { (void)choose_person(data, "eve", false); }, "ada, bob");
  test::expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)choose_person(data, "", false); }, "--person");
}

TEST(ChoosePerson, EverythingLeavesNoTestPart) {
  const data::Person person = choose_person(two_people(), "ada", true);
  EXPECT_EQ(person.train.size(), 3U);
  EXPECT_EQ(person.dev.size(), 1U);
  EXPECT_TRUE(person.test.empty());
}

}  // namespace
}  // namespace pema::tools
