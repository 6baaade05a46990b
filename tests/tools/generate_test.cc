/// `pema generate`: what it says, under whom, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "kernels/cuda/device.h"
#include "pema/plm/language_model.h"
#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPrompt = "the cat sat on the mat";

class Generate : public ::testing::Test {
 protected:
  World world_;
};

TEST_F(Generate, WithoutAProfileItIsThePlainModel) {
  const nlohmann::json said = world_.generate({kPrompt, "--tokens", "8"});
  EXPECT_TRUE(said["profile"].is_null());
  // The same walk by hand, without an engine.
  const auto model = plm::LanguageModel::open(world_.model(), {.threads = 1});
  const auto conversation = model->start();
  conversation->append(model->tokenise(kPrompt));
  std::vector<std::int32_t> tokens;
  while (tokens.size() < 8) {
    const auto row = conversation->logits().row_span(0);
    const auto best = static_cast<std::int32_t>(
        std::distance(row.begin(), std::max_element(row.begin(), row.end())));
    if (model->ends_generation(best)) break;
    tokens.push_back(best);
    conversation->append({&best, 1});
  }
  EXPECT_EQ(said["token_ids"], nlohmann::json(tokens));
}

TEST_F(Generate, AProfileChangesWhatIsSaidAndItsNameIsThere) {
  const nlohmann::json plain = world_.generate({kPrompt, "--tokens", "8"});
  const nlohmann::json alice = world_.generate({kPrompt, "--tokens", "8", "--profile", "alice"});
  const nlohmann::json bob = world_.generate({kPrompt, "--tokens", "8", "--profile", "bob"});
  EXPECT_EQ(alice["profile"], "alice");
  EXPECT_EQ(alice["generation"], 1);
  EXPECT_NE(alice["log_probabilities"], plain["log_probabilities"]);
  EXPECT_NE(alice["log_probabilities"], bob["log_probabilities"]);
}

TEST_F(Generate, AProjectionIsKeptInTheCacheFolder) {
  const std::vector<std::string> arguments{kPrompt,     "--tokens",     "8",
                                           "--profile", "alice",        "--strategy",
                                           "projected", "--projection", "int8"};
  const nlohmann::json first = world_.generate(arguments);
  const auto files = std::filesystem::directory_iterator(world_.file("cache/pema/projections"));
  EXPECT_EQ(std::distance(files, std::filesystem::directory_iterator()), 1);
  EXPECT_EQ(world_.generate(arguments), first);
}

TEST_F(Generate, WithoutAHomeNothingIsKept) {
  const Outcome outcome = run_program(
      PEMA_PROGRAM,
      {"generate", kPrompt, "--profile", "alice", "--tokens", "4", "--strategy", "projected"},
      {.environment = {"PEMA_STORE=" + world_.store(), "PEMA_MODEL=" + world_.model(), "HOME="}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
}

TEST_F(Generate, AnInertProfileSaysWhatThePlainModelSays) {
  ASSERT_EQ(world_.pema({"profile", "set", "nobody", "--lambda", "0"}).status, 0);
  const nlohmann::json plain = world_.generate({kPrompt, "--tokens", "8"});
  const nlohmann::json inert = world_.generate({kPrompt, "--tokens", "8", "--profile", "nobody"});
  EXPECT_EQ(inert["token_ids"], plain["token_ids"]);
  EXPECT_EQ(inert["log_probabilities"], plain["log_probabilities"]);
}

TEST_F(Generate, NeglectingUnlikelyWordsChangesLittle) {
  const std::vector<std::string> command = {kPrompt, "--tokens", "1", "--profile", "alice"};
  const auto with = [&](const char* mass) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--neglect", mass});
    return world_.generate(arguments)["log_probabilities"][0].get<double>();
  };
  const double exact = world_.generate(command)["log_probabilities"][0].get<double>();
  EXPECT_EQ(with("0"), exact);
  EXPECT_NE(with("0.1"), exact);
  EXPECT_NEAR(with("0.1"), exact, 0.5);
  EXPECT_EQ(world_.pema({"generate", kPrompt, "--neglect", "0.2"}).status, 2);
  EXPECT_EQ(world_.pema({"generate", kPrompt, "--neglect", "-0.1"}).status, 2);
}

TEST_F(Generate, MemoryChangesWhatIsSaid) {
  const nlohmann::json plain = world_.generate({kPrompt, "--tokens", "8"});
  const nlohmann::json reader = world_.generate({kPrompt, "--tokens", "8", "--profile", "reader"});
  EXPECT_NE(reader["log_probabilities"], plain["log_probabilities"]);
}

TEST_F(Generate, TheSameSeedGivesTheSameTextAnotherOneDoesNot) {
  const std::vector<std::string> command = {kPrompt, "--tokens", "20", "--temperature", "1"};
  const auto with_seed = [&](const char* seed) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--seed", seed});
    return world_.generate(arguments);
  };
  EXPECT_EQ(with_seed("7"), with_seed("7"));
  EXPECT_NE(with_seed("7")["token_ids"], with_seed("8")["token_ids"]);
}

