#include "tools/experiment/walk.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/expect_error.h"
#include "tests/support/letter_people.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_gguf.h"
#include "tools/experiment/key_types.h"
#include "tools/experiment/registry_row.h"
#include "tools/experiment/skipped_recall.h"

namespace pema::tools {
namespace {

data::DataSet letter_people() { return test::letter_people(9, 5, 1, 2); }

MethodOptions small_methods() {
  MethodOptions methods = seeded_methods(7);
  methods.pool.adapters = 16;
  methods.pool.shared_rank = 4;
  methods.pool.shared.epochs = 3;
  methods.pool.joint.epochs = 3;
  methods.mask.optimiser.epochs = 3;
  methods.random_mask.optimiser.epochs = 3;
  methods.own.epochs = 3;
  methods.random_adapters = 8;
  methods.random_rank = 2;
  methods.own_rank = 2;
  return methods;
}

class WalkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    test::write_tiny_gguf(folder_.file("tiny.gguf"));
    plm::ModelOptions options;
    options.threads = 1;
    model_ = plm::LanguageModel::open(folder_.file("tiny.gguf"), options);
  }
  WalkOptions options(const std::string& work) {
    WalkOptions walk;
    walk.methods = small_methods();
    walk.model_path = folder_.file("tiny.gguf");
    walk.work = folder_.file(work);
    walk.cache = folder_.file("features");
    walk.threads = 1;
    return walk;
  }
  test::TemporaryFolder folder_;
  std::unique_ptr<plm::LanguageModel> model_;
};

TEST_F(WalkTest, ScoresEveryMethodAndFindsEverythingAgain) {
  Walk first(*model_, letter_people(), options("work"));
  const Evaluation evaluation = first.evaluate(kAllMethods);
  ASSERT_EQ(evaluation.people.size(), 2U);
  EXPECT_EQ(evaluation.enrolled, 2);
  EXPECT_GT(first.counts().computed_tokens, 0);
  for (const Method method : kAllMethods) {
    EXPECT_TRUE(std::isfinite(evaluation.nll(method))) << method_id(method);
  }
  // Everybody repeats themselves: adapters and memory must help.
  EXPECT_LT(evaluation.nll(Method::kOwnAdapter), evaluation.nll(Method::kBase));
  EXPECT_LT(evaluation.nll(Method::kMasksMemory), evaluation.nll(Method::kBase));

  const std::vector<KeyType> types = {KeyType::kFloat32, KeyType::kFloat16, KeyType::kInt8,
                                      KeyType::kProductQuantised};
  ASSERT_NE(first.foundation().codebook, nullptr);
  const auto rounded = evaluate_key_types(first, types, evaluation.nll(Method::kBase));
  ASSERT_EQ(rounded.size(), 4U);
  EXPECT_EQ(rounded[0].at("nll"), evaluation.nll(Method::kMasksMemory));
  EXPECT_EQ(rounded[0].at("nll_gate"), evaluation.nll(Method::kMasksMemoryGate));
  EXPECT_EQ(rounded[3].at("keys"), "pq");
  for (const auto& type : rounded) {
    EXPECT_NEAR(type.at("worse_than_f32").get<double>(), 0, 0.02) << type.dump();
    // The tiny model has few states: a codebook of the pool people's knows not all of the others'.
    const double most = type.at("keys") == "pq" ? 0.06 : 0.02;
    EXPECT_NEAR(type.at("worse_than_f32_gate").get<double>(), 0, most) << type.dump();
  }

  const auto skipped = evaluate_skipped_recall(first, std::vector<double>{1.0, 1e-6});
  ASSERT_EQ(skipped.size(), 2U);
  EXPECT_EQ(skipped[0].at("nll"), evaluation.nll(Method::kMasksMemory));
  EXPECT_EQ(skipped[0].at("nll_gate"), evaluation.nll(Method::kMasksMemoryGate));
  EXPECT_EQ(skipped[0].at("skipped"), 0.0);
  EXPECT_EQ(skipped[1].at("skipped"), 1.0);  // no word of the tiny model is less likely than that
  EXPECT_GT(skipped[1].at("worse").get<double>(), 0);

  Walk second(*model_, letter_people(), options("work"));
  EXPECT_EQ(second.counts().computed_tokens, 0);
  EXPECT_EQ(second.counts().cached_tokens, first.counts().computed_tokens);
  EXPECT_EQ(second.timings().pool, first.timings().pool);
  const Evaluation again = second.evaluate(kAllMethods);
  EXPECT_EQ(again.enrolled, 0);
  for (const Method method : kAllMethods) {
    EXPECT_EQ(again.nll(method), evaluation.nll(method)) << method_id(method);
  }
}

TEST_F(WalkTest, ProfilesThatDidNotSeeTheDevPartAreInTheSameStore) {
  const std::vector<Method> methods = {Method::kBase, Method::kOwnAdapter, Method::kMasksMemory};
  Walk walk(*model_, letter_people(), options("work"));
  const Evaluation seen = walk.evaluate(methods);
  WalkOptions held_out = options("work");
  held_out.methods.refit = false;
  Walk without(*model_, letter_people(), held_out);
  EXPECT_EQ(without.store_folder(), walk.store_folder());
  const Evaluation unseen = without.evaluate(methods);
  EXPECT_EQ(unseen.enrolled, 0);
  EXPECT_EQ(unseen.nll(Method::kBase), seen.nll(Method::kBase));
  EXPECT_NE(unseen.nll(Method::kOwnAdapter), seen.nll(Method::kOwnAdapter));
  EXPECT_NE(unseen.nll(Method::kMasksMemory), seen.nll(Method::kMasksMemory));

  const std::string& person = seen.people.front().key;
  const auto all = walk.store().find_profile(profile_name(Method::kMasksMemory, person));
  const auto part = walk.store().find_profile(profile_name(Method::kMasksMemory, person, false));
  ASSERT_TRUE(all.has_value() && part.has_value());
  EXPECT_EQ(all->schedule, part->schedule);  // tuned on what one has not seen and the other has
  const auto bytes = [&](const ProfileRecord& profile) {
    std::int64_t own = 0;
    for (const SegmentId id : profile.segments) {
      const auto segment = walk.store().find_segment(id);
      if (segment->kind == SegmentKind::kOwn) own += segment->bytes;
    }
    return own;
  };
  EXPECT_GT(bytes(*all), bytes(*part));
}

