#include "tests/plm/plm_fixture.h"

namespace pema::plm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using TextTest = PlmTest;

TEST_F(TextTest, TokenisesAndGivesTheBytesBack) {
  const auto model = tiny();
  EXPECT_THAT(model->tokenise("he!"), ElementsAre(256, '!'));
  const std::string text = "h\xC3\xA9llo, \xE2\x82\xAC 5\n\n  and more";
  std::string back;
  for (const std::int32_t token : model->tokenise(text)) back += model->piece(token);
  EXPECT_EQ(back, text);
  EXPECT_TRUE(model->tokenise("").empty());
}

TEST_F(TextTest, SpecialTokensAreTextUnlessAskedFor) {
  const auto model = tiny();
  EXPECT_EQ(model->tokenise("<|im_end|>", true), std::vector<std::int32_t>{259});
  EXPECT_GT(model->tokenise("<|im_end|>").size(), 5U);
  EXPECT_EQ(model->piece(259), "");
}

TEST_F(TextTest, BeginsOnceWhenTheModelAsksForIt) {
  test::TinyGguf options;
  options.add_begin = true;
  const auto model = tiny(options);
  EXPECT_THAT(model->tokenise("a"), ElementsAre(257, 'a'));
  EXPECT_THAT(model->tokenise("<|endoftext|>a", true), ElementsAre(257, 'a'));
  EXPECT_THAT(model->tokenise(""), ElementsAre(257));
}

TEST_F(TextTest, EndTokens) {
  const auto model = tiny();
  EXPECT_EQ(model->end_of_text(), 257);
  EXPECT_TRUE(model->ends_generation(257));
  EXPECT_TRUE(model->ends_generation(259));
  EXPECT_FALSE(model->ends_generation('a'));
  for (const std::int32_t outside : {-1, 260}) {
    EXPECT_EQ(error_of([&] { static_cast<void>(model->piece(outside)); }).code(),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(error_of([&] { static_cast<void>(model->ends_generation(outside)); }).code(),
              ErrorCode::kInvalidArgument);
  }
}

TEST_F(TextTest, InvalidUtf8NamesTheByte) {
  const auto model = tiny();
  const Error error = error_of([&] { static_cast<void>(model->tokenise("abc\xFFz")); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.what(), HasSubstr("byte 3"));
}

TEST_F(TextTest, AppliesTheModelsOwnChatTemplate) {
  const auto model = tiny();
  const std::vector<ChatMessage> chat = {{"system", "Be brief."}, {"user", "Hi"}};
  EXPECT_EQ(model->apply_chat_template(chat),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(model->apply_chat_template(std::span(chat).last(1), false),
            "<|im_start|>user\nHi<|im_end|>\n");
  const std::vector<ChatMessage> large = {{"user", std::string(100000, 'x')}};
  EXPECT_GT(model->apply_chat_template(large).size(), 100000U);
}

TEST_F(TextTest, RefusesWithoutATemplate) {
  test::TinyGguf options;
  options.chat_template = false;
  const auto model = tiny(options);
  const std::vector<ChatMessage> chat = {{"user", "Hi"}};
  const Error error = error_of([&] { static_cast<void>(model->apply_chat_template(chat)); });
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("no chat template"));
}

}  // namespace
}  // namespace pema::plm