TEST_F(Generate, ThePromptComesFromArgumentFileOrInputAlike) {
  const nlohmann::json argument = world_.generate({kPrompt, "--tokens", "8", "--seed", "1"});
  const std::string path = world_.write("prompt.txt", kPrompt);
  EXPECT_EQ(world_.generate({"--file", path, "--tokens", "8", "--seed", "1"}), argument);
  EXPECT_EQ(world_.generate({"--tokens", "8", "--seed", "1"}, {.input = kPrompt}), argument);
  EXPECT_EQ(world_.pema({"generate", kPrompt, "--file", path}).status, 2);
}

TEST_F(Generate, TextGoesToOutputAndTheRestToError) {
  const nlohmann::json said = world_.generate({kPrompt, "--tokens", "8"});
  const Outcome text = world_.pema({"generate", kPrompt, "--tokens", "8"});
  EXPECT_EQ(text.status, 0);
  EXPECT_EQ(text.out, said["text"].get<std::string>() + "\n");
  EXPECT_THAT(text.err, HasSubstr("tokens/s"));
  EXPECT_EQ(world_.pema({"generate", kPrompt, "--tokens", "8", "--quiet"}).err, "");
}

TEST_F(Generate, AStopStringEndsTheTextBeforeIt) {
  const std::vector<std::string> command = {kPrompt, "--tokens", "40", "--temperature",
                                            "1",     "--seed",   "4"};
  const std::string whole = world_.generate(command)["text"];
  // Two neighbours that are ASCII: the tiny model says random bytes.
  const auto ascii = [](char c) { return c >= ' ' && c <= '~'; };
  std::size_t place = 1;
  while (place + 2 < whole.size() && !(ascii(whole[place]) && ascii(whole[place + 1]))) ++place;
  ASSERT_LT(place + 2, whole.size()) << whole;
  const std::string stop = whole.substr(place, 2);
  std::vector<std::string> stopping = command;
  stopping.insert(stopping.end(), {"--stop", stop});
  const nlohmann::json cut = world_.generate(stopping);
  EXPECT_EQ(cut["stop_reason"], "stop");
  EXPECT_EQ(cut["text"], whole.substr(0, whole.find(stop)));
}

TEST_F(Generate, TheContextEndsAText) {
  const nlohmann::json said = world_.generate({kPrompt, "--tokens", "500", "--context", "48"});
  EXPECT_THAT(said["stop_reason"], ::testing::AnyOf("context", "end"));
  EXPECT_LE(said["tokens"].get<int>() + said["prompt_tokens"].get<int>(), 49);
}

TEST_F(Generate, RefusesAnEmptyPrompt) {
  for (const Outcome& outcome :
       {world_.pema({"generate", ""}), world_.pema({"generate"}),
        world_.pema({"generate", "--file", world_.write("empty.txt", "")})}) {
    EXPECT_EQ(outcome.status, 2);
    EXPECT_THAT(outcome.err, HasSubstr("empty"));
  }
}

