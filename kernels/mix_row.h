/// One row of `interpolate`, stretch by stretch, so that several threads may share it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/interpolate.h"

namespace pema::kernels {

/// Use: `add_up` every stretch, `join`, `mix` every stretch, `finish`. Stretches have a fixed
/// length, so that a row's bits depend neither on who computes which nor on their order; `add_up`
/// and `mix` of different stretches may run at once.
class RowMix {
 public:
  /// `row` and what it points to must outlive this; `index` names it in errors. `scratch` [2 V]
  /// keeps exponentials from `add_up` to `mix`; null: `mix` computes them again, the same bits.
  /// Throws kInvalidArgument when a source with weight has no logits.
  RowMix(const MixtureRow& row, std::int64_t vocab, std::size_t index, float* scratch);

  [[nodiscard]] static std::int64_t stretches(std::int64_t vocab);

  /// Maximum and sum of exponentials of one stretch of each source.
  void add_up(std::int64_t stretch);
  /// Joins the stretches in their order. Throws kInvalidArgument as `interpolate`.
  void join();
  /// Writes the columns of one stretch to out [V], which may be the row's personal logits.
  void mix(std::int64_t stretch, float* out) const;
  /// Writes the words of the shortlist, then adds what is recalled.
  void finish(float* out) const;
  /// What `mix` and `finish` leave at one word in [0, V).
  [[nodiscard]] float at(std::int64_t word) const;

 private:
  struct Source {
    const float* logits = nullptr;  ///< null: off
    float* exponentials = nullptr;
    double weight = 0;
    std::vector<LogitSums> sums;  ///< [stretches], each against its own maximum
    float maximum = 0;
    double sum = 0;
  };

  [[nodiscard]] Source source(const float* logits, double weight, const char* name) const;
  void join(Source& source, const char* name) const;
  void join_shortlist();
  [[nodiscard]] DenseMix from(std::int64_t column) const;
  [[nodiscard]] const Shortlist* shortlist() const;

  const MixtureRow* row_;
  std::int64_t vocab_;
  std::size_t index_;
  Source base_;
  Source personal_;
  MixSource others_;  ///< with a shortlist: the words that are not on it
  DenseMix listed_;   ///< with a shortlist: its words, [n]
};

}  // namespace pema::kernels
