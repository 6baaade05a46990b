/// The gate: how much each source of a row counts, from how near its memories are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pema/digest.h"

namespace pema {

/// Sources of a mixture, in the order of a gate's weights. Stored: never renumber.
enum class MixtureSource : std::uint8_t { kModel = 0, kPersonal = 1, kShared = 2, kOwn = 3 };
inline constexpr std::size_t kMixtureSources = 4;

/// What a gate sees of one row's recall from one memory.
struct RecallSignals {
  double nearest = 0;    ///< squared distance of the nearest neighbour
  double mean = 0;       ///< mean squared distance of the neighbours
  double agreement = 0;  ///< the largest probability that recall gives one word
};

/// What a gate sees of one row, and which sources the row has.
struct GateInput {
  RecallSignals own;
  RecallSignals shared;
  bool has_personal = false;
  bool has_own = false;
  bool has_shared = false;
  /// Own keys are product-quantised (mostly_quantised in pema/memory.h); of absent ones not read.
  bool quantised_own = false;
};

/// How a gate's signals are taken: part of the gate, since its weights fit no other recall.
struct GateRecall {
  std::int64_t neighbours = 64;  ///< k, in [1, 4096]
  double temperature = 0.03;     ///< T, in [1e-6, 1000], on squared L2 distance of normalised keys

  bool operator==(const GateRecall&) const = default;
};

/// g = softmax over the sources that a row has of a linear function of eight numbers: for own and
/// for shared memory the squared distance of the nearest neighbour, its logarithm, the mean over
/// all k, and the largest probability that they agree on. One gate serves all people of a pool;
/// there is one set of weights for each choice of memories that a row may have, and own memory of
/// product-quantised keys is another memory than one of keys that are (nearly) exact: the error of
/// its distances is as large as those of good neighbours. After the gating network of He et al.
/// 2021 (arXiv 2109.04212, section 4.2), linear and on signals of the recall alone
/// (docs/decisions/0007-gate.md). Thread-safety: a value.
class MixtureGate {
 public:
  static constexpr std::size_t kSignals = 9;  ///< eight and a constant
  /// None, shared, own, both; then quantised own, quantised own and shared.
  static constexpr std::size_t kMemories = 6;
  /// The first so many are those of a gate that was learnt without quantised keys.
  static constexpr std::size_t kPlainMemories = 4;
  /// Keeps the logarithm of a distance finite, and its slope small beside the distances' rounding.
  static constexpr double kDistanceFloor = 0.01;
  /// weights[m][s][i]: memories, source, signal.
  using Weights = std::array<std::array<std::array<float, kSignals>, kMixtureSources>, kMemories>;

  MixtureGate() = default;
  /// Throws kInvalidArgument unless every weight is finite and `recall` is in its range.
  explicit MixtureGate(const Weights& weights, const GateRecall& recall = {});
  /// Reads an object file (docs/formats/object.md). Throws kNotFound, kIo, kUnsupported (newer than
  /// this build), or kCorrupt (size, header, checksum, digest other than `expected`, values that
  /// the constructor would refuse).
  [[nodiscard]] static MixtureGate open(const std::string& path, const Digest& expected);
  /// Reads the bytes of an object file, as `serialise` gives them. Throws kCorrupt or kUnsupported.
  [[nodiscard]] static MixtureGate from_bytes(std::span<const std::byte> bytes);

  /// Weights of the sources, by MixtureSource; >= 0, sum 1, exactly 0 for absent ones. The model is
  /// always there.
  [[nodiscard]] std::array<double, kMixtureSources> operator()(const GateInput& row) const;
  [[nodiscard]] const Weights& weights() const noexcept { return weights_; }
  /// Whether quantised own memory has weights of its own. Where it has not (gates of older stores,
  /// pools of fewer than 256 keys) it is weighed as exact keys are, which costs some hundredths of
  /// a nat per token.
  [[nodiscard]] bool knows_quantised() const noexcept;
  [[nodiscard]] const GateRecall& recall() const noexcept { return recall_; }

  /// The gate's object file as bytes.
  [[nodiscard]] std::vector<std::byte> serialise() const;
  /// SHA-256 of these bytes.
  [[nodiscard]] Digest digest() const;

  /// Which of kMemories sets of weights a row with these memories takes.
  [[nodiscard]] static std::size_t memories(const GateInput& row) noexcept {
    return (row.has_own ? (row.quantised_own ? 4U : 2U) : 0U) + (row.has_shared ? 1U : 0U);
  }
  /// The nine numbers of a row, own memory before shared. Numbers of an absent memory are 0.
  [[nodiscard]] static std::array<double, kSignals> signals(const GateInput& row) noexcept;

  /// `weights` whose sets for quantised own memory are those for exact keys.
  [[nodiscard]] static Weights without_quantised(Weights weights) noexcept;

  bool operator==(const MixtureGate&) const = default;

 private:
  Weights weights_{};
  GateRecall recall_;
};

}  // namespace pema
