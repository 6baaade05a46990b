#include "pema/samples.h"

#include <algorithm>

#include "tests/support/expect_error.h"

namespace pema {
namespace {

using test::expect_error;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Documents of the given lengths; row i has the features (first + i, -(first + i)) and the target
/// first + i.
SampleSet make(const std::vector<std::int64_t>& lengths, int first = 0) {
  std::vector<std::int64_t> starts{0};
  std::vector<std::int64_t> prompts;
  for (const std::int64_t length : lengths) {
    starts.push_back(starts.back() + length);
    prompts.push_back(10 + length);
  }
  Matrix<float> features(starts.back(), 2);
  std::vector<std::int32_t> targets;
  for (std::int64_t i = 0; i < features.rows(); ++i) {
    features.row(i)[0] = static_cast<float>(first + i);
    features.row(i)[1] = -static_cast<float>(first + i);
    targets.push_back(static_cast<std::int32_t>(first + i));
  }
  return {std::move(features), std::move(targets), std::move(starts), std::move(prompts)};
}

TEST(SampleSet, ShowsWhatItWasGiven) {
  const SampleSet set = make({2, 3});
  const Samples view = set.view();
  EXPECT_EQ(view.rows(), 5);
  EXPECT_EQ(view.documents(), 2);
  EXPECT_THAT(view.targets, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(view.document_start, ElementsAre(0, 2, 5));
  EXPECT_THAT(view.prompt_length, ElementsAre(12, 13));
  EXPECT_EQ(view.features.at(4, 1), -4.0F);
}

TEST(SampleSet, IsEmptyByDefault) {
  const SampleSet set;
  EXPECT_EQ(set.rows(), 0);
  EXPECT_EQ(set.view().documents(), 0);
  EXPECT_THAT(set.view().document_start, ElementsAre(0));
  EXPECT_EQ(set.slice(0, 0).rows(), 0);
}

TEST(SampleSet, RefusesLengthsThatDisagree) {
  const auto refused = [](std::int64_t rows, std::vector<std::int32_t> targets,
                          std::vector<std::int64_t> starts, std::vector<std::int64_t> prompts) {
    expect_error(ErrorCode::kInvalidArgument,
                 [&] { SampleSet(Matrix<float>(rows, 2), targets, starts, prompts); });
  };
  refused(3, {1, 2}, {0, 3}, {4});
  refused(2, {1, 2}, {0, 2}, {});
  refused(2, {1, 2}, {0, 2}, {4, 4});
  refused(2, {1, 2}, {}, {});
  refused(2, {1, 2}, {1, 2}, {4});
  refused(2, {1, 2}, {0, 1}, {4});
  refused(2, {1, 2}, {0, 3, 2}, {4, 4});
  refused(2, {1, 2}, {0, -1, 2}, {4, 4});
  refused(2, {1, -2}, {0, 2}, {4});
  refused(2, {1, 2}, {0, 2}, {-4});
}

TEST(SampleSet, SlicesWholeDocuments) {
  const SampleSet set = make({2, 0, 3, 1});
  const SampleSet middle = set.slice(1, 3);
  EXPECT_THAT(middle.view().targets, ElementsAre(2, 3, 4));
  EXPECT_THAT(middle.view().document_start, ElementsAre(0, 0, 3));
  EXPECT_THAT(middle.view().prompt_length, ElementsAre(10, 13));
  EXPECT_EQ(middle.view().features.at(0, 0), 2.0F);
  EXPECT_EQ(middle.view().features.at(2, 1), -4.0F);
  EXPECT_EQ(set.slice(0, 4).rows(), 6);
  EXPECT_EQ(set.slice(4, 4).rows(), 0);
  EXPECT_EQ(set.slice(4, 4).view().features.cols, 2);
}

TEST(SampleSet, RefusesSlicesOutside) {
  const SampleSet set = make({2, 3});
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)set.slice(-1, 1); });
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)set.slice(0, 3); }, "set of 2");
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)set.slice(2, 1); });
}

TEST(SampleSet, ConcatenatesInOrder) {
  const SampleSet a = make({2, 1});
  const SampleSet none;
  const SampleSet b = make({1, 0}, 100);
  const SampleSet* sets[] = {&a, &none, &b};
  const SampleSet all = SampleSet::concatenate(sets);
  EXPECT_THAT(all.view().targets, ElementsAre(0, 1, 2, 100));
  EXPECT_THAT(all.view().document_start, ElementsAre(0, 2, 3, 4, 4));
  EXPECT_THAT(all.view().prompt_length, ElementsAre(12, 11, 11, 10));
  EXPECT_EQ(all.view().features.at(2, 1), -2.0F);
  EXPECT_EQ(all.view().features.at(3, 0), 100.0F);
  EXPECT_EQ(SampleSet::concatenate({}).rows(), 0);
}

TEST(SampleSet, SlicesPutTogetherAreTheWhole) {
  const SampleSet set = make({2, 3, 1});
  const SampleSet parts[] = {set.slice(0, 1), set.slice(1, 1), set.slice(1, 3)};
  const SampleSet* pointers[] = {&parts[0], &parts[1], &parts[2]};
  const SampleSet whole = SampleSet::concatenate(pointers);
  EXPECT_TRUE(std::ranges::equal(whole.view().targets, set.view().targets));
  EXPECT_TRUE(std::ranges::equal(whole.view().document_start, set.view().document_start));
  EXPECT_TRUE(std::ranges::equal(whole.view().prompt_length, set.view().prompt_length));
}

TEST(SampleSet, RefusesToPutDifferentWidthsTogether) {
  const SampleSet two = make({1});
  const SampleSet three(Matrix<float>(1, 3), {7}, {0, 1}, {1});
  const SampleSet zero(Matrix<float>(1, 0), {7}, {0, 1}, {1});
  for (const SampleSet* other : {&three, &zero}) {
    const SampleSet* forward[] = {&two, other};
    const SampleSet* backward[] = {other, &two};
    expect_error(
        ErrorCode::kMismatch, [&] { (void)SampleSet::concatenate(forward); }, "width");
    expect_error(ErrorCode::kMismatch, [&] { (void)SampleSet::concatenate(backward); });
  }
  const SampleSet* null[] = {nullptr};
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)SampleSet::concatenate(null); });
}

}  // namespace
}  // namespace pema
