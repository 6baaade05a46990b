#include <array>
#include <optional>
#include <span>
#include <utility>

#include "src/train/checks.h"
#include "src/train/fit.h"
#include "src/train/loss.h"
#include "src/train/mask_estimator.h"
#include "src/train/residual_adapter.h"
#include "src/train/threads.h"
#include "src/train/torch_views.h"

namespace pema::train {
namespace {

/// Numbers of the adapters that are not retired, rising.
std::vector<std::int64_t> kept_adapters(std::int64_t adapters, const BitMask& retired) {
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < adapters; ++i) {
    if (i >= retired.size() || !retired.test(i)) kept.push_back(i);
  }
  return kept;
}

/// The mask over the whole pool of one over the adapters that were kept.
BitMask spread(const BitMask& bits, std::int64_t adapters, std::span<const std::int64_t> kept) {
  BitMask whole(bits.size() == 0 ? 0 : adapters);
  for (const std::int64_t i : bits.indices()) whole.set(kept[static_cast<std::size_t>(i)]);
  return whole;
}

std::vector<float> spread(const std::vector<float>& weights, std::int64_t adapters,
                          std::span<const std::int64_t> kept) {
  std::vector<float> whole(weights.empty() ? 0 : static_cast<std::size_t>(adapters), 0.0F);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    whole[static_cast<std::size_t>(kept[i])] = weights[i];
  }
  return whole;
}

ProfileMask spread(const ProfileMask& mask, std::int64_t adapters, const BitMask& retired) {
  if (retired.none()) return mask;
  const std::vector<std::int64_t> kept = kept_adapters(adapters, retired);
  ProfileMask whole;
  whole.down = spread(mask.down, adapters, kept);
  whole.up = spread(mask.up, adapters, kept);
  whole.down_weights = spread(mask.down_weights, adapters, kept);
  whole.up_weights = spread(mask.up_weights, adapters, kept);
  return whole;
}

/// A pool's adapters as two matrices, and its algebra.
struct PoolMatrices {
  at::Tensor down;  ///< A [N*r, d]
  at::Tensor up;    ///< s B^T [N*r, d]
  std::int64_t adapters = 0;
  std::int64_t rank = 0;
  Algebra algebra = Algebra::kMixture;
  double mask_scale = 1;

  /// Without the adapters that are `retired`.
  PoolMatrices(const Pool& pool, const BitMask& retired)
      : adapters(pool.info().adapters - retired.popcount()),
        rank(pool.info().rank),
        algebra(pool.info().algebra),
        mask_scale(pool.info().mask_scale) {
    std::vector<at::Tensor> downs;
    std::vector<at::Tensor> ups;
    for (const std::shared_ptr<const AdapterBlock>& block : pool.blocks()) {
      downs.push_back(view_of(block->view().down));
      ups.push_back(scaled_up(*block));
    }
    down = at::cat(downs);
    up = at::cat(ups);
    if (retired.none()) return;
    std::vector<std::int64_t> rows;
    for (const std::int64_t adapter : kept_adapters(pool.info().adapters, retired)) {
      for (std::int64_t row = 0; row < rank; ++row) rows.push_back(adapter * rank + row);
    }
    const at::Tensor index = at::tensor(rows, at::TensorOptions().dtype(at::kLong));
    down = down.index_select(0, index);
    up = up.index_select(0, index);
  }

  [[nodiscard]] std::int64_t sides() const { return algebra == Algebra::kSeparate ? 2 : 1; }

  /// z = A^ x [b, r], or m (*) A x [b, N*r] in the mixture, under masks or weights [sides, N].
  [[nodiscard]] at::Tensor bottleneck(const at::Tensor& x, const at::Tensor& mask) const {
    if (algebra == Algebra::kMixture) {
      return at::mm(x, down.t()) * mask.select(0, 0).repeat_interleave(rank);
    }
    return at::mm(x, compose(down, mask.select(0, 0)).t());
  }
  /// What z is multiplied with to give delta(x).
  [[nodiscard]] at::Tensor up_for(const at::Tensor& mask) const {
    return algebra == Algebra::kMixture ? up : compose(up, mask.select(0, 1));
  }

 private:
  /// c sum_i mask[i] matrix_i, [r, d].
  [[nodiscard]] at::Tensor compose(const at::Tensor& matrix, const at::Tensor& mask) const {
    const std::int64_t hidden = matrix.size(1);
    const at::Tensor flat = matrix.view({adapters, rank * hidden});
    return at::mm((mask * mask_scale).unsqueeze(0), flat).view({rank, hidden});
  }
};

ProfileMask to_profile(const at::Tensor& mask, bool soft) {
  ProfileMask result;
  const bool two = mask.size(0) == 2;
  if (!soft) {
    result.down = to_bits(mask, 0);
    if (two) result.up = to_bits(mask, 1);
    return result;
  }
  const at::Tensor values = mask.detach().contiguous();
  const float* data = values.data_ptr<float>();
  result.down_weights.assign(data, data + mask.size(1));
  if (two) result.up_weights.assign(data + mask.size(1), data + 2 * mask.size(1));
  return result;
}

