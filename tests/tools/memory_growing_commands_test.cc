/// `pema memory add --append`, `merge` and `forget`: shared segments that grow and lose entries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

class GrowingCommands : public ::testing::Test {
 protected:
  [[nodiscard]] static std::string text(int words, int seed) {
    std::string result;
    for (int i = 0; i < words; ++i) result += "w" + std::to_string((i + seed) * 7919 % 1000) + " ";
    return result;
  }
  [[nodiscard]] nlohmann::json run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "memory");
    arguments.emplace_back("--json");
    const Outcome outcome = world_.pema(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.json();
  }
  [[nodiscard]] nlohmann::json show() const { return run({"show", "docs"}); }

  World world_;
  std::string first_ = world_.write("first.txt", text(300, 1));
  std::string second_ = world_.write("second.txt", text(90, 500));
  std::string third_ = world_.write("third.txt", text(60, 777));
};

TEST_F(GrowingCommands, ASegmentGrowsIsMergedAndForgets) {
  const nlohmann::json made = run({"add", first_, "--name", "docs"});
  EXPECT_EQ(made["parts"], 1);
  EXPECT_EQ(made["version"], 1);
  ASSERT_EQ(world_.pema({"profile", "set", "reader", "--read", "docs"}).status, 0);
  const nlohmann::json grown = run({"add", second_, third_, "--name", "docs", "--append"});
  EXPECT_EQ(grown["parts"], 2);
  ASSERT_EQ(grown["texts"].size(), 2U);
  EXPECT_EQ(grown["texts"][0]["first"], made["entries"]);
  EXPECT_EQ(grown["texts"][1]["name"], third_);
  const std::int64_t third = grown["texts"][1]["entries"];
  EXPECT_EQ(grown["texts"][1]["first"].get<std::int64_t>() + third, grown["entries"]);
  EXPECT_EQ(run({"add", second_, third_, "--name", "docs", "--append"})["version"], 2) << "again";
  EXPECT_EQ(show()["list"].size(), 2U);
  EXPECT_EQ(show()["readers"], 1);
  EXPECT_THAT(world_.pema({"memory", "show", "docs"}).out, HasSubstr("part 2"));
  const nlohmann::json said = world_.generate({"--profile", "reader", "--tokens", "8", "w7 w14"});
  EXPECT_EQ(run({"merge", "docs", "--above", "2"})["merged"], 0);
  const nlohmann::json merged = run({"merge", "docs"});
  EXPECT_EQ(merged["merged"], 2);
  EXPECT_EQ(merged["parts"], 1);
  EXPECT_EQ(merged["entries"], grown["entries"]);
  EXPECT_EQ(world_.generate({"--profile", "reader", "--tokens", "8", "w7 w14"}), said);
  const nlohmann::json less = run({"forget", "docs", "--text", third_});
  EXPECT_GE(less["forgotten"].get<std::int64_t>(), third);
  EXPECT_EQ(less["entries"].get<std::int64_t>() + less["forgotten"].get<std::int64_t>(),
            grown["entries"].get<std::int64_t>());
  EXPECT_GT(less["cache_files"], 0);
  EXPECT_EQ(world_.pema({"memory", "forget", "docs", "--text", third_}).status, 3) << "it is gone";
  EXPECT_EQ(run({"forget", "docs", "--entries", "0-4,9"})["forgotten"], 6);
  EXPECT_EQ(world_.pema({"store", "verify", "--full"}).status, 0);
}

TEST_F(GrowingCommands, AppendedKeysAreOfTheSegmentsType) {
  ASSERT_EQ(run({"add", first_, "--name", "docs", "--keys", "int8", "--site", "pre_norm"})["keys"],
            "int8");
  const nlohmann::json grown = run({"add", second_, "--name", "docs", "--append"});
  EXPECT_EQ(grown["keys"], "int8");
  EXPECT_EQ(grown["parts"], 2);
  EXPECT_EQ(
      world_.pema({"memory", "add", third_, "--name", "docs", "--append", "--keys", "f32"}).status,
      5);
  const nlohmann::json less = run({"forget", "docs", "--text", second_});
  EXPECT_EQ(less["parts"], 1) << "nothing is left of what was appended";
}

TEST_F(GrowingCommands, APartGoesByItsDigest) {
  (void)run({"add", first_, "--name", "docs"});
  (void)run({"add", second_, "--name", "docs", "--append"});
  const std::string part = show()["list"][1]["digest"];
  EXPECT_EQ(world_.pema({"memory", "forget", "docs", "--part", part.substr(0, 4)}).status, 3);
  EXPECT_EQ(run({"forget", "docs", "--part", part.substr(0, 12)})["parts"], 1);
  EXPECT_EQ(world_.pema({"memory", "forget", "docs", "--part", part}).status, 3);
}

TEST_F(GrowingCommands, WhatCannotBeIsRefused) {
  const auto status = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "memory");
    return world_.pema(arguments).status;
  };
  (void)run({"add", first_, "--name", "docs"});
  EXPECT_EQ(status({"add", second_, "--append"}), 2);
  EXPECT_EQ(status({"add", second_, "--name", "nothing", "--append"}), 3);
  EXPECT_EQ(status({"add", second_, "--name", "docs"}), 4);
  EXPECT_EQ(status({"forget", "docs"}), 2);
  EXPECT_EQ(status({"forget", "nothing", "--entries", "1"}), 3);
  for (const char* entries : {"", "a", "1-", "5-2", "1,,2", "0-99999", "-1"}) {
    EXPECT_EQ(status({"forget", "docs", std::string("--entries=") + entries}), 2) << entries;
  }
  EXPECT_EQ(status({"forget", "docs", "--entries", "1", "--of-version", "2"}), 5);
  EXPECT_EQ(status({"merge", "nothing"}), 3);
  EXPECT_EQ(status({"merge", "docs", "--above", "0"}), 2);
  EXPECT_EQ(show()["version"], 1);
}

}  // namespace
}  // namespace pema::test
