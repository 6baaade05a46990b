/// `pema generate --chat` on a terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

class Chat : public ::testing::Test {
 protected:
  [[nodiscard]] Outcome type(const std::string& lines, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"generate", "--chat", "--tokens", "6"});
    return world_.pema(more, {.input = lines, .input_is_terminal = true});
  }
  World world_;
};

TEST_F(Chat, AnswersUntilExit) {
  const Outcome outcome = type("hello\nand again\n/exit\n");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::StartsWith("> "));
  EXPECT_THAT(outcome.out, ::testing::EndsWith("> "));
}

TEST_F(Chat, TheFirstAnswerIsThatOfOneShotChat) {
  const std::string said = world_.generate({"--chat", "hello", "--tokens", "6"})["text"];
  EXPECT_EQ(type("hello\n/exit\n").out, "> " + said + "\n> ");
}

TEST_F(Chat, AnotherPersonSpeaksFromTheNextTokenOn) {
  const std::string alice =
      world_.generate({"--chat", "hello", "--tokens", "6", "--profile", "alice"})["text"];
  const Outcome outcome = type("/profile alice\nhello\n/profile\n/exit\n");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "> alice> " + alice + "\nalice> > ");
  EXPECT_THAT(outcome.err, HasSubstr("alice speaks, generation 1"));
}

TEST_F(Chat, SwitchingThereAndBackChangesNothing) {
  const Outcome plain = type("hello\nand again\n/exit\n");
  const Outcome switched = type("hello\n/profile alice\n/profile\nand again\n/exit\n");
  EXPECT_EQ(switched.out.substr(switched.out.rfind("> ", switched.out.size() - 3)),
            plain.out.substr(plain.out.rfind("> ", plain.out.size() - 3)));
}

TEST_F(Chat, AnUnknownProfileIsSaidAndChangesNothing) {
  const Outcome outcome = type("/profile mallory\n/exit\n", {"--profile", "alice"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("mallory"));
  EXPECT_EQ(outcome.out, "alice> alice> ");
}

TEST_F(Chat, UnknownCommandsAndBytesThatAreNoTextAreNotSent) {
  const Outcome outcome = type("/sing\ncaf\xe9\n/help\n/exit\n");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("/sing"));
  EXPECT_THAT(outcome.err, HasSubstr("not UTF-8"));
  EXPECT_THAT(outcome.out, HasSubstr("/profile NAME"));
}

TEST_F(Chat, TheEndOfInputEndsIt) {
  EXPECT_EQ(type("hello\n\x04").status, 0);  // Ctrl-D
}

TEST_F(Chat, WithoutChatATerminalNeedsAPrompt) {
  const Outcome outcome = world_.pema({"generate"}, {.input_is_terminal = true});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--chat"));
}

}  // namespace
}  // namespace pema::test
