/// Profiles that move between stores, and two processes at one store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>

#include "pema/engine.h"
#include "pema/plm/language_model.h"
#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPrompt = "the cat sat on the mat";

class Transfer : public ::testing::Test {
 protected:
  [[nodiscard]] std::string exported(const std::string& name) const {
    const std::string path = world_.file(name + ".pema");
    const Outcome outcome = world_.pema({"profile", "export", name, path, "--json"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.json()["bytes"], std::filesystem::file_size(path));
    return path;
  }
  [[nodiscard]] std::string new_store(const std::string& name, const std::string& model) const {
    const std::string store = world_.file(name);
    EXPECT_EQ(world_.pema({"init", "--store", store, "--model", model}).status, 0);
    return store;
  }
  /// Scores [V] after the prompt under a profile of a store.
  [[nodiscard]] std::vector<float> scores(const std::string& folder, const char* profile) const {
    const auto model = plm::LanguageModel::open(world_.model(), {.threads = 1});
    const Store store = Store::open(folder, OpenMode::kReadOnly);
    LeaseBook book(store, model->info());
    const auto lease = book.acquire(profile);
    const auto conversation = model->start();
    const auto tokens = model->tokenise(kPrompt);
    conversation->append(tokens);
    Engine engine(model->info(), model->head());
    const Lease* row = lease.get();
    const std::int64_t step = 0;
    const auto length = static_cast<std::int64_t>(tokens.size());
    Matrix<float> out(1, model->info().vocab);
    engine.step({.features = conversation->features(),
                 .logits = conversation->logits(),
                 .leases = {&row, 1},
                 .step = {&step, 1},
                 .source_length = {&length, 1}},
                out.view());
    return {out.data(), out.data() + out.cols()};
  }
  World world_;
};

TEST_F(Transfer, AnImportedProfileSaysTheSameBitForBit) {
  const std::string store = new_store("second", world_.model());
  for (const char* name : {"alice", "bob", "reader"}) {
    const Outcome imported =
        world_.pema({"profile", "import", exported(name), "--store", store, "--json"});
    ASSERT_EQ(imported.status, 0) << imported.err;
    const std::vector<std::string> command = {
        kPrompt, "--profile", name, "--tokens", "12", "--temperature", "0.7", "--seed", "5"};
    std::vector<std::string> there = command;
    there.insert(there.end(), {"--store", store});
    EXPECT_EQ(world_.generate(command), world_.generate(there)) << name;
    const std::vector<float> here_scores = scores(world_.store(), name);
    const std::vector<float> there_scores = scores(store, name);
    EXPECT_TRUE(std::ranges::equal(here_scores, there_scores, [](float a, float b) {
      return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
    })) << name;
  }
  EXPECT_EQ(world_.pema({"pool", "verify", "--store", store}).status, 0);
}

TEST_F(Transfer, ABundleForAnotherBaseModelIsRefused) {
  const std::string store = new_store("foreign", world_.other_model());
  const Outcome outcome = world_.pema({"profile", "import", exported("alice"), "--store", store});
  EXPECT_EQ(outcome.status, 5);
  const plm::GgufModel model = plm::read_gguf(world_.model());
  EXPECT_THAT(outcome.err, HasSubstr(model.info.fingerprint.short_hex()));
  EXPECT_EQ(world_.pema({"profile", "ls", "--store", store, "--json"}).json()["count"], 0);
}

TEST_F(Transfer, ATakenNameIsRefusedReplacedOrRenamed) {
  const std::string path = exported("alice");
  EXPECT_EQ(world_.pema({"profile", "import", path}).status, 4);
  const Outcome renamed = world_.pema({"profile", "import", path, "--as", "twin", "--json"});
  EXPECT_EQ(renamed.json()["name"], "twin");
  const Outcome replaced = world_.pema({"profile", "import", path, "--replace", "--json"});
  EXPECT_EQ(replaced.json()["generation"], 2);
}

TEST_F(Transfer, WithoutSegmentsAProfileReadsNone) {
  const std::string path = world_.file("bare.pema");
  ASSERT_EQ(world_.pema({"profile", "export", "reader", path, "--no-segments"}).status, 0);
  const std::string store = new_store("third", world_.model());
  const Outcome outcome = world_.pema({"profile", "import", path, "--store", store, "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["segments"].size(), 0U);
}

TEST_F(Transfer, AFileIsReplacedOnlyWhenAsked) {
  const std::string path = exported("alice");
  EXPECT_EQ(world_.pema({"profile", "export", "bob", path}).status, 4);
  EXPECT_EQ(world_.pema({"profile", "export", "bob", path, "--force"}).status, 0);
}

TEST_F(Transfer, ADamagedBundleIsRefused) {
  const std::string path = exported("alice");
  const std::string store = new_store("second", world_.model());
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
  for (const std::int64_t offset : {std::int64_t{0}, bytes / 3, bytes - 1}) {
    flip_byte(path, offset);
    EXPECT_EQ(world_.pema({"profile", "import", path, "--store", store}).status, 6) << offset;
    flip_byte(path, offset);
  }
  EXPECT_EQ(world_.pema({"profile", "ls", "--store", store, "--json"}).json()["count"], 0);
  EXPECT_EQ(world_.pema({"profile", "import", world_.file("none.pema")}).status, 3);
}

TEST_F(Transfer, AFullDiskIsAnErrorAndLeavesNothingBehind) {
  const std::string path = world_.file("alice.pema");
  const Outcome outcome =
      world_.pema({"profile", "export", "alice", path}, {.file_size_limit = 2048});
  EXPECT_EQ(outcome.status, 8) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(world_.pema({"profile", "export", "alice", path}).status, 0);
}

TEST_F(Transfer, OfTwoProcessesWithOneNameOneWins) {
  const std::string path = exported("alice");
  for (int round = 0; round < 3; ++round) {
    const std::string name = "twin-" + std::to_string(round);
    const std::vector<std::string> command = {"profile",      "import",  path,
                                              "--as",         name,      "--store",
                                              world_.store(), "--model", world_.model()};
    const auto outcomes =
        run_together(PEMA_PROGRAM, {command, command}, world_.with_environment({}));
    std::vector<int> statuses = {outcomes[0].status, outcomes[1].status};
    std::ranges::sort(statuses);
    EXPECT_EQ(statuses, (std::vector<int>{0, 4})) << outcomes[0].err << outcomes[1].err;
    EXPECT_EQ(world_.pema({"profile", "show", name, "--json"}).json()["generation"], 1);
  }
  EXPECT_EQ(world_.pema({"pool", "verify"}).status, 0);
}

}  // namespace
}  // namespace pema::test
