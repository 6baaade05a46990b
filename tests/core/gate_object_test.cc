// A gate as an object file: the same everywhere, and nothing else is taken for one.
#include <gtest/gtest.h>

#include <limits>

#include "pema/gate.h"
#include "src/core/atomic_file.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema {
namespace {

using test::expect_error;

/// All sets of weights differ.
MixtureGate some_gate() {
  MixtureGate::Weights weights{};
  float next = -3.0F;
  for (auto& memories : weights) {
    for (auto& source : memories) {
      for (float& weight : source) weight = next += 0.125F;
    }
  }
  return MixtureGate(weights, {.neighbours = 17, .temperature = 0.25});
}

/// The same without weights for quantised own keys.
MixtureGate plain_gate() {
  const MixtureGate gate = some_gate();
  return MixtureGate(MixtureGate::without_quantised(gate.weights()), gate.recall());
}

TEST(GateObject, IsTheSameInMemoryInBytesAndInAFile) {
  const test::TemporaryFolder folder;
  for (const MixtureGate& gate : {plain_gate(), some_gate()}) {
    const std::vector<std::byte> bytes = gate.serialise();
    EXPECT_EQ(gate.digest(), sha256(bytes));
    EXPECT_NE(gate.digest(), MixtureGate().digest());
    EXPECT_EQ(bytes.size(), gate.knows_quantised() ? 1088U : 768U);
    core::write_file_atomically(folder.file("g"), bytes);
    for (const MixtureGate& read :
         {MixtureGate::from_bytes(bytes), MixtureGate::open(folder.file("g"), gate.digest())}) {
      EXPECT_EQ(read, gate);
      EXPECT_EQ(read.serialise(), bytes);
      EXPECT_EQ(read.recall().neighbours, 17);
    }
  }
}

TEST(GateObject, WithoutWeightsForQuantisedKeysItIsTheKindOfOlderStores) {
  using core::ObjectKind;
  EXPECT_TRUE(some_gate().knows_quantised());
  EXPECT_TRUE(core::claims_kind(some_gate().serialise(), ObjectKind::kQuantisedGate));
  EXPECT_FALSE(plain_gate().knows_quantised());
  EXPECT_TRUE(core::claims_kind(plain_gate().serialise(), ObjectKind::kGate));
  const MixtureGate plain = plain_gate();
  const MixtureGate::Weights& weights = plain.weights();
  EXPECT_EQ(weights[4], weights[2]);
  EXPECT_EQ(weights[5], weights[3]);
}

void refuses_damage(const MixtureGate& gate) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("g");
  const std::vector<std::byte> bytes = gate.serialise();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::byte> damaged = bytes;
    damaged[i] ^= std::byte{0x5a};
    test::write_bytes(path, damaged);
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)MixtureGate::open(path, gate.digest()); }, path);
    expect_error(ErrorCode::kCorrupt,
                 [&] { (void)MixtureGate::from_bytes(std::span(bytes).first(i)); });
  }
  expect_error(ErrorCode::kNotFound,
               [&] { (void)MixtureGate::open(folder.file("none"), gate.digest()); });
}

TEST(GateObject, RefusesEveryFlippedByteAndTruncation) {
  refuses_damage(plain_gate());
  refuses_damage(some_gate());
}

struct ForgedMeta {
  std::int64_t memories = 4, sources = 4, signals = 9, neighbours = 32;
  double temperature = 0.1;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(memories, sources, signals, neighbours, temperature);
  }
};

std::vector<std::byte> forge(const ForgedMeta& meta, const std::vector<float>& weights,
                             core::ObjectKind kind = core::ObjectKind::kGate) {
  const std::span<const std::byte> sections[] = {std::as_bytes(std::span(weights))};
  return core::build_object(kind, core::encode_metadata(meta), sections);
}

TEST(GateObject, RefusesWellFormedObjectsThatAreNoGates) {
  const std::vector<float> weights(144, 0.5F);
  EXPECT_EQ(MixtureGate::from_bytes(forge({}, weights)).recall().neighbours, 32);
  const auto refused = [](const std::vector<std::byte>& bytes, const std::string& words) {
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)MixtureGate::from_bytes(bytes); }, words);
  };
  refused(forge({.memories = 5}, weights), "format");
  refused(forge({.memories = 6}, std::vector<float>(216)), "format");
  refused(forge({.sources = INT64_MAX}, weights), "format");
  refused(forge({.signals = 7}, weights), "format");
  refused(forge({.neighbours = 0}, weights), "neighbours");
  refused(forge({.neighbours = 5000}, weights), "neighbours");
  refused(forge({.temperature = 0}, weights), "temperature");
  refused(forge({.temperature = std::numeric_limits<double>::quiet_NaN()}, weights), "temperature");
  refused(forge({}, std::vector<float>(143)), "size");
  refused(forge({}, std::vector<float>(145)), "size");
  std::vector<float> infinite = weights;
  infinite[77] = std::numeric_limits<float>::infinity();
  refused(forge({}, infinite), "not finite");
  refused(forge({}, weights, core::ObjectKind::kSegment), "memory segment");
}

TEST(GateObject, RefusesQuantisedKindsThatAreNone) {
  constexpr auto kKind = core::ObjectKind::kQuantisedGate;
  std::vector<float> weights(216, 0.5F);
  weights[215] = 0.25F;
  EXPECT_TRUE(MixtureGate::from_bytes(forge({.memories = 6}, weights, kKind)).knows_quantised());
  const auto refused = [](const std::vector<std::byte>& bytes, const std::string& words) {
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)MixtureGate::from_bytes(bytes); }, words);
  };
  refused(forge({}, std::vector<float>(144), kKind), "format");
  refused(forge({.memories = 6}, std::vector<float>(144), kKind), "size");
  refused(forge({.memories = 6}, std::vector<float>(217), kKind), "size");
  // Such a gate has one form only, the older one.
  refused(forge({.memories = 6}, std::vector<float>(216, 0.5F), kKind), "exact ones");
  weights[144] = std::numeric_limits<float>::quiet_NaN();
  refused(forge({.memories = 6}, weights, kKind), "not finite");
}

}  // namespace
}  // namespace pema
