#include "src/train/loss.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/train/threads.h"
#include "src/train/torch_views.h"

namespace pema::train {
namespace {

/// Calls visit(first row, rows, log-probabilities [rows, S or S + 1]) for every block, on all
/// cores; the last column is the tail's.
template <typename Visit>
void for_blocks(const at::Tensor& y, const at::Tensor& weight, const at::Tensor& tail,
                const Visit& visit) {
  const std::int64_t words = weight.size(0);
  const std::int64_t block = block_rows(y.size(0), words);
  const std::int64_t blocks = (y.size(0) + block - 1) / block;
  for_each_in_parallel(blocks, [&](std::int64_t index) {
    const std::int64_t start = index * block;
    const std::int64_t rows = std::min(block, y.size(0) - start);
    at::Tensor logits = at::empty({rows, words + (tail.defined() ? 1 : 0)});
    at::Tensor inside = logits.narrow(1, 0, words);
    at::mm_out(inside, y.narrow(0, start, rows), weight.t());
    if (tail.defined()) logits.select(1, words).copy_(tail.narrow(0, start, rows));
    visit(start, rows, at::log_softmax(logits, 1));
  });
}

/// Some of the rows of a loss.
class Block {
 public:
  Block(const LossRows& rows, std::int64_t start, std::int64_t count)
      : target_(rows.target.narrow(0, start, count).unsqueeze(1)), lambda_(rows.lambda) {
    if (lambda_ < 1) other_ = rows.base.narrow(0, start, count) + std::log1p(-lambda_);
  }

  [[nodiscard]] const at::Tensor& target() const { return target_; }  ///< [count, 1]
  /// log(lambda p) of the targets, [count].
  [[nodiscard]] at::Tensor own(const at::Tensor& log_p) const {
    return log_p.gather(1, target_).squeeze(1) + std::log(lambda_);
  }
  /// log of the mixture, [count].
  [[nodiscard]] at::Tensor mixed(const at::Tensor& own) const {
    return other_.defined() ? at::logaddexp(own, other_) : own;
  }

 private:
  at::Tensor target_;
  double lambda_;
  at::Tensor other_;  ///< log((1 - lambda) P_lm(target)); undefined when lambda is 1
};

double minus_sum(const at::Tensor& mixed) { return -mixed.sum(at::kDouble).item<double>(); }

/// Loss and gradient with respect to y [b, d] at once.
struct LossAndGradient {
  double loss = 0;
  at::Tensor gradient;
};

LossAndGradient loss_and_gradient(const at::Tensor& y, const at::Tensor& weight,
                                  const LossRows& all) {
  const at::NoGradGuard no_grad;
  LossAndGradient result{0, at::empty_like(y)};
  const at::Tensor minus_one = at::full({1, 1}, -1.0F);
  std::vector<double> losses(static_cast<std::size_t>(y.size(0)), 0.0);  // at each block's start
  for_blocks(y, weight, all.tail, [&](std::int64_t start, std::int64_t rows, at::Tensor log_p) {
    const Block block(all, start, rows);
    const at::Tensor own = block.own(log_p);
    const at::Tensor mixed = block.mixed(own);
    losses[static_cast<std::size_t>(start)] = minus_sum(mixed);
    log_p.exp_().scatter_add_(1, block.target(), minus_one.expand({rows, 1}));
    at::Tensor out = result.gradient.narrow(0, start, rows);
    at::mm_out(out, log_p.narrow(1, 0, weight.size(0)), weight);
    if (all.lambda < 1) out.mul_(at::exp(own - mixed).unsqueeze(1));
  });
  const double count = static_cast<double>(std::max<std::int64_t>(1, y.size(0)));
  result.loss = std::accumulate(losses.begin(), losses.end(), 0.0) / count;
  result.gradient.div_(count);
  return result;
}

/// A scalar of known value and gradient.
class Known : public torch::autograd::Function<Known> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& y,
                            const at::Tensor& gradient, double value) {
    context->save_for_backward({gradient});
    return at::scalar_tensor(value, y.options());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list outer) {
    return {context->get_saved_variables()[0] * outer[0], at::Tensor(), at::Tensor()};
  }
};

}  // namespace

std::int64_t block_rows(std::int64_t rows, std::int64_t words) {
  // A block's logits stay near the last cache; above 256 rows a product gains nothing more.
  constexpr std::int64_t kElements = std::int64_t{1} << 23;
  const std::int64_t most = std::clamp<std::int64_t>(kElements / words, 32, 256);
  const std::int64_t share = (rows + usable_cores() - 1) / usable_cores();
  // Little work is not worth a thread.
  constexpr std::int64_t kLittle = std::int64_t{1} << 18;
  return rows * words <= kLittle ? std::max<std::int64_t>(rows, 1)
                                 : std::clamp<std::int64_t>(share, 1, most);
}

at::Tensor post_norm_states(const Base& base, const at::Tensor& features) {
  if (base.site == FeatureSite::kPostNorm) return features;
  const std::vector<float>& weight = base.head->norm_weight;
  const auto width = static_cast<std::int64_t>(weight.size());
  return rms_norm(features, view_of({weight.data(), 1, width}), base.head->norm_eps);
}

