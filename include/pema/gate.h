/// The gate: how much each source of a row counts, from how near its memories are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

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
};

/// g = softmax over the sources that a row has of a linear function of six numbers: for own and for
/// shared memory the squared distance of the nearest neighbour, the mean over all k, and the
/// largest probability that they agree on. One gate serves all people of a pool; there is one set
/// of weights for each choice of memories that a row may have. After the gating network of He et
/// al. 2021 (arXiv 2109.04212, section 4.2), linear and on signals of the recall alone.
/// Thread-safety: a value.
class MixtureGate {
 public:
  static constexpr std::size_t kSignals = 7;   ///< six and a constant
  static constexpr std::size_t kMemories = 4;  ///< none, shared, own, both
  /// weights[m][s][i]: memories, source, signal.
  using Weights = std::array<std::array<std::array<float, kSignals>, kMixtureSources>, kMemories>;

  MixtureGate() = default;
  /// Throws kInvalidArgument unless every weight is finite.
  explicit MixtureGate(const Weights& weights);

  /// Weights of the sources, by MixtureSource; >= 0, sum 1, exactly 0 for absent ones. The model is
  /// always there.
  [[nodiscard]] std::array<double, kMixtureSources> operator()(const GateInput& row) const;
  [[nodiscard]] const Weights& weights() const noexcept { return weights_; }

  /// Which of kMemories sets of weights a row with these memories takes.
  [[nodiscard]] static std::size_t memories(const GateInput& row) noexcept {
    return (row.has_own ? 2U : 0U) + (row.has_shared ? 1U : 0U);
  }
  /// The seven numbers of a row.
  [[nodiscard]] static std::array<double, kSignals> signals(const GateInput& row) noexcept;

  bool operator==(const MixtureGate&) const = default;

 private:
  Weights weights_{};
};

}  // namespace pema
