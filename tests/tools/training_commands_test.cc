/// `pool train`, `profile enrol`, `eval` and `demo` as a user meets them, on a tiny random model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "pema/error.h"
#include "tests/support/letter_people.h"
#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kLetters =
    "dear ada\n\nthe tea is cold\n\nwrite soon\n\nthe tea was cold again\n\nyours\n";

/// Eleven people in LaMP's layout.
std::string write_people(const World& world) {
  data::write_lamp(letter_people(11, 4, 1, 1), world.file("people"));
  return world.file("people");
}

int status_of(ErrorCode code) { return exit_code(code); }

class Training : public ::testing::Test {
 protected:
  /// Runs `profile enrol NAME` over the pool "tiny" with a quick recipe.
  [[nodiscard]] Outcome enrol(const std::string& name, const std::string& text,
                              std::vector<std::string> more = {},
                              const RunOptions& options = {}) const {
    return world_.pema(enrol_arguments(name, text, std::move(more)), options);
  }
  [[nodiscard]] static std::vector<std::string> enrol_arguments(
      const std::string& name, const std::string& text, std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"profile", "enrol", name, "--pool", "tiny", "--text", text};
    if (std::ranges::find(more, "--epochs") == more.end()) {
      all.insert(all.end(), {"--epochs", "3"});
    }
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  [[nodiscard]] bool exists(const std::string& name) const {
    return world_.pema({"profile", "show", name}).status == 0;
  }
  /// Everything below the store, path and bytes.
  [[nodiscard]] std::vector<std::string> objects() const {
    std::vector<std::string> found;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(world_.store() + "/objects")) {
      if (entry.is_regular_file()) found.push_back(entry.path().string());
    }
    std::ranges::sort(found);
    return found;
  }
  World world_;
  std::string letters_ = world_.write("letters.txt", kLetters);
};

