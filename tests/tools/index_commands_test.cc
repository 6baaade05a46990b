// `pema memory index` and what uses indexes: generate, explain, plan; their end with a segment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class IndexCommands : public ::testing::Test {
 protected:
  [[nodiscard]] Outcome index(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"memory", "index"});
    return world_.pema(arguments);
  }
  [[nodiscard]] nlohmann::json build(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "build");
    arguments.emplace_back("--json");
    const Outcome outcome = index(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.json();
  }
  [[nodiscard]] Outcome speak(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(),
                     {"generate", "the cat", "--tokens", "4", "--json", "--profile", "reader"});
    return world_.pema(arguments);
  }
  void damage(const std::string& name) const {
    const Store store = Store::open(world_.store(), OpenMode::kReadOnly);
    const std::string path = store.object_path(store.find_index(name)->digest);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 64);
  }
  World world_;
};

TEST_F(IndexCommands, OneIsBuiltListedShownAndRemoved) {
  EXPECT_THAT(index({"ls"}).out, HasSubstr("no indexes"));
  const nlohmann::json made = build({"manuals", "--segments", "handbook", "--recall", "0.95"});
  EXPECT_THAT(made["built"].get<std::string>(), HasSubstr("there was no index"));
  EXPECT_EQ(made["entries"], 50);
  EXPECT_EQ(made["wanted_recall"], 0.95);
  EXPECT_EQ(made["scope"], "segments");
  EXPECT_TRUE(build({"manuals"})["built"].is_null());
  EXPECT_THAT(build({"manuals", "--recall", "1"})["built"].get<std::string>(),
              HasSubstr("other options"));
  EXPECT_EQ(index({"ls", "--json"}).json()["indexes"].size(), 1U);
  EXPECT_THAT(index({"ls"}).out, HasSubstr("manuals"));
  EXPECT_TRUE(index({"show", "manuals", "--json"}).json()["missing"].empty());
  EXPECT_THAT(index({"show", "manuals"}).out, HasSubstr("older than 0 segments"));
  EXPECT_EQ(world_.pema({"memory", "show", "handbook", "--json"}).json()["indexes"],
            nlohmann::json::array({"manuals"}));
  EXPECT_THAT(world_.pema({"doctor"}).out, HasSubstr("1 indexes"));
  EXPECT_EQ(index({"rm", "manuals", "--json"}).json()["removed"].size(), 1U);
  EXPECT_EQ(index({"rm", "manuals"}).status, 3);
}

TEST_F(IndexCommands, CodesAreChosenByNameOrByABudget) {
  const nlohmann::json plain = build({"all", "--all"});
  EXPECT_EQ(plain["codes"], "int8");
  EXPECT_TRUE(plain["bytes_per_key"].is_null());
  const nlohmann::json made =
      build({"all", "--codes", "product", "--bytes-per-key", "2", "--recall", "0.9"});
  EXPECT_EQ(made["codes"], "product");
  EXPECT_EQ(made["bytes_per_key"], 2);
  EXPECT_THAT(made["built"].get<std::string>(), HasSubstr("other options"));
  EXPECT_TRUE(build({"all"})["built"].is_null()) << "as it was asked for";
  EXPECT_EQ(index({"ls", "--json"}).json()["indexes"][0]["codes"], "product");
  EXPECT_THAT(index({"show", "all"}).out, HasSubstr("product codes of 2 bytes\n"));
  EXPECT_THAT(index({"build", "all", "--recall", "1"}).out, HasSubstr("below 1 alone"));
  const std::string roomy = std::to_string(64 << 20);
  EXPECT_EQ(build({"small", "--all", "--budget", roomy})["codes"], "int8");
  const Outcome tight = index({"build", "small", "--all", "--budget", "100"});
  EXPECT_EQ(tight.status, index({"build", "new", "--all", "--budget", "100"}).status);
  EXPECT_THAT(tight.err, HasSubstr("more than half of the budget"));
  EXPECT_EQ(index({"build", "x", "--all", "--codes", "pq"}).status, 2);
  EXPECT_EQ(index({"build", "x", "--all", "--codes", "product", "--bytes-per-key", "65"}).status,
            2);
  const Outcome lost = index({"build", "x", "--all", "--bytes-per-key", "16"});
  EXPECT_EQ(lost.status, 2);
  EXPECT_THAT(lost.err, HasSubstr("--codes product"));
  EXPECT_FALSE(speak({"--index", "all"}).json()["index"].is_null());
}

