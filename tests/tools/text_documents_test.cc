#include "tools/text_documents.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/expect_error.h"

namespace pema::tools {
namespace {

std::vector<std::int32_t> tokens(int count) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  std::iota(ids.begin(), ids.end(), 100);
  return ids;
}

TEST(SplitDocuments, EveryTokenButTheFirstIsATargetOnceWithTheOneBeforeIt) {
  for (const int count : {2, 3, 4, 5, 6, 7, 8, 50}) {
    const auto documents = split_documents(tokens(count), 4);
    std::int32_t next = 101;
    for (const plm::Document& document : documents) {
      ASSERT_EQ(document.prompt.size(), 1U);
      EXPECT_EQ(document.prompt[0], next - 1);
      ASSERT_FALSE(document.target.empty());
      EXPECT_LE(document.prompt.size() + document.target.size(), 4U);
      for (const std::int32_t token : document.target) EXPECT_EQ(token, next++);
    }
    EXPECT_EQ(next, 100 + count);
  }
}

TEST(SplitDocuments, NothingComesOfLessThanTwoTokens) {
  EXPECT_TRUE(split_documents({}, 4).empty());
  EXPECT_TRUE(split_documents(tokens(1), 4).empty());
}

TEST(SplitDocuments, RefusesDocumentsWithoutRoomForATarget) {
  test::expect_error(ErrorCode::kInvalidArgument, [] { (void)split_documents(tokens(5), 1); });
}

TEST(GroupDocuments, KeepsOrderAndSize) {
  const auto requests = group_documents(split_documents(tokens(12), 2), "name", 4);
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].documents.size(), 4U);
  EXPECT_EQ(requests[2].documents.size(), 3U);
  EXPECT_EQ(requests[1].name, "name");
  EXPECT_EQ(requests[1].documents[0].target[0], 105);
}

}  // namespace
}  // namespace pema::tools