void check_mask_call(const Base& base, const Pool& pool, const Samples& train, const Samples& dev,
                     const MaskOptions& options) {
  check_base(base);
  const PoolInfo& info = pool.info();
  PEMA_CHECK(info.form == Form::kResidual, kUnsupported,
             "masks are learnt in the residual form; this pool is in the ", to_string(info.form),
             " form, train its one adapter with train_pema");
  PEMA_CHECK(info.adapters > 0, kInvalidArgument,
             "this pool has only a shared adapter, there is nothing to mask");
  options.validate(info.adapters);
  PEMA_CHECK(info.hidden == base.info->hidden, kMismatch, "the pool is ", info.hidden,
             " wide, the base model's hidden size is ", base.info->hidden);
  PEMA_CHECK(info.site == base.site, kMismatch, "the pool reads ", to_string(info.site),
             " features, the samples are ", to_string(base.site));
  PEMA_CHECK(info.model == base.info->fingerprint, kMismatch, "the pool is of base model ",
             info.model.short_hex(), ", not of ", base.info->fingerprint.short_hex());
  PEMA_CHECK(train.rows() > 0, kInvalidArgument, "a mask needs at least one train row");
  check_samples(base, train, "train");
  check_samples(base, dev, "dev");
}

struct FittedMask {
  ProfileMask mask;
  std::int64_t epochs = 0;  ///< as FitResult::epochs
};

FittedMask fit_mask(const Base& base, const Pool& pool, std::span<const Samples> train,
                    std::span<const Samples> dev, const MaskOptions& options, Progress* progress,
                    std::optional<std::int64_t> stop_after = {}) {
  const ThreadScope threads;
  const OptimiserOptions& optimiser = options.optimiser;
  const VocabularyLoss loss(base, train, dev, optimiser.vocabulary, optimiser.interpolation);
  const PoolMatrices matrices(pool, options.retired);
  const at::Tensor train_base = with_shared(loss.train(), pool.shared());
  const at::Tensor dev_base = with_shared(loss.dev(), pool.shared());
  const MaskRule rule{options.estimator, options.k, options.temperature};
  at::Generator generator = seeded_generator(optimiser.seed);
  at::Tensor logits = at::empty({matrices.sides(), matrices.adapters})
                          .normal_(0.0, options.initial_deviation, generator);
  // A soft mask's weights are free; they start around one half, where an undecided bit would be.
  if (options.soft) logits += 0.5;
  logits.requires_grad_();
  FitPlan plan{"mask", loss.train().size(), &optimiser, progress, stop_after};
  plan.groups = {{{logits}, optimiser.learning_rate, optimiser.weight_decay}};
  plan.loss = [&](const at::Tensor& index) {
    const at::Tensor x =
        dropout(loss.train().input.index_select(0, index), optimiser.input_dropout, generator);
    const at::Tensor mask = options.soft ? logits : training_mask(logits, rule, generator);
    const at::Tensor z =
        dropout(matrices.bottleneck(x, mask), optimiser.bottleneck_dropout, generator);
    return loss(train_base.index_select(0, index) + at::mm(z, matrices.up_for(mask)), index);
  };
  const auto final_mask = [&] { return options.soft ? logits.detach() : hard_mask(logits, rule); };
  if (loss.dev().size() > 0) {
    plan.dev_loss = [&] {
      const at::NoGradGuard no_grad;
      const at::Tensor mask = final_mask();
      return loss.dev_value(
          dev_base + at::mm(matrices.bottleneck(loss.dev().input, mask), matrices.up_for(mask)));
    };
  }
  const std::int64_t epochs = fit(plan, generator).epochs;
  return {spread(to_profile(final_mask(), options.soft), pool.info().adapters, options.retired),
          epochs};
}

}  // namespace

ProfileMask learn_mask(const Base& base, const Pool& pool, const Samples& train, const Samples& dev,
                       const MaskOptions& options, Progress* progress) {
  check_mask_call(base, pool, train, dev, options);
  ProfileMask result;
  translate_torch_errors([&] {
    result = fit_mask(base, pool, {&train, 1}, {&dev, 1}, options, progress).mask;
  });
  return result;
}

RefitMask refit_mask(const Base& base, const Pool& pool, const Samples& train, const Samples& dev,
                     const MaskOptions& options, Progress* progress) {
  check_mask_call(base, pool, train, dev, options);
  RefitMask result;
  translate_torch_errors([&] {
    FittedMask first = fit_mask(base, pool, {&train, 1}, {&dev, 1}, options, progress);
    result.held_out = std::move(first.mask);
    result.all = result.held_out;
    if (dev.rows() == 0) return;
    const std::array<Samples, 2> both = {train, dev};
    result.all = fit_mask(base, pool, both, {}, options, progress, first.epochs).mask;
  });
  return result;
}

}  // namespace pema::train
