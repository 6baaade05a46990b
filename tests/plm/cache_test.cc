#include "pema/plm/feature_cache.h"

#include <filesystem>

#include "src/plm/feature_file.h"
#include "tests/plm/plm_fixture.h"

namespace pema::plm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CacheTest : public PlmTest {
 protected:
  std::vector<FeatureRequest> requests(std::int64_t count) {
    std::vector<FeatureRequest> out;
    for (std::int64_t i = 0; i < count; ++i) {
      out.push_back({"person " + std::to_string(i), documents(4, static_cast<std::uint32_t>(i))});
    }
    return out;
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(path("cache"))) {
      out.push_back(entry.path().string());
    }
    std::ranges::sort(out);
    return out;
  }
};

void expect_equal(const std::vector<SampleSet>& a, const std::vector<SampleSet>& b,
                  double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Samples x = a[i].view();
    const Samples y = b[i].view();
    ASSERT_EQ(x.rows(), y.rows());
    EXPECT_TRUE(std::ranges::equal(x.targets, y.targets));
    EXPECT_TRUE(std::ranges::equal(x.document_start, y.document_start));
    EXPECT_TRUE(std::ranges::equal(x.prompt_length, y.prompt_length));
    for (std::int64_t r = 0; r < x.rows(); ++r) {
      EXPECT_LE(difference(x.features.row_span(r), y.features.row_span(r)), tolerance);
    }
  }
}

class Stop : public Progress {
 public:
  explicit Stop(std::int64_t after) : after_(after) {}
  void report(std::string_view, std::int64_t done, std::int64_t total, std::string_view) override {
    EXPECT_GE(done, last_);
    last_ = done;
    total_ = total;
  }
  [[nodiscard]] bool stop_requested() const override { return last_ >= after_; }
  std::int64_t after_;
  std::int64_t last_ = 0;
  std::int64_t total_ = 0;
};

TEST_F(CacheTest, GivesWhatFeaturesGives) {
  const auto model = tiny();
  auto asked = requests(5);
  asked.push_back({"nobody", {}});
  FeatureCache cache(path("cache"));
  FeatureCache::Counts counts;
  const auto computed = cache.get(*model, asked, {}, &counts);
  std::vector<SampleSet> expected;
  std::int64_t rows = 0;
  std::int64_t tokens = 0;
  for (const auto& request : asked) {
    expected.push_back(model->features(request.documents));
    rows += expected.back().rows();
    for (const auto& document : request.documents) {
      if (document.target.empty()) continue;
      tokens += std::ssize(document.prompt) + std::ssize(document.target) - 1;
    }
  }
  expect_equal(computed, expected, 1e-5);
  EXPECT_EQ(counts.computed_rows, rows);
  EXPECT_EQ(counts.computed_tokens, tokens);
  EXPECT_EQ(counts.cached_rows, 0);
  EXPECT_GT(counts.seconds, 0);
  const double took = counts.seconds;

  const auto again = cache.get(*model, asked, {}, &counts);
  expect_equal(again, computed, 0);
  EXPECT_EQ(counts.computed_rows, 0);
  EXPECT_EQ(counts.computed_tokens, 0);
  EXPECT_EQ(counts.seconds, 0);
  EXPECT_EQ(counts.cached_rows, rows);
  EXPECT_EQ(counts.cached_tokens, tokens);
  EXPECT_NEAR(counts.cached_seconds, took, 1e-9 * took);
}

TEST_F(CacheTest, KeyCoversModelSiteContextAndTokens) {
  const auto model = tiny();
  const auto asked = requests(1);
  FeatureCache cache(path("cache"));
  const auto files_after = [&](LanguageModel& by, const std::vector<FeatureRequest>& what,
                               const FeatureOptions& options) {
    static_cast<void>(cache.get(by, what, options));
    return files().size();
  };
  EXPECT_EQ(files_after(*model, asked, {}), 1U);
  auto renamed = asked;
  renamed[0].name = "somebody else";
  EXPECT_EQ(files_after(*model, renamed, {}), 1U);
  EXPECT_EQ(files_after(*model, asked, {FeatureSite::kPreNorm}), 2U);
  EXPECT_EQ(files_after(*model, asked, {FeatureSite::kPostNorm, FeatureContext::kOwnGreedy}), 3U);
  auto moved = asked;  // the same tokens, cut elsewhere
  moved[0].documents[0].prompt.push_back(moved[0].documents[0].target[0]);
  moved[0].documents[0].target.erase(moved[0].documents[0].target.begin());
  EXPECT_EQ(files_after(*model, moved, {}), 4U);
  test::TinyGguf other;
  other.seed = 9;
  EXPECT_EQ(files_after(*tiny(other), asked, {}), 5U);
}

