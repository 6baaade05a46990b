/// `pema memory`: texts to segments, the cache, interrupts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MemoryCommands : public ::testing::Test {
 protected:
  /// A text that tokenises to at least `words` tokens.
  [[nodiscard]] static std::string text(int words) {
    std::string result;
    for (int i = 0; i < words; ++i) result += "w" + std::to_string(i * 7919 % 1000) + " ";
    return result;
  }
  [[nodiscard]] Outcome add(std::vector<std::string> arguments,
                            const RunOptions& options = {}) const {
    arguments.insert(arguments.begin(), {"memory", "add"});
    return world_.pema(arguments, options);
  }
  World world_;
};

TEST_F(MemoryCommands, ATextBecomesASharedSegmentThatIsListedAndShown) {
  const Outcome outcome = add({world_.write("a.txt", text(300)), "--name", "manual", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const nlohmann::json made = outcome.json();
  EXPECT_EQ(made["kind"], "shared");
  EXPECT_GE(made["entries"], 299);
  EXPECT_GE(made["computed_tokens"], made["entries"]);
  const nlohmann::json shown = world_.pema({"memory", "show", "manual", "--json"}).json();
  EXPECT_EQ(shown["digest"], made["digest"]);
  EXPECT_EQ(shown["readers"], 0);
  const std::string prefix = made["digest"].get<std::string>().substr(0, 10);
  EXPECT_EQ(world_.pema({"memory", "show", prefix, "--json"}).json(), shown);
  EXPECT_THAT(world_.pema({"memory", "ls"}).out, HasSubstr("manual"));
}

TEST_F(MemoryCommands, TextWithoutANameIsOnePersonsOwn) {
  const Outcome outcome = add({"--json"}, {.input = text(40)});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["kind"], "own");
  EXPECT_TRUE(outcome.json()["name"].is_null());
}

TEST_F(MemoryCommands, TheSecondTimeNothingIsComputed) {
  const std::string path = world_.write("a.txt", text(300));
  const nlohmann::json first = add({path, "--name", "manual", "--json"}).json();
  const nlohmann::json second = add({path, "--name", "manual", "--json"}).json();
  EXPECT_EQ(second["digest"], first["digest"]);
  EXPECT_EQ(second["computed_tokens"], 0);
  EXPECT_EQ(second["cached_rows"], first["entries"]);
}

TEST_F(MemoryCommands, KeysAreStoredInTheTypeThatWasAskedFor) {
  const std::string path = world_.write("a.txt", text(300));
  ASSERT_EQ(add({path, "--name", "manual"}).status, 0);
  EXPECT_EQ(add({path, "--keys", "pq"}).status, 3) << "there is no codebook yet";
  const Outcome learnt = world_.pema({"memory", "codebook", "train", "common", "--from", "manual",
                                      "--parts", "8", "--iterations", "2", "--json"});
  ASSERT_EQ(learnt.status, 0) << learnt.err;
  const nlohmann::json codebook = learnt.json();
  EXPECT_EQ(codebook["parts"], 8);
  const nlohmann::json plain = world_.pema({"memory", "show", "manual", "--json"}).json();
  EXPECT_EQ(plain["keys"], "f32");
  EXPECT_EQ(plain["key_bytes"], 4 * plain["hidden"].get<int>());
  EXPECT_TRUE(plain["codebook"].is_null());
  const auto keys = [&](const std::string& type, const std::string& name) {
    const Outcome outcome = add({path, "--name", name, "--keys", type, "--json"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.json();
  };
  EXPECT_EQ(keys("f16", "half")["key_bytes"], 2 * plain["hidden"].get<int>());
  EXPECT_LT(keys("int8", "byte")["bytes"], plain["bytes"]);
  const nlohmann::json quantised = keys("pq:common", "code");
  EXPECT_EQ(quantised["key_bytes"], 8);
  EXPECT_EQ(quantised["codebook"], codebook["digest"]);
  EXPECT_EQ(keys("pq", "code")["digest"], quantised["digest"]) << "the only codebook there is";
  EXPECT_THAT(world_.pema({"memory", "show", "code"}).out, HasSubstr("codebook common"));
  EXPECT_THAT(world_.pema({"memory", "ls"}).out, HasSubstr("int8"));
  EXPECT_EQ(world_.pema({"memory", "codebook", "ls", "--json"}).json()["codebooks"][0]["segments"],
            1);
  EXPECT_EQ(world_.pema({"memory", "codebook", "rm", "common"}).status, 2) << "it is needed";
  EXPECT_EQ(add({path, "--keys", "pq:none"}).status, 3);
  EXPECT_EQ(add({path, "--keys", "float8"}).status, 2);
  EXPECT_EQ(add({path, "--keys", "int8:common"}).status, 2);
  EXPECT_EQ(world_.pema({"pool", "verify"}).status, 0);
}

TEST_F(MemoryCommands, ANameThatIsTakenByOtherTextIsRefused) {
  ASSERT_EQ(add({world_.write("a.txt", text(50)), "--name", "manual"}).status, 0);
  EXPECT_EQ(add({world_.write("b.txt", text(60)), "--name", "manual"}).status, 4);
}

TEST_F(MemoryCommands, TheSiteAndTheContextCount) {
  const std::string path = world_.write("a.txt", text(60));
  const nlohmann::json post = add({path, "--json"}).json();
  const nlohmann::json pre = add({path, "--site", "pre_norm", "--json"}).json();
  const nlohmann::json own = add({path, "--context", "own_greedy", "--json"}).json();
  EXPECT_EQ(pre["site"], "pre_norm");
  EXPECT_NE(pre["digest"], post["digest"]);
  EXPECT_NE(own["digest"], post["digest"]);
  EXPECT_EQ(add({path, "--site", "middle"}).status, 2);
}

TEST_F(MemoryCommands, RefusesWhatIsNoTextAndNamesTheFile) {
  const Outcome latin = add({world_.write("latin.txt", "caf\xe9")});
  EXPECT_EQ(latin.status, 2);
  EXPECT_THAT(latin.err, HasSubstr("latin.txt"));
  EXPECT_THAT(latin.err, HasSubstr("offset 3"));
  const Outcome empty = add({world_.write("empty.txt", "")});
  EXPECT_EQ(empty.status, 2);
  EXPECT_THAT(empty.err, HasSubstr("empty.txt"));
  EXPECT_EQ(add({world_.file("absent.txt")}).status, 3);
  EXPECT_EQ(add({world_.file("")}).status, 7);  // a folder
  EXPECT_EQ(add({"--document-tokens", "1"}, {.input = "text"}).status, 2);
}

TEST_F(MemoryCommands, ProgressIsPlainLinesWhereThereIsNoTerminal) {
  const Outcome outcome = add({world_.write("a.txt", text(600)), "--name", "manual"});
  ASSERT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, Not(HasSubstr("\r")));
  EXPECT_THAT(outcome.err, Not(HasSubstr("\x1b")));
  EXPECT_THAT(outcome.err, HasSubstr("100 %"));
  std::istringstream lines(outcome.err);
  for (std::string line; std::getline(lines, line);) EXPECT_THAT(line, HasSubstr("tokens"));
}

TEST_F(MemoryCommands, QuietSaysNothingOnError) {
  const Outcome outcome = add({"--quiet", "--json"}, {.input = text(50)});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(MemoryCommands, AfterCtrlCTheSameCommandGoesOn) {
  const std::string path = world_.write("long.txt", text(6000));
  const std::vector<std::string> command = {path, "--name", "long", "--document-tokens",
                                            "16", "--json"};
  const Outcome stopped = add(command, {.interrupt_after = "0 %"});
  EXPECT_EQ(stopped.status, 130) << stopped.err;
  EXPECT_EQ(stopped.json()["error"]["code"], "interrupted");
  EXPECT_EQ(world_.pema({"memory", "show", "long"}).status, 3);
  const Outcome finished = add(command);
  ASSERT_EQ(finished.status, 0) << finished.err;
  // The same segment as in one go, with another cache.
  std::vector<std::string> fresh = command;
  fresh.insert(fresh.end(), {"--cache", world_.file("other-cache")});
  EXPECT_EQ(add(fresh).json()["digest"], finished.json()["digest"]);
}

TEST_F(MemoryCommands, AMissingStoreIsSaidBeforeAnythingIsComputed) {
  const Outcome outcome = add({world_.write("a.txt", text(50)), "--store", world_.file("nowhere")});
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.err, HasSubstr("pema init"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("%")));
}

TEST_F(MemoryCommands, AFullDiskIsAnErrorAndStoresNothing) {
  const Outcome outcome =
      add({world_.write("a.txt", text(3000)), "--name", "big"}, {.file_size_limit = 128 * 1024});
  EXPECT_EQ(outcome.status, 8) << outcome.err;
  EXPECT_EQ(world_.pema({"memory", "show", "big"}).status, 3);
  EXPECT_EQ(world_.pema({"pool", "verify"}).status, 0);
}

}  // namespace
}  // namespace pema::test
