#include "tools/experiment/cohort.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/expect_error.h"

namespace pema::tools {
namespace {

TEST(Cohort, EightyEightPeopleGiveThePublishedSetting) {
  const Cohort cohort = split_people(88);
  EXPECT_EQ(cohort.pool.size(), 64U);
  EXPECT_EQ(cohort.fresh.size(), 24U);
}

TEST(Cohort, NobodyIsInBothGroupsAndNobodyIsLost) {
  for (const std::int64_t people : {8, 11, 36, 89}) {
    const Cohort cohort = split_people(people);
    std::set<std::size_t> all(cohort.pool.begin(), cohort.pool.end());
    all.insert(cohort.fresh.begin(), cohort.fresh.end());
    EXPECT_EQ(all.size(), cohort.pool.size() + cohort.fresh.size());
    EXPECT_EQ(static_cast<std::int64_t>(all.size()), people);
    EXPECT_FALSE(cohort.fresh.empty());
  }
}

TEST(Cohort, TooFewPeopleAreRefused) {
  test::expect_error(
      ErrorCode::kInvalidArgument, [] { (void)split_people(7); }, "at least 8");
}

TEST(Cohort, LeavingOutNewPeopleKeepsThePoolAndChangesTheDigest) {
  data::DataSet data;
  for (int i = 0; i < 11; ++i) {
    data.people.push_back({std::to_string(i), {{"a", "2020-01-01", "p", "t"}}, {}, {}});
  }
  data.digest = data::dataset_digest(data);
  const Digest before = data.digest;
  leave_out_new_people(data);
  ASSERT_EQ(data.people.size(), 8U);
  for (const data::Person& person : data.people) {
    EXPECT_TRUE(person.key != "3" && person.key != "7" && person.key != "10") << person.key;
  }
  EXPECT_NE(data.digest, before);
}

}  // namespace
}  // namespace pema::tools