TEST_F(CacheTest, EqualRequestsAreComputedOnce) {
  const auto model = tiny();
  auto asked = requests(2);
  asked.push_back(asked[0]);
  FeatureCache cache(path("cache"));
  FeatureCache::Counts counts;
  const auto sets = cache.get(*model, asked, {}, &counts);
  EXPECT_EQ(files().size(), 2U);
  EXPECT_EQ(counts.computed_rows, sets[0].rows() + sets[1].rows());
  expect_equal({sets[2]}, {sets[0]}, 0);
}

TEST_F(CacheTest, GoesOnAfterAnInterrupt) {
  ModelOptions options;
  options.batch_tokens = 64;
  const auto model = tiny({}, options);
  const auto asked = requests(8);
  FeatureCache cache(path("cache"));
  Stop stop(300);
  FeatureOptions interrupted;
  interrupted.progress = &stop;
  EXPECT_EQ(error_of([&] { static_cast<void>(cache.get(*model, asked, interrupted)); }).code(),
            ErrorCode::kInterrupted);
  const auto kept = files();
  EXPECT_GT(kept.size(), 1U);
  EXPECT_LT(kept.size(), 8U);

  FeatureCache::Counts counts;
  Stop watch(1 << 30);
  interrupted.progress = &watch;
  const auto sets = cache.get(*model, asked, interrupted, &counts);
  EXPECT_EQ(files().size(), 8U);
  EXPECT_GT(counts.cached_rows, 0);
  EXPECT_GT(counts.computed_rows, 0);
  EXPECT_EQ(watch.last_, watch.total_);
  EXPECT_EQ(watch.total_, counts.computed_tokens);
  FeatureCache fresh(path("fresh"));
  expect_equal(sets, fresh.get(*model, asked, {}), 1e-5);
}

TEST_F(CacheTest, ADamagedFileIsComputedAgain) {
  const auto model = tiny();
  const auto asked = requests(1);
  FeatureCache cache(path("cache"));
  const auto expected = cache.get(*model, asked, {});
  const std::string file = files().at(0);
  const std::string sound = read_text(file);
  for (const std::string& damaged :
       {std::string(), sound.substr(0, sound.size() - 1), sound + "x", std::string("garbage")}) {
    write_text(file, damaged);
    FeatureCache::Counts counts;
    expect_equal(cache.get(*model, asked, {}, &counts), expected, 0);
    EXPECT_EQ(counts.computed_rows, expected[0].rows());
    EXPECT_EQ(read_text(file).size(), sound.size());
    expect_equal(cache.get(*model, asked, {}, &counts), expected, 0);
    EXPECT_EQ(counts.cached_rows, expected[0].rows());
  }
}

TEST_F(CacheTest, EveryFlippedByteIsFound) {
  const auto model = tiny();
  const auto asked = requests(1);
  const FeatureKey key = feature_key(model->info(), {}, asked[0].documents);
  const auto bytes = encode_features(key, model->features(asked[0].documents).view(), {7, 0.5});
  auto damaged = bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    damaged[i] ^= std::byte{0x10};
    const Error error = error_of([&] { static_cast<void>(decode_features(damaged, key, "f")); });
    ASSERT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported);
    damaged[i] = bytes[i];
  }
  const CachedFeatures found = decode_features(bytes, key, "f");
  EXPECT_EQ(found.cost.tokens, 7);
  EXPECT_EQ(found.cost.seconds, 0.5);
  FeatureKey other = key;
  other.digest.bytes[0] ^= 1;
  EXPECT_THAT(error_of([&] { static_cast<void>(decode_features(bytes, other, "f")); }).what(),
              HasSubstr("other documents"));
}

TEST_F(CacheTest, NamesTheRequestAndRefusesAFileAsFolder) {
  const auto model = tiny();
  auto asked = requests(3);
  asked[1].documents[1].prompt.clear();
  FeatureCache cache(path("cache"));
  const Error error = error_of([&] { static_cast<void>(cache.get(*model, asked, {})); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("person 1"), HasSubstr("document 1")));
  write_text(path("file"), "x");
  EXPECT_EQ(error_of([&] { FeatureCache bad(path("file")); }).code(), ErrorCode::kIo);
}

}  // namespace
}  // namespace pema::plm