TEST_F(IndexCommands, WhatMakesNoSenseIsRefused) {
  EXPECT_EQ(index({"build", "auto", "--all"}).status, 2);
  EXPECT_EQ(index({"build", "x", "--all", "--segments", "handbook"}).status, 2);
  EXPECT_EQ(index({"build", "x", "--own-of", "tiny"}).status, 2) << "nobody there has a segment";
  EXPECT_EQ(index({"build", "x", "--own-of", "none"}).status, 3);
  EXPECT_EQ(index({"build", "x", "--segments", "none"}).status, 3);
  EXPECT_EQ(index({"build", "x", "--all", "--recall", "2"}).status, 2);
  const Outcome unknown = index({"build", "x"});
  EXPECT_EQ(unknown.status, 3);
  EXPECT_THAT(unknown.err, HasSubstr("no index 'x'"));
  EXPECT_EQ(speak({"--index", "none"}).status, 3);
}

TEST_F(IndexCommands, GenerateUsesOneWhereItHoldsTheMemoriesAndSaysTheSame) {
  const nlohmann::json plain = speak({}).json();
  EXPECT_TRUE(plain["index"].is_null());
  (void)build({"everything", "--all"});
  for (const char* use : {"auto", "everything"}) {
    const nlohmann::json said = speak({"--index", use}).json();
    EXPECT_EQ(said["index"], "everything");
    EXPECT_EQ(said["token_ids"], plain["token_ids"]);
    EXPECT_EQ(said["log_probabilities"], plain["log_probabilities"]);
  }
  EXPECT_TRUE(speak({"--index", "off"}).json()["index"].is_null());
}

TEST_F(IndexCommands, ADamagedOneIsSaidAndBuiltAgainWhereItWasNamed) {
  (void)build({"everything", "--all"});
  damage("everything");
  const Outcome automatic = speak({});
  ASSERT_EQ(automatic.status, 0) << automatic.err;
  EXPECT_TRUE(automatic.json()["index"].is_null());
  EXPECT_THAT(automatic.err, HasSubstr("index 'everything' is not used"));
  EXPECT_EQ(world_.pema({"pool", "verify"}).status, 6);
  EXPECT_EQ(index({"show", "everything"}).status, 6);
  const Outcome named = speak({"--index", "everything"});
  ASSERT_EQ(named.status, 0) << named.err;
  EXPECT_EQ(named.json()["index"], "everything");
  EXPECT_THAT(named.err, HasSubstr("built again"));
  EXPECT_THAT(speak({}).err, Not(HasSubstr("not used")));
  EXPECT_EQ(world_.pema({"pool", "verify"}).status, 0);
}

TEST_F(IndexCommands, OneGoesWithItsSegments) {
  (void)build({"everything", "--all"});
  (void)build({"manuals", "--segments", "handbook"});
  EXPECT_EQ(world_.pema({"memory", "rm", "handbook"}).status, 2) << "somebody reads it";
  EXPECT_EQ(world_.pema({"profile", "rm", "reader"}).status, 0);
  const nlohmann::json left = index({"ls", "--json"}).json()["indexes"];
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0]["name"], "manuals");
  EXPECT_EQ(world_.pema({"memory", "rm", "handbook", "--json"}).json()["removed"].size(), 1U);
  EXPECT_TRUE(index({"ls", "--json"}).json()["indexes"].empty());
  EXPECT_TRUE(world_.pema({"memory", "ls", "--json"}).json()["segments"].empty());
}

TEST_F(IndexCommands, ExplainAndPlanSayIt) {
  EXPECT_EQ(world_
                .pema({"profile", "set", "pat", "--pool", "tiny", "--adapters", "1,2", "--lambda",
                       "0.5", "--read", "handbook", "--lambda-shared", "0.2"})
                .status,
            0);
  const auto explained = [&] {
    return world_.pema({"explain", "--profile", "pat", "--json"}).json();
  };
  EXPECT_TRUE(explained()["index"].is_null());
  EXPECT_EQ(explained()["recall"][0]["keys"], 50);
  (void)build({"manuals", "--segments", "handbook"});
  const nlohmann::json with = explained();
  EXPECT_EQ(with["index"], "manuals");
  EXPECT_EQ(with["recall"][0]["indexed"], 50);
  EXPECT_THAT(world_.pema({"explain", "--profile", "pat"}).out,
              HasSubstr("recall from shared memory: 50 keys"));
  const nlohmann::json plan = world_.pema({"plan", "--budget", "1G", "--json"}).json();
  std::vector<std::string> kinds;
  for (const nlohmann::json& item : plan["items"]) kinds.push_back(item["kind"]);
  EXPECT_THAT(kinds, ::testing::Contains("index"));
  EXPECT_THAT(world_.pema({"plan", "--budget", "1G", "--index", "off"}).out,
              Not(HasSubstr("manuals")));
}

}  // namespace
}  // namespace pema::test
