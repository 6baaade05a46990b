#include "src/plm/conversation_append.h"
#include "src/plm/llama_log.h"
#include "tests/plm/plm_fixture.h"

namespace pema::plm {
namespace {

using testing::HasSubstr;

using ConversationTest = PlmTest;

std::vector<std::int32_t> some_tokens(std::int64_t count, std::int32_t first = 3) {
  std::vector<std::int32_t> out;
  for (std::int64_t i = 0; i < count; ++i) {
    out.push_back(static_cast<std::int32_t>((first + 37 * i) % 256));
  }
  return out;
}

std::vector<float> copy(MatrixView<const float> row) { return {row.data, row.data + row.cols}; }

TEST_F(ConversationTest, PiecesEqualAtOnce) {
  ModelOptions options;
  options.batch_tokens = 16;  // 50 tokens take four decodes
  const auto model = tiny({}, options);
  const auto tokens = some_tokens(50);
  const auto whole = model->start();
  const auto pieces = model->start();
  whole->append(tokens);
  for (std::int64_t i = 0; i < 50; i += 7) {
    pieces->append(std::span(tokens).subspan(i, std::min<std::int64_t>(7, 50 - i)));
  }
  EXPECT_EQ(whole->length(), 50);
  EXPECT_EQ(pieces->length(), 50);
  for (const auto site : {FeatureSite::kPostNorm, FeatureSite::kPreNorm}) {
    EXPECT_LT(difference(pieces->features(site).row_span(0), whole->features(site).row_span(0)),
              1e-5);
  }
  EXPECT_LT(difference(pieces->logits().row_span(0), whole->logits().row_span(0)), 1e-5);
}

TEST_F(ConversationTest, AgreesWithFeatures) {
  const auto model = tiny({}, {.exact_conversations = true});
  const auto tokens = some_tokens(20);
  const std::vector<Document> documents = {{tokens, {9}}};
  const auto conversation = model->start();
  conversation->append(tokens);
  const SampleSet set = model->features(documents);
  EXPECT_LT(difference(set.view().features.row_span(0), conversation->features().row_span(0)),
            1e-5);
  // float16 keys and values have 11 bits.
  const auto fast = tiny();
  const auto rounded = fast->start();
  rounded->append(tokens);
  EXPECT_LT(difference(set.view().features.row_span(0), rounded->features().row_span(0)), 1e-2);
}

TEST_F(ConversationTest, OthersDoNotDisturbIt) {
  const auto model = tiny();
  const auto one = model->start();
  one->append(some_tokens(10));
  const auto before = copy(one->features());
  const auto other = model->start();
  other->append(some_tokens(30, 77));
  EXPECT_EQ(copy(one->features()), before);
  one->append(some_tokens(1));
  const auto fresh = model->start();
  auto all = some_tokens(10);
  all.push_back(some_tokens(1)[0]);
  fresh->append(all);
  EXPECT_LT(difference(one->features().row_span(0), fresh->features().row_span(0)), 1e-5);
}

TEST_F(ConversationTest, RefusalsLeaveItAsItWas) {
  ModelOptions options;
  options.context = 16;
  const auto model = tiny({}, options);
  const auto conversation = model->start();
  EXPECT_EQ(error_of([&] { static_cast<void>(conversation->features()); }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] { static_cast<void>(conversation->logits()); }).code(),
            ErrorCode::kInvalidArgument);
  conversation->append(some_tokens(10));
  const auto before = copy(conversation->features());
  for (const auto& bad : {some_tokens(7), std::vector<std::int32_t>{1, 260}, {-1}}) {
    EXPECT_EQ(error_of([&] { conversation->append(bad); }).code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(conversation->length(), 10);
    EXPECT_EQ(copy(conversation->features()), before);
  }
  conversation->append(some_tokens(6));
  EXPECT_EQ(conversation->length(), 16);
}

TEST_F(ConversationTest, AFailedDecodeIsTakenBack) {
  test::write_tiny_gguf(path());
  start_llama();
  const std::unique_ptr<llama_model, decltype(&llama_model_free)> model(
      llama_model_load_from_file(path().c_str(), llama_model_default_params()), llama_model_free);
  DecoderShape shape;
  shape.cells = 256;
  shape.batch = 8;
  shape.micro = 8;
  shape.sequences = 1;
  Decoder decoder(model.get(), shape, "tiny");
  append_or_roll_back(decoder, 0, 0, some_tokens(12));
  append_or_roll_back(decoder, 0, 12, some_tokens(20, 5));
  const auto expected = std::vector(decoder.post(0).begin(), decoder.post(0).end());

  decoder.clear();
  append_or_roll_back(decoder, 0, 0, some_tokens(12));
  decoder.abort = true;
  EXPECT_EQ(error_of([&] { append_or_roll_back(decoder, 0, 12, some_tokens(20, 9)); }).code(),
            ErrorCode::kInterrupted);
  decoder.abort = false;
  append_or_roll_back(decoder, 0, 12, some_tokens(20, 5));
  EXPECT_LT(difference(decoder.post(0), expected), 1e-6);
}

TEST_F(ConversationTest, SlotsAreGivenBack) {
  ModelOptions options;
  options.conversations = 2;
  const auto model = tiny({}, options);
  auto one = model->start();
  one->append(some_tokens(40));
  const auto two = model->start();
  const Error error = error_of([&] { static_cast<void>(model->start()); });
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("all 2 conversations"));
  one.reset();
  one = model->start();
  EXPECT_EQ(one->length(), 0);
  one->append(some_tokens(5));
  two->append(some_tokens(5));
  EXPECT_LT(difference(one->features().row_span(0), two->features().row_span(0)), 1e-5);
}

TEST_F(ConversationTest, OpenRefusesBadOptionsAndModels) {
  ModelOptions options;
  options.batch_documents = 0;
  const Error error = error_of([&] { static_cast<void>(tiny({}, options)); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.what(), HasSubstr("batch_documents"));
  // Sound for the header's reader, but without a layer that llama.cpp needs.
  std::string bytes = read_text(path());
  bytes[bytes.find("blk.0.attn_q.weight") + 6] = 'X';
  write_text(path("holed.gguf"), bytes);
  const Error holed = error_of([&] { static_cast<void>(LanguageModel::open(path("holed.gguf"))); });
  EXPECT_EQ(holed.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(holed.what(), HasSubstr("blk.0.attn_q.weight"));  // llama.cpp's own words
}

}  // namespace
}  // namespace pema::plm
