#include "src/data/people.h"

#include <gtest/gtest.h>

#include "tests/data/data_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::data {
namespace {

BuildOptions options(std::int64_t min_entries, std::int64_t entries) {
  BuildOptions result;
  result.min_entries = min_entries;
  result.entries = entries;
  return result;
}

TEST(SplitPeople, CutsToTheNewestAndSplitsByTime) {
  const auto people = split_people({test::history("ann", 40)}, options(30, 34));
  ASSERT_EQ(people.size(), 1u);
  EXPECT_EQ(people[0].train.size(), 19u);  // round(0.56 * 34)
  EXPECT_EQ(people[0].dev.size(), 5u);     // round(0.15 * 34)
  EXPECT_EQ(people[0].test.size(), 10u);
  EXPECT_EQ(people[0].train.front().id, "ann-7");
  EXPECT_EQ(people[0].dev.front().id, "ann-26");
  EXPECT_EQ(people[0].test.back().id, "ann-40");
}

TEST(SplitPeople, RanksByAllEntriesNotByTheKeptOnes) {
  const auto people =
      split_people({test::history("a", 35), test::history("b", 90), test::history("c", 29),
                    test::history("d", 90), test::history("e", 31)},
                   options(30, 34));
  ASSERT_EQ(people.size(), 4u);
  EXPECT_EQ(people[0].key, "b");
  EXPECT_EQ(people[1].key, "d");
  EXPECT_EQ(people[2].key, "a");
  EXPECT_EQ(people[3].key, "e");
  EXPECT_EQ(people[3].train.size() + people[3].dev.size() + people[3].test.size(), 31u);
  BuildOptions two = options(30, 34);
  two.people = 2;
  EXPECT_EQ(
      split_people({test::history("a", 35), test::history("b", 90), test::history("d", 90)}, two)
          .size(),
      2u);
}

TEST(SplitPeople, EveryPartHasOneEntryWhateverTheFractions) {
  for (const TimeSplit split : {TimeSplit{0.56, 0.15}, TimeSplit{0.98, 0.01}, TimeSplit{0.01, 0.98},
                                TimeSplit{0.001, 0.0}}) {
    for (int n = 3; n <= 40; ++n) {
      BuildOptions all = options(3, 0);
      all.split = split;
      const auto people = split_people({test::history("p", n)}, all);
      ASSERT_EQ(people.size(), 1u);
      EXPECT_GE(people[0].train.size(), 1u);
      EXPECT_GE(people[0].dev.size(), 1u);
      EXPECT_GE(people[0].test.size(), 1u);
      EXPECT_EQ(people[0].train.size() + people[0].dev.size() + people[0].test.size(),
                static_cast<std::size_t>(n));
    }
  }
}

TEST(CheckOptions, NamesTheOptionThatIsWrong) {
  const auto refuses = [](auto change, const char* words) {
    BuildOptions bad;
    change(bad);
    test::expect_error(
        ErrorCode::kInvalidArgument, [&] { check_options(bad); }, words);
  };
  refuses([](BuildOptions& o) { o.min_entries = 2; }, "min_entries");
  refuses([](BuildOptions& o) { o.people = -1; }, "people");
  refuses([](BuildOptions& o) { o.entries = 2; }, "entries");
  refuses([](BuildOptions& o) { o.split.train = 0; }, "train");
  refuses([](BuildOptions& o) { o.split = {0.9, 0.1}; }, "below 1");
  refuses([](BuildOptions& o) { o.split.dev = -0.1; }, "dev");
  EXPECT_NO_THROW(check_options({}));
}

}  // namespace
}  // namespace pema::data
