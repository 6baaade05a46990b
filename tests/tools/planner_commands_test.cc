/// `pema tune` and `pema explain`: what they print, keep and refuse, and who goes by it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

class PlannerCommands : public ::testing::Test {
 protected:
  [[nodiscard]] nlohmann::json tune(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"tune", "--json", "--adapters", "64", "--rounds", "1"});
    const Outcome outcome = world_.pema(more);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.json();
  }
  [[nodiscard]] nlohmann::json explain(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"explain", "--json", "--profile", "alice"});
    const Outcome outcome = world_.pema(more);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.json();
  }
  [[nodiscard]] nlohmann::json doctor() const {
    const nlohmann::json report = world_.pema({"doctor", "--json"}).json();
    for (const auto& check : report["checks"]) {
      if (check["name"] == "costs") return check;
    }
    return {};
  }
  World world_;
};

TEST_F(PlannerCommands, TuneMeasuresKeepsAndTheOthersGoByIt) {
  EXPECT_EQ(explain()["costs"], "built_in");
  EXPECT_EQ(doctor()["ok"], false);
  EXPECT_EQ(doctor()["needed"], false);
  const nlohmann::json costs = tune();
  EXPECT_EQ(costs["threads"], 1);
  EXPECT_GE(costs["seconds"].size(), 17U);
  EXPECT_TRUE(std::filesystem::exists(costs["path"].get<std::string>()));
  const nlohmann::json plans = explain();
  EXPECT_EQ(plans["costs"], "measured");
  EXPECT_EQ(plans["measured"], costs["measured"]);
  EXPECT_EQ(doctor()["ok"], true);
  EXPECT_THAT(doctor()["detail"].get<std::string>(),
              HasSubstr(costs["measured"].get<std::string>()));
  const nlohmann::json said = world_.generate({"the cat", "--tokens", "4", "--profile", "alice"});
  EXPECT_EQ(said["profile"], "alice");
}

TEST_F(PlannerCommands, TunePrintsATableAndProgressElsewhere) {
  const Outcome outcome = world_.pema({"tune", "--adapters", "64", "--rounds", "2"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("head_add"));
  EXPECT_THAT(outcome.out, HasSubstr("kept in " + world_.file("cache")));
  EXPECT_THAT(outcome.err, HasSubstr("measuring"));
  EXPECT_EQ(world_.pema({"tune", "--adapters", "64", "--rounds", "1", "--quiet"}).err, "");
}

TEST_F(PlannerCommands, AnInterruptedTuneLeavesWhatWasThere) {
  const std::string path = tune()["path"];
  const auto before = std::filesystem::last_write_time(path);
  const Outcome outcome = world_.pema({"tune", "--adapters", "4096", "--rounds", "1000"},
                                      {.interrupt_after = "measuring"});
  EXPECT_EQ(outcome.status, 130) << outcome.err;
  EXPECT_EQ(std::filesystem::last_write_time(path), before);
}

TEST_F(PlannerCommands, ADamagedFileIsRefusedUntilItIsMeasuredAgain) {
  const std::string path = tune()["path"];
  flip_byte(path, -10);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"generate", "hello", "--tokens", "2"},
        {"explain", "--profile", "alice"}}) {
    const Outcome outcome = world_.pema(command);
    EXPECT_EQ(outcome.status, 6) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(path));
    EXPECT_THAT(outcome.err, HasSubstr("pema tune"));
  }
  EXPECT_EQ(doctor()["ok"], false);
  EXPECT_EQ(doctor()["needed"], true);
  (void)tune();
  EXPECT_EQ(world_.pema({"generate", "hello", "--tokens", "2"}).status, 0);
}

TEST_F(PlannerCommands, EachNumberOfThreadsHasItsOwnCosts) {
  const std::string one = tune()["path"];
  const auto with_two = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--threads", "2"});
    return run_program(PEMA_PROGRAM, arguments, world_.with_environment({}));
  };
  const std::string two =
      with_two({"tune", "--json", "--adapters", "64", "--rounds", "1"}).json()["path"];
  EXPECT_NE(one, two);
  std::filesystem::copy_file(one, two, std::filesystem::copy_options::overwrite_existing);
  const Outcome outcome = with_two({"explain", "--profile", "alice"});
  EXPECT_EQ(outcome.status, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("1 threads"));
}

TEST_F(PlannerCommands, TuneRefusesAFolderThatCannotBeWritten) {
  std::filesystem::create_directories(world_.file("cache/pema"));
  (void)world_.write("cache/pema/machine", "a file in the folder's place");
  const Outcome outcome = world_.pema({"tune", "--adapters", "64", "--rounds", "1"});
  EXPECT_EQ(outcome.status, 7);
  EXPECT_THAT(outcome.err, HasSubstr("cache/pema/machine"));
}