TEST_F(Generate, RefusesAPromptLongerThanTheContext) {
  std::string prompt;
  for (int i = 0; i < 400; ++i) prompt += "word ";
  const Outcome outcome = world_.pema({"generate", prompt, "--context", "64"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--context"));
}

TEST_F(Generate, RefusesAPromptThatIsNotUtf8) {
  const Outcome outcome = world_.pema({"generate"}, {.input = "caf\xe9 au lait"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("offset 3"));
}

TEST_F(Generate, RefusesAnUnknownProfileWithoutSayingAnything) {
  const Outcome outcome = world_.pema({"generate", kPrompt, "--profile", "mallory"});
  EXPECT_EQ(outcome.status, 3);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("mallory"));
  EXPECT_THAT(outcome.err, HasSubstr("pema profile ls"));
}

TEST_F(Generate, RefusesAProfileOfAnotherBaseModel) {
  const Outcome outcome =
      world_.pema({"generate", kPrompt, "--profile", "alice", "--model", world_.other_model()});
  EXPECT_EQ(outcome.status, 5);
  EXPECT_EQ(outcome.out, "");
}

TEST_F(Generate, RefusesADamagedPoolWithoutSayingAnything) {
  flip_byte(world_.pool_object(), -5);
  const Outcome outcome = world_.pema({"generate", kPrompt, "--profile", "alice"});
  EXPECT_EQ(outcome.status, 6);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(world_.pema({"generate", kPrompt, "--tokens", "2"}).status, 0);
}

TEST_F(Generate, RefusesATruncatedModel) {
  const auto bytes = static_cast<double>(std::filesystem::file_size(world_.model()));
  for (const double share : {0.0, 0.001, 0.1, 0.5, 0.99}) {
    const std::string path = world_.file("cut.gguf");
    std::filesystem::copy_file(world_.model(), path,
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path, static_cast<std::uintmax_t>(share * bytes));
    const Outcome outcome = world_.pema({"generate", kPrompt, "--model", path});
    EXPECT_EQ(outcome.status, 6) << share << ": " << outcome.err;
    EXPECT_EQ(outcome.out, "") << share;
    EXPECT_THAT(outcome.err, HasSubstr("cut.gguf"));
  }
}

TEST_F(Generate, TheProjectionMayBeKeptInEveryNumberType) {
  const auto projected = [&](const char* type) {
    return world_.generate({kPrompt, "--tokens", "1", "--profile", "alice", "--strategy",
                            "projected", "--projection", type})["log_probabilities"];
  };
  const auto exact = projected("float32");
  for (const char* type : {"float16", "bfloat16", "int8"}) {
    const auto rounded = projected(type);
    EXPECT_NE(rounded, exact) << type;
    EXPECT_NEAR(rounded[0].get<double>(), exact[0].get<double>(), 0.1) << type;
  }
  const auto refused =
      world_.pema({"generate", kPrompt, "--profile", "alice", "--projection", "int4"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("float32, float16, bfloat16 or int8"));
}

TEST_F(Generate, RefusesSamplingOptionsOutsideTheirRange) {
  EXPECT_EQ(world_.pema({"generate", kPrompt, "--temperature", "-1"}).status, 2);
  EXPECT_EQ(world_.pema({"generate", kPrompt, "--top-p", "0"}).status, 2);
  EXPECT_EQ(world_.pema({"generate", kPrompt, "--strategy", "magic"}).status, 2);
}

TEST_F(Generate, ADeviceThatIsNotThereIsRefusedBeforeTheModelIsLoaded) {
  for (const char* device : {"cuda:x", "cuda:", "gpu", "cuda:-1"}) {
    EXPECT_EQ(world_.pema({"generate", kPrompt, "--device", device}).status, 2) << device;
  }
  if (kernels::cuda::device_status().usable) GTEST_SKIP() << "there is a GPU";
  const Outcome outcome =
      world_.pema({"generate", kPrompt, "--device", "cuda:1", "--model", world_.file("none.gguf")});
  EXPECT_EQ(outcome.status, 10) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("cuda:1"));
  EXPECT_THAT(outcome.err, HasSubstr("pema doctor"));
  const nlohmann::json report = world_.pema({"doctor", "--json"}).json();
  for (const auto& check : report["checks"]) {
    if (check["name"] != "gpu") continue;
    EXPECT_THAT(check["detail"].get<std::string>(), HasSubstr("everything runs on the processor"));
    EXPECT_THAT(outcome.err, HasSubstr(kernels::cuda::device_status().reason));
  }
}

TEST_F(Generate, CtrlCEndsItWithItsOwnStatus) {
  const Outcome outcome =
      world_.pema({"generate", kPrompt, "--tokens", "100000", "--context", "100000"},
                  {.interrupt_after_output = true});
  EXPECT_EQ(outcome.status, 130);
  EXPECT_THAT(outcome.err, HasSubstr("interrupted"));
}

TEST_F(Generate, AReadOnlyStoreIsEnough) {
  const nlohmann::json before = world_.generate({kPrompt, "--profile", "alice", "--tokens", "8"});
  for (const auto& entry : std::filesystem::recursive_directory_iterator(world_.store())) {
    std::filesystem::permissions(entry.path(),
                                 std::filesystem::perms(entry.is_directory() ? 0555 : 0444));
  }
  std::filesystem::permissions(world_.store(), std::filesystem::perms(0555));
  const RunOptions bound{.obey_permissions = true};
  EXPECT_EQ(world_.generate({kPrompt, "--profile", "alice", "--tokens", "8"}, bound), before);
  EXPECT_EQ(world_.pema({"profile", "ls"}, bound).status, 0);
  const Outcome write = world_.pema({"profile", "rm", "alice"}, bound);
  EXPECT_EQ(write.status, 7) << write.err;
  std::filesystem::permissions(world_.store(), std::filesystem::perms(0755));
  EXPECT_EQ(world_.pema({"profile", "show", "alice"}).status, 0);
}

}  // namespace
}  // namespace pema::test
