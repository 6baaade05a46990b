/// Cross entropy over a part of the vocabulary, the hot loop of all training.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>

#include "src/train/rows.h"
#include "src/train/vocabulary.h"

namespace pema::train {

/// Rows whose [rows, words] logits are computed at once: an even share per core, within limits.
[[nodiscard]] std::int64_t block_rows(std::int64_t rows, std::int64_t words);

/// What a row's loss is taken of, beside y.
struct LossRows {
  at::Tensor target;  ///< [b] i64 in [0, S)
  at::Tensor tail;    ///< [b] log of the mass outside S; undefined: none
  double lambda = 1;  ///< the loss is that of lambda softmax(W_S y) + (1 - lambda) P_lm
  at::Tensor base;    ///< [b] log P_lm(target); undefined when lambda is 1
};

/// Mean over rows of -log(lambda p + (1 - lambda) P_lm(target)), log p = (W_S y)[target] -
/// logaddexp(logsumexp(W_S y), tail), differentiable in `y` [b, d]; weight W_S [S, d]. The backward
/// pass is written out: softmax minus one-hot, times the part that p has in the mixture, computed
/// block by block in the forward pass, so that [b, S] is never kept.
[[nodiscard]] at::Tensor cross_entropy(const at::Tensor& y, const at::Tensor& weight,
                                       const LossRows& rows);

/// The same value in float64 and without gradient.
[[nodiscard]] double cross_entropy_value(const at::Tensor& y, const at::Tensor& weight,
                                         const LossRows& rows);

/// The loss of softmax(W y) over a vocabulary chosen for some rows.
class VocabularyLoss {
 public:
  /// `vocabulary` and `interpolation` as in OptimiserOptions. Runs the base model's head over the
  /// rows of both unless base.scores knows them.
  VocabularyLoss(const Base& base, std::span<const Samples> train, std::span<const Samples> dev,
                 std::int64_t vocabulary, double interpolation = 1);

  [[nodiscard]] const Rows& train() const noexcept { return train_; }
  [[nodiscard]] const Rows& dev() const noexcept { return dev_; }
  [[nodiscard]] std::int64_t words() const { return weight_.size(0); }

  /// Mean loss of train rows `index` [b] whose x + delta is `y` [b, d].
  [[nodiscard]] at::Tensor operator()(const at::Tensor& y, const at::Tensor& index) const;
  /// Mean loss of all dev rows, y [n, d].
  [[nodiscard]] double dev_value(const at::Tensor& y) const;

 private:
  /// The rows of `sets` with their tails under words_.
  [[nodiscard]] Rows make_rows(const Base& base, std::span<const Samples> sets,
                               BaseScores& scores) const;

  Vocabulary words_;
  at::Tensor weight_;  ///< W_S [S, d]
  double lambda_;
  Rows train_;
  Rows dev_;
};

}  // namespace pema::train
