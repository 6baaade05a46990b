#include "tests/plm/plm_fixture.h"

namespace pema::plm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double kRounding = 1e-5;  // f32 throughout; docs/decisions/0002-batched-features.md

using FeaturesTest = PlmTest;

FeatureOptions at(FeatureSite site, FeatureContext context = FeatureContext::kTeacherForced) {
  FeatureOptions options;
  options.site = site;
  options.context = context;
  return options;
}

std::span<const float> row(const SampleSet& set, std::int64_t index) {
  return set.view().features.row_span(index);
}

void expect_near(const SampleSet& a, const SampleSet& b) {
  ASSERT_EQ(a.rows(), b.rows());
  for (std::int64_t i = 0; i < a.rows(); ++i)
    EXPECT_LT(difference(row(a, i), row(b, i)), kRounding);
  EXPECT_TRUE(std::ranges::equal(a.view().targets, b.view().targets));
  EXPECT_TRUE(std::ranges::equal(a.view().document_start, b.view().document_start));
  EXPECT_TRUE(std::ranges::equal(a.view().prompt_length, b.view().prompt_length));
}

TEST_F(FeaturesTest, HasOneRowPerTargetToken) {
  const auto model = tiny();
  const auto all = documents(6);
  const SampleSet set = model->features(all);
  const Samples view = set.view();
  ASSERT_EQ(view.documents(), 6);
  std::int64_t rows = 0;
  for (std::int64_t d = 0; d < 6; ++d) {
    EXPECT_EQ(view.document_start[d], rows);
    EXPECT_EQ(view.prompt_length[d], std::ssize(all[d].prompt));
    for (const std::int32_t target : all[d].target) EXPECT_EQ(view.targets[rows++], target);
  }
  EXPECT_EQ(set.rows(), rows);
  EXPECT_EQ(view.document_start[2], view.document_start[3]);  // the one without a target
}

TEST_F(FeaturesTest, BatchingEqualsOneByOne) {
  const auto all = documents(12);
  for (const auto context : {FeatureContext::kTeacherForced, FeatureContext::kOwnGreedy}) {
    for (const auto site : {FeatureSite::kPostNorm, FeatureSite::kPreNorm}) {
      ModelOptions one;
      one.batch_documents = 1;
      const SampleSet expected = tiny({}, one)->features(all, at(site, context));
      // Batches smaller than a document, than the set, and larger than everything.
      for (const auto& [tokens, count] : {std::pair{7, 3}, {64, 5}, {2048, 32}}) {
        ModelOptions many;
        many.batch_tokens = tokens;
        many.batch_documents = count;
        expect_near(tiny({}, many)->features(all, at(site, context)), expected);
      }
    }
  }
}

TEST_F(FeaturesTest, HeadTimesFeatureIsTheModelsLogits) {
  for (const bool tied : {false, true}) {
    test::TinyGguf options;
    options.tied = tied;
    const auto model = tiny(options);
    const auto all = documents(4);
    std::int64_t rows = 0;
    model->visit_rows(all, {}, [&](std::int64_t, std::int64_t, auto feature, auto logits) {
      std::vector<float> expected;
      const Matrix<float>& weight = model->head().weight;
      for (std::int64_t v = 0; v < weight.rows(); ++v) {
        double sum = 0;
        for (std::int64_t i = 0; i < weight.cols(); ++i) sum += weight.row(v)[i] * feature[i];
        expected.push_back(static_cast<float>(sum));
      }
      EXPECT_LT(difference(logits, expected), 1e-4);
      ++rows;
    });
    EXPECT_EQ(rows, model->features(all).rows());
  }
}

TEST_F(FeaturesTest, VisitorSeesTheRowsOfFeatures) {
  ModelOptions options;
  options.batch_tokens = 16;
  const auto model = tiny({}, options);
  const auto all = documents(5);
  for (const auto site : {FeatureSite::kPostNorm, FeatureSite::kPreNorm}) {
    const SampleSet set = model->features(all, at(site));
    std::int64_t next = 0;
    model->visit_rows(all, at(site), [&](std::int64_t d, std::int64_t r, auto feature, auto) {
      EXPECT_EQ(set.view().document_start[d] + r, next);
      EXPECT_LT(difference(feature, row(set, next++)), kRounding);
    });
    EXPECT_EQ(next, set.rows());
  }
}

TEST_F(FeaturesTest, TheNormLeadsFromPreToPost) {
  const auto model = tiny();
  const auto all = documents(4);
  const SampleSet pre = model->features(all, at(FeatureSite::kPreNorm));
  const SampleSet post = model->features(all, at(FeatureSite::kPostNorm));
  const Head& head = model->head();
  for (std::int64_t i = 0; i < pre.rows(); ++i) {
    double square = 0;
    for (const float h : row(pre, i)) square += h * h;
    const double scale = 1 / std::sqrt(square / 32 + head.norm_eps);
    std::vector<float> normed;
    for (std::int64_t k = 0; k < 32; ++k) {
      normed.push_back(static_cast<float>(row(pre, i)[k] * scale * head.norm_weight[k]));
    }
    EXPECT_LT(difference(normed, row(post, i)), 1e-4);
  }
}