TEST_F(WalkTest, TheSameSeedGivesTheSamePoolAndMasks) {
  Walk one(*model_, letter_people(), options("one"));
  Walk two(*model_, letter_people(), options("two"));
  EXPECT_EQ(one.foundation().main.digest, two.foundation().main.digest);
  const std::vector<Method> masks = {Method::kBase, Method::kMasks};
  (void)one.evaluate(masks);
  (void)two.evaluate(masks);
  const std::string name = profile_name(Method::kMasks, one.data().people.at(3).key);
  ASSERT_TRUE(one.store().find_profile(name).has_value());
  EXPECT_EQ(one.store().find_profile(name)->mask, two.store().find_profile(name)->mask);
}

TEST_F(WalkTest, OtherOptionsGetAnotherStore) {
  WalkOptions other = options("work");
  other.methods.mask.optimiser.epochs = 4;
  const data::DataSet data = letter_people();
  EXPECT_NE(walk_key(model_->info(), data, options("work")), walk_key(model_->info(), data, other));
}

/// Stops at the first report of a stage.
class StopAt final : public Progress {
 public:
  explicit StopAt(std::string stage) : stage_(std::move(stage)) {}
  void report(std::string_view stage, std::int64_t done, std::int64_t, std::string_view) override {
    stop_ = stop_ || (stage == stage_ && done > 0);
  }
  [[nodiscard]] bool stop_requested() const override { return stop_; }

 private:
  std::string stage_;
  bool stop_ = false;
};

TEST_F(WalkTest, AnInterruptKeepsFinishedPeopleAndTheNextRunGoesOn) {
  StopAt stop("enrol and test new people");
  WalkOptions interrupted = options("work");
  interrupted.progress = &stop;
  const std::vector<Method> masks = {Method::kBase, Method::kMasks};
  {
    Walk walk(*model_, letter_people(), interrupted);
    test::expect_error(ErrorCode::kInterrupted, [&] { (void)walk.evaluate(masks); });
    EXPECT_EQ(walk.store().profile_count(), 2);  // one that saw the dev part and one that did not
  }
  Walk walk(*model_, letter_people(), options("work"));
  EXPECT_EQ(walk.evaluate(masks).enrolled, 1);
}

/// Remembers the stages that did anything.
class StageList final : public Progress {
 public:
  void report(std::string_view stage, std::int64_t, std::int64_t, std::string_view) override {
    stages_.insert(std::string(stage));
  }
  [[nodiscard]] bool stop_requested() const override { return false; }
  [[nodiscard]] bool has(const std::string& stage) const { return stages_.contains(stage); }

 private:
  std::set<std::string> stages_;
};

TEST_F(WalkTest, AnInterruptWhileThePoolTrainsKeepsTheSharedAdapter) {
  StopAt stop("pool");
  WalkOptions interrupted = options("work");
  interrupted.progress = &stop;
  test::expect_error(ErrorCode::kInterrupted,
                     [&] { const Walk walk(*model_, letter_people(), interrupted); });
  StageList stages;
  WalkOptions going_on = options("work");
  going_on.progress = &stages;
  const Walk walk(*model_, letter_people(), going_on);
  EXPECT_FALSE(stages.has("shared adapter"));
  EXPECT_TRUE(stages.has("pool"));
  EXPECT_GT(walk.timings().shared, 0);
  EXPECT_GT(walk.timings().pool, 0);
  const Walk whole(*model_, letter_people(), options("other"));
  EXPECT_EQ(walk.foundation().main.digest, whole.foundation().main.digest);
}

TEST_F(WalkTest, APersonWithoutHistoryIsRefusedAndNothingIsStored) {
  Walk walk(*model_, letter_people(), options("work"));
  Workshop shop = walk.shop();
  PersonMaterial nobody;
  nobody.key = "nobody";
  EnrolOptions enrol;
  test::expect_error(
      ErrorCode::kInvalidArgument,
      [&] { enrol_person(shop, "nobody", walk.foundation().main, nobody, enrol); },
      "empty history");
  EXPECT_FALSE(walk.store().find_profile("nobody").has_value());
}

TEST_F(WalkTest, AProfileCostsItsMaskAndAtMostHundredBytes) {
  Walk walk(*model_, letter_people(), options("work"));
  const std::vector<Method> methods = {Method::kBase, Method::kMasksMemory};
  const Evaluation evaluation = walk.evaluate(methods);
  const std::string name = profile_name(Method::kMasksMemory, evaluation.people.front().key);
  const RegistryCost cost = measure_registry_row(walk.store(), name, 10'000, folder_.file("row"));
  EXPECT_LE(cost.bytes_per_profile, static_cast<double>(cost.mask_bytes) + 100.0);
  EXPECT_FALSE(std::filesystem::exists(folder_.file("row")));
}

}  // namespace
}  // namespace pema::tools