TEST_F(PlannerCommands, ExplainListsEveryWayAndChoosesOne) {
  const nlohmann::json found = explain({"--rows", "8", "--masks", "2"});
  EXPECT_EQ(found["rows"], 8);
  EXPECT_EQ(found["masks"], 2);
  EXPECT_EQ(found["steps"], 128);
  ASSERT_EQ(found["plans"].size(), 6U);
  int chosen = 0;
  for (const auto& plan : found["plans"]) {
    chosen += plan["chosen"].get<bool>() ? 1 : 0;
    const auto& part = plan["predicted_microseconds"];
    EXPECT_NEAR(part["step"].get<double>(),
                part["compose"].get<double>() + part["apply"].get<double>() +
                    part["project"].get<double>() + part["interpolate"].get<double>(),
                1e-9);
    EXPECT_GT(plan["bytes_read"], 0);
    EXPECT_EQ(plan["error"],
              plan["type"].is_null() || plan["type"] == "float32" ? "exact" : "tolerance");
    EXPECT_FALSE(plan.contains("measured_microseconds"));
  }
  EXPECT_EQ(chosen, 1);
  EXPECT_NE(found["why"], "");
}

TEST_F(PlannerCommands, MeasureRunsEveryWay) {
  const nlohmann::json found =
      explain({"--rows", "4", "--masks", "3", "--measure", "--rounds", "2"});
  for (const auto& plan : found["plans"]) {
    EXPECT_GT(plan["measured_microseconds"]["step"].get<double>(), 0.0) << plan;
  }
  const Outcome text = world_.pema({"explain", "--profile", "alice", "--measure", "--quiet"});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("predicted"));
  EXPECT_THAT(text.out, HasSubstr("measured"));
  EXPECT_THAT(text.out, HasSubstr("chosen (*): "));
  EXPECT_THAT(text.out, HasSubstr("costs: built in"));
}

TEST_F(PlannerCommands, AStrategyThatIsAskedForIsChosen) {
  for (const char* strategy : {"composed", "factored", "projected"}) {
    const nlohmann::json found = explain({"--strategy", strategy, "--projection", "int8"});
    for (const auto& plan : found["plans"]) {
      if (plan["chosen"] == true) {
        EXPECT_EQ(plan["strategy"], strategy);
      }
    }
    EXPECT_THAT(found["why"].get<std::string>(), HasSubstr("the options ask for"));
  }
}

TEST_F(PlannerCommands, AutomaticTypeIsTakenByExplainAndGenerate) {
  const nlohmann::json found = explain({"--projection", "auto", "--expected-rows", "100000000"});
  EXPECT_EQ(found["plans"].size(), 6U);
  const nlohmann::json said =
      world_.generate({"the cat", "--tokens", "4", "--profile", "alice", "--projection", "auto"});
  EXPECT_EQ(said["profile"], "alice");
  EXPECT_EQ(world_.pema({"generate", "the cat", "--tokens", "2", "--projection", "auto"}).status,
            0);
}

TEST_F(PlannerCommands, ADeviceIsPlannedForWithoutOneAndSaysSo) {
  EXPECT_EQ(explain()["device"], "cpu");
  const nlohmann::json found = explain({"--device", "cuda:3"});
  EXPECT_EQ(found["device"], "cuda:3");
  EXPECT_EQ(found["costs"], "model");
  EXPECT_THAT(found["why"].get<std::string>(), HasSubstr("not measured on a device"));
  const Outcome text = world_.pema({"explain", "--profile", "alice", "--device", "cuda"});
  EXPECT_THAT(text.out, HasSubstr("costs: a model from data sheets, not measured on a device"));
}

TEST_F(PlannerCommands, ExplainRefusesWhatItCannotExplain) {
  const auto status = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "explain");
    return world_.pema(arguments).status;
  };
  EXPECT_EQ(status({}), 2);
  EXPECT_EQ(status({"--profile", "mallory"}), 3);
  EXPECT_EQ(status({"--profile", "reader"}), 2);  // recall only
  EXPECT_EQ(status({"--profile", "alice", "--rows", "0"}), 2);
  EXPECT_EQ(status({"--profile", "alice", "--rows", "2", "--masks", "3"}), 2);
  EXPECT_EQ(status({"--profile", "alice", "--strategy", "magic"}), 2);
  EXPECT_EQ(status({"--profile", "alice", "--projection", "int3"}), 2);
  EXPECT_EQ(status({"--profile", "alice", "--model", world_.other_model()}), 5);
}

}  // namespace
}  // namespace pema::test