/// The model's own continuation, one token at a time: rows until the target's length or its own
/// end.
std::vector<std::vector<float>> naive_greedy(LanguageModel& model, const Document& document) {
  std::vector<std::vector<float>> rows;
  const auto conversation = model.start();
  std::vector<std::int32_t> next = document.prompt;
  while (rows.size() < document.target.size()) {
    conversation->append(next);
    const auto feature = conversation->features().row_span(0);
    rows.emplace_back(feature.begin(), feature.end());
    const auto logits = conversation->logits().row_span(0);
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    if (model.ends_generation(static_cast<std::int32_t>(best))) break;
    next = {static_cast<std::int32_t>(best)};
  }
  return rows;
}

TEST_F(FeaturesTest, OwnGreedyIsTheNaiveLoop) {
  std::int64_t stopped = 0;
  for (const float end_bias : {0.0F, 8.0F}) {  // with the bias some documents end early
    test::TinyGguf options;
    options.end_bias = end_bias;
    const auto model = tiny(options, {.exact_conversations = true});
    const auto all = documents(9, 11);
    const SampleSet set =
        model->features(all, at(FeatureSite::kPostNorm, FeatureContext::kOwnGreedy));
    for (std::int64_t d = 0; d < std::ssize(all); ++d) {
      const auto expected = naive_greedy(*model, all[d]);
      const std::int64_t first = set.view().document_start[d];
      ASSERT_EQ(set.view().document_start[d + 1] - first, std::ssize(expected)) << d;
      for (std::int64_t r = 0; r < std::ssize(expected); ++r) {
        EXPECT_LT(difference(row(set, first + r), expected[r]), kRounding);
        EXPECT_EQ(set.view().targets[first + r], all[d].target[r]);  // labels stay gold
      }
      stopped += expected.size() < all[d].target.size() ? 1 : 0;
    }
  }
  EXPECT_GT(stopped, 0);
}

TEST_F(FeaturesTest, RefusesBadDocumentsByNumber) {
  ModelOptions options;
  options.context = 30;
  const auto model = tiny({}, options);
  const auto error = [&](Document bad) {
    const std::vector<Document> all = {{{1}, {2}}, std::move(bad)};
    const Error found = error_of([&] { static_cast<void>(model->features(all)); });
    EXPECT_EQ(found.code(), ErrorCode::kInvalidArgument);
    return std::string(found.what());
  };
  EXPECT_THAT(error({{}, {1}}), AllOf(HasSubstr("document 1"), HasSubstr("no prompt")));
  EXPECT_THAT(error({{1}, {260}}), AllOf(HasSubstr("document 1"), HasSubstr("260")));
  EXPECT_THAT(error({{-1}, {2}}), HasSubstr("-1"));
  EXPECT_THAT(error({std::vector<std::int32_t>(16, 1), std::vector<std::int32_t>(16, 1)}),
              HasSubstr("31 tokens"));
  const std::vector<Document> fits = {
      {std::vector<std::int32_t>(16, 1), std::vector<std::int32_t>(15, 1)}};
  EXPECT_EQ(model->features(fits).rows(), 15);
}

class Stop : public Progress {
 public:
  explicit Stop(std::int64_t after) : after_(after) {}
  void report(std::string_view, std::int64_t done, std::int64_t total, std::string_view) override {
    EXPECT_GE(done, last_);
    EXPECT_LE(done, total);
    last_ = done;
    total_ = total;
    ++reports_;
  }
  [[nodiscard]] bool stop_requested() const override { return last_ >= after_; }
  std::int64_t after_;
  std::int64_t last_ = 0;
  std::int64_t total_ = -1;
  std::int64_t reports_ = 0;
};

TEST_F(FeaturesTest, ReportsTokensAndStopsWhenAsked) {
  ModelOptions options;
  options.batch_tokens = 40;
  test::TinyGguf early;
  early.end_bias = 8;
  const auto model = tiny(early, options);
  const auto all = documents(10);
  for (const auto context : {FeatureContext::kTeacherForced, FeatureContext::kOwnGreedy}) {
    FeatureOptions ask = at(FeatureSite::kPostNorm, context);
    Stop never(1 << 30);
    ask.progress = &never;
    const SampleSet expected = model->features(all, ask);
    EXPECT_EQ(never.last_, never.total_);
    EXPECT_GT(never.reports_, 3);
    Stop soon(50);
    ask.progress = &soon;
    EXPECT_EQ(error_of([&] { static_cast<void>(model->features(all, ask)); }).code(),
              ErrorCode::kInterrupted);
    ask.progress = nullptr;
    expect_near(model->features(all, ask), expected);  // an interrupt leaves nothing behind
  }
}

TEST_F(FeaturesTest, NamesOfContexts) {
  EXPECT_EQ(parse_feature_context("own_greedy"), FeatureContext::kOwnGreedy);
  EXPECT_EQ(parse_feature_context(to_string(FeatureContext::kTeacherForced)),
            FeatureContext::kTeacherForced);
  EXPECT_EQ(error_of([] { static_cast<void>(parse_feature_context("greedy")); }).code(),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace pema::plm