at::Tensor rms_norm(const at::Tensor& h, const at::Tensor& weight, double eps) {
  return h * at::rsqrt(h.square().mean(1, true) + eps) * weight;
}

at::Tensor cross_entropy(const at::Tensor& y, const at::Tensor& weight, const LossRows& rows) {
  const LossAndGradient known = loss_and_gradient(y.detach(), weight, rows);
  return Known::apply(y, known.gradient, known.loss);
}

double cross_entropy_value(const at::Tensor& y, const at::Tensor& weight, const LossRows& all) {
  const at::NoGradGuard no_grad;
  std::vector<double> losses(static_cast<std::size_t>(y.size(0)), 0.0);
  for_blocks(y, weight, all.tail,
             [&](std::int64_t start, std::int64_t rows, const at::Tensor& log_p) {
               const Block block(all, start, rows);
               losses[static_cast<std::size_t>(start)] = minus_sum(block.mixed(block.own(log_p)));
             });
  return std::accumulate(losses.begin(), losses.end(), 0.0) /
         static_cast<double>(std::max<std::int64_t>(1, y.size(0)));
}

VocabularyLoss::VocabularyLoss(const Base& base, std::span<const Samples> train,
                               std::span<const Samples> dev, std::int64_t vocabulary,
                               double interpolation)
    : lambda_(interpolation) {
  BaseScores own_scores;
  BaseScores& scores = base.scores != nullptr ? *base.scores : own_scores;
  const std::int64_t vocab = base.info->vocab;
  if (vocabulary == 0 || vocabulary >= vocab) {
    words_ = full_vocabulary(vocab);
    weight_ = view_of(base.head->weight.view());
  } else {
    std::vector<double> mass(static_cast<std::size_t>(vocab), 0.0);
    for (const Samples& set : train) {
      if (set.rows() == 0) continue;
      const std::shared_ptr<const BaseScore> score = scores.get(base, set);
      for (std::size_t word = 0; word < mass.size(); ++word) mass[word] += score->word_mass[word];
    }
    std::vector<Samples> all(train.begin(), train.end());
    all.insert(all.end(), dev.begin(), dev.end());
    words_ = choose_vocabulary(all, mass, vocabulary);
    const at::Tensor index = at::tensor(words_.words, at::TensorOptions().dtype(at::kLong));
    weight_ = view_of(base.head->weight.view()).index_select(0, index);
  }
  train_ = make_rows(base, train, scores);
  dev_ = make_rows(base, dev, scores);
}

Rows VocabularyLoss::make_rows(const Base& base, std::span<const Samples> sets,
                               BaseScores& scores) const {
  Rows rows;
  rows.target = targets_of(sets);
  if (rows.size() == 0) return rows;
  std::int64_t* target = rows.target.data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < rows.size(); ++row) {
    target[row] = words_.position_of[static_cast<std::size_t>(target[row])];
  }
  rows.input = features_of(sets);
  rows.state = post_norm_states(base, rows.input);
  const bool whole = words() == base.info->vocab;
  if (whole && lambda_ >= 1) return rows;
  at::Tensor all = at::empty({rows.size()});
  float* out = all.data_ptr<float>();
  for (const Samples& set : sets) {
    if (set.rows() == 0) continue;
    const std::vector<float>& partition = scores.get(base, set)->log_partition;
    out = std::copy(partition.begin(), partition.end(), out);
  }
  at::Tensor inside = at::empty({rows.size()});
  at::Tensor logits = at::empty({rows.size()});
  for_blocks(
      rows.state, weight_, {},
      [&](std::int64_t start, std::int64_t count, const at::Tensor& log_p) {
        // log Z_S = l_w - log p_S(w) for any word w; the target's is at hand.
        const at::Tensor word = rows.target.narrow(0, start, count);
        const at::Tensor logit =
            (rows.state.narrow(0, start, count) * weight_.index_select(0, word)).sum(1);
        logits.narrow(0, start, count).copy_(logit);
        inside.narrow(0, start, count).copy_(logit - log_p.gather(1, word.unsqueeze(1)).squeeze(1));
      });
  if (lambda_ < 1) rows.base = logits - all;
  if (whole) return rows;
  // The rest of a row's base mass; rounding may leave a little less than nothing.
  const at::Tensor rest = at::clamp_min(-at::expm1(inside - all), 1e-30);
  rows.tail = all + at::log(rest);
  return rows;
}

at::Tensor VocabularyLoss::operator()(const at::Tensor& y, const at::Tensor& index) const {
  const auto chosen = [&](const at::Tensor& all) {
    return all.defined() ? all.index_select(0, index) : at::Tensor();
  };
  return cross_entropy(y, weight_,
                       {chosen(train_.target), chosen(train_.tail), lambda_, chosen(train_.base)});
}

double VocabularyLoss::dev_value(const at::Tensor& y) const {
  return cross_entropy_value(y, weight_, {dev_.target, dev_.tail, lambda_, dev_.base});
}

}  // namespace pema::train