TEST_F(Training, EnrolStoresAMaskASegmentAndASchedule) {
  const Outcome outcome = enrol("carol", letters_, {"--json", "--read", "handbook"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const nlohmann::json profile = outcome.json();
  EXPECT_EQ(profile["name"], "carol");
  EXPECT_GT(profile["train_tokens"], 0);
  EXPECT_GT(profile["dev_tokens"], 0);
  const nlohmann::json shown = world_.pema({"profile", "show", "carol", "--json"}).json();
  EXPECT_EQ(shown["segments"].size(), 2U);
  const nlohmann::json said = world_.generate({"the tea", "--tokens", "4", "--profile", "carol"});
  EXPECT_EQ(said["profile"], "carol");
  EXPECT_NE(said["log_probabilities"],
            world_.generate({"the tea", "--tokens", "4"})["log_probabilities"]);
}

TEST_F(Training, TheSameSeedGivesTheSameMask) {
  for (const char* name : {"one", "two"}) {
    ASSERT_EQ(enrol(name, letters_, {"--no-memory"}).status, 0);
  }
  const auto mask = [&](const std::string& name) {
    return world_.pema({"profile", "show", name, "--json"}).json()["mask"];
  };
  EXPECT_EQ(mask("one"), mask("two"));
}

TEST_F(Training, EveryEstimatorIsReachable) {
  for (const char* estimator : {"gumbel_top_k", "soft_top_k"}) {
    const Outcome outcome =
        enrol(estimator, letters_, {"--estimator", estimator, "--top-k", "5", "--json"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.json()["mask"]["down"]["adapters"].size(), 5U) << outcome.out;
  }
  EXPECT_EQ(enrol("soft", letters_, {"--soft"}).status, 0);
  const Outcome without_k = enrol("none", letters_, {"--estimator", "gumbel_top_k"});
  EXPECT_EQ(without_k.status, status_of(ErrorCode::kInvalidArgument));
  EXPECT_THAT(without_k.err, HasSubstr("needs k"));
}

TEST_F(Training, AHistoryThatCannotTeachIsRefusedAndNothingIsStored) {
  const auto before = objects();
  const auto refuse = [&](const std::string& text, ErrorCode code, const std::string& words) {
    const std::string path = world_.write("history.txt", text);
    const Outcome outcome = enrol("dora", path);
    EXPECT_EQ(outcome.status, status_of(code)) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(words), HasSubstr("history.txt")));
  };
  refuse("", ErrorCode::kInvalidArgument, "empty history");
  refuse(" \n\n\t\n", ErrorCode::kInvalidArgument, "empty history");
  refuse("caf\xe9 au lait\n", ErrorCode::kInvalidArgument, "UTF-8");
  const Outcome absent = enrol("dora", world_.file("nowhere.txt"));
  EXPECT_EQ(absent.status, status_of(ErrorCode::kNotFound));
  EXPECT_THAT(absent.err, HasSubstr("nowhere.txt"));
  EXPECT_FALSE(exists("dora"));
  EXPECT_EQ(objects(), before);
}

TEST_F(Training, AHistoryTooShortToBeSplitStillTeaches) {
  const std::string path = world_.write("short.txt", "only this\n");
  const Outcome outcome = enrol("brief", path, {"--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["dev_tokens"], 0);
}

TEST_F(Training, UnknownNamesAreSaidBeforeTheModelIsLoaded) {
  const Outcome pool = world_.pema({"profile", "enrol", "eve", "--pool", "huge", "--text", letters_,
                                    "--model", world_.file("no.gguf")});
  EXPECT_EQ(pool.status, status_of(ErrorCode::kNotFound));
  EXPECT_THAT(pool.err, HasSubstr("huge"));
  const Outcome segment = enrol("eve", letters_, {"--read", "nothing"});
  EXPECT_EQ(segment.status, status_of(ErrorCode::kNotFound));
  EXPECT_THAT(segment.err, HasSubstr("nothing"));
}

TEST_F(Training, APoolOfAnotherModelIsRefused) {
  const Outcome outcome = enrol("eve", letters_, {"--model", world_.other_model()});
  EXPECT_EQ(outcome.status, status_of(ErrorCode::kMismatch)) << outcome.err;
  EXPECT_FALSE(exists("eve"));
}

TEST_F(Training, ADamagedPoolIsRefused) {
  flip_byte(world_.pool_object(), -9);
  const Outcome outcome = enrol("eve", letters_);
  EXPECT_EQ(outcome.status, status_of(ErrorCode::kCorrupt)) << outcome.err;
  EXPECT_FALSE(exists("eve"));
}

TEST_F(Training, CtrlCWhileEnrollingStoresNothing) {
  const auto before = objects();
  RunOptions options;
  options.interrupt_after = "mask";
  const Outcome outcome = enrol("frank", letters_, {"--epochs", "1000000"}, options);
  EXPECT_EQ(outcome.status, status_of(ErrorCode::kInterrupted)) << outcome.err;
  EXPECT_FALSE(exists("frank"));
  EXPECT_EQ(objects(), before);
  EXPECT_EQ(enrol("frank", letters_).status, 0);
}

TEST_F(Training, TwoProcessesEnrollingOneNameGiveOneProfile) {
  std::vector<std::vector<std::string>> both(2, enrol_arguments("gina", letters_));
  for (auto& arguments : both) arguments.insert(arguments.begin(), {"--threads", "1"});
  const auto outcomes = run_together(PEMA_PROGRAM, both, world_.with_environment({}));
  std::vector<int> statuses;
  for (const Outcome& outcome : outcomes) statuses.push_back(outcome.status);
  std::ranges::sort(statuses);
  EXPECT_EQ(statuses, (std::vector<int>{0, status_of(ErrorCode::kAlreadyExists)}))
      << outcomes[0].err << outcomes[1].err;
  const nlohmann::json shown = world_.pema({"profile", "show", "gina", "--json"}).json();
  EXPECT_EQ(shown["generation"], 1);
}

TEST_F(Training, AFullDiskWhileEnrollingLeavesTheStoreAsItWas) {
  std::string text;
  for (int i = 0; i < 200; ++i) {
    text += "letter " + std::to_string(i) + " of many to write home\n\n";
  }
  const std::string diary = world_.write("diary.txt", text);
  // With the features cached, the one file that does not fit is the person's segment (700 KB).
  ASSERT_EQ(enrol("first", diary, {"--no-memory"}).status, 0);
  const auto before = objects();
  RunOptions options;
  options.file_size_limit = 400'000;
  const Outcome outcome = enrol("hugo", diary, {}, options);
  EXPECT_EQ(outcome.status, status_of(ErrorCode::kDiskFull)) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("objects"));
  EXPECT_FALSE(exists("hugo"));
  EXPECT_EQ(objects(), before);
  EXPECT_EQ(world_.pema({"pool", "verify"}).status, 0);
}

TEST_F(Training, PoolTrainStoresTheNextVersion) {
  const std::string people = write_people(world_);
  const std::vector<std::string> arguments = {
      "pool",     "train", "letters",  "--data", people,          "--adapters", "16",
      "--epochs", "2",     "--memory", "all",    "--shared-rank", "2",          "--json"};
  const Outcome first = world_.pema(arguments);
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(first.json()["version"], 1);
  EXPECT_EQ(first.json()["adapters"], 16);
  EXPECT_GT(first.json()["memory"]["entries"], 0);
  std::vector<std::string> other = arguments;
  other.insert(other.end(), {"--seed", "9"});
  EXPECT_EQ(world_.pema(other).json()["version"], 2);
  EXPECT_EQ(world_.pema({"pool", "verify"}).status, 0);
  EXPECT_TRUE(first.json()["gate"].is_string());
  EXPECT_EQ(
      world_.pema({"pool", "show", "letters", "--version", "1", "--json"}).json()["gate_object"],
      first.json()["gate"]);
  const Outcome enrolled = world_.pema({"profile", "enrol", "ivan", "--pool", "letters", "--data",
                                        people, "--person", "person-3", "--epochs", "2"});
  EXPECT_EQ(enrolled.status, 0) << enrolled.err;
  const auto gate_of = [&](std::vector<std::string> command) {
    command.emplace_back("--json");
    return world_.pema(command).json()["schedule"]["gate"].get<bool>();
  };
  EXPECT_TRUE(gate_of({"profile", "show", "ivan"}));
  EXPECT_THAT(world_.pema({"profile", "show", "ivan"}).out, HasSubstr("gate"));
  EXPECT_FALSE(gate_of({"profile", "set", "ivan", "--no-gate"}));
  EXPECT_TRUE(gate_of({"profile", "set", "ivan", "--gate"}));
  EXPECT_TRUE(gate_of({"profile", "set", "ivan", "--read-nothing"}));  // still valid weights
  EXPECT_EQ(world_.pema({"generate", "the", "--profile", "ivan", "--tokens", "2"}).status, 0);
  const std::vector<std::string> again = {"profile",  "enrol",    "ivan", "--pool",
                                          "letters",  "--data",   people, "--person",
                                          "person-3", "--epochs", "2",    "--replace"};
  std::vector<std::string> without = again;
  without.emplace_back("--no-gate");
  EXPECT_FALSE(gate_of(without));
  without.back() = "--no-memory";
  EXPECT_FALSE(gate_of(without));  // nothing to weigh by
}

TEST_F(Training, PoolTrainLeavesTheGateOutWhenAsked) {
  const Outcome outcome =
      world_.pema({"pool", "train", "plain", "--data", write_people(world_), "--adapters", "4",
                   "--epochs", "1", "--shared-rank", "2", "--no-gate", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.json()["gate"].is_null());
}

TEST_F(Training, APoolWithoutASharedAdapterLearnsItsGateWithMasks) {
  const Outcome outcome =
      world_.pema({"pool", "train", "masks", "--data", write_people(world_), "--adapters", "4",
                   "--epochs", "1", "--shared-rank", "0", "--gate-neighbours", "8", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.json()["gate"].is_string());
}

TEST_F(Training, PemasOwnFormIsAPoolToo) {
  const Outcome outcome = world_.pema({"pool", "train", "own", "--data", write_people(world_),
                                       "--method", "pema", "--pema-rank", "8", "--start",
                                       "reconstruction", "--pema-epochs", "1", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(world_.pema({"pool", "show", "own", "--json"}).json()["form"], "distribution");
}

TEST_F(Training, CtrlCWhileAPoolTrainsStoresNothing) {
  const std::string people = write_people(world_);
  RunOptions options;
  options.interrupt_after = "shared adapter";
  const Outcome outcome =
      world_.pema({"pool", "train", "letters", "--data", people, "--adapters", "16"}, options);
  EXPECT_EQ(outcome.status, status_of(ErrorCode::kInterrupted)) << outcome.err;
  EXPECT_EQ(world_.pema({"pool", "show", "letters"}).status, status_of(ErrorCode::kNotFound));
}

TEST_F(Training, AbsentChangelogsNameTheFolderAndTheOtherSource) {
  const Outcome outcome = world_.pema(
      {"pool", "train", "letters", "--source", "changelogs", "--doc-root", world_.file("nothing")});
  EXPECT_EQ(outcome.status, status_of(ErrorCode::kNotFound));
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("nothing"), HasSubstr("verses")));
}

TEST_F(Training, EvalScoresMethodsAndPemaBesideThem) {
  const Outcome outcome = world_.pema(
      {"eval", "--data", write_people(world_), "--method", "base,shared,pema", "--pema-rank", "4",
       "--start", "reconstruction", "--pema-epochs", "1", "--work", world_.file("work"), "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const nlohmann::json document = outcome.json();
  EXPECT_EQ(document["new_people"], 3);
  EXPECT_EQ(document["methods"].size(), 2U);
  EXPECT_GE(document["pema"].size(), 1U);
  EXPECT_EQ(document["pema"][0]["rank"], 4);
  const Outcome unknown =
      world_.pema({"eval", "--data", world_.file("people"), "--method", "magic"});
  EXPECT_EQ(unknown.status, status_of(ErrorCode::kInvalidArgument));
  EXPECT_THAT(unknown.err, AllOf(HasSubstr("magic"), HasSubstr("masks_memory")));
}

}  // namespace
}  // namespace pema::test
