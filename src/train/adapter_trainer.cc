#include <array>
#include <optional>
#include <span>

#include "src/train/checks.h"
#include "src/train/fit.h"
#include "src/train/loss.h"
#include "src/train/residual_adapter.h"
#include "src/train/threads.h"
#include "src/train/torch_views.h"

namespace pema::train {

LowRank fit_residual_adapter(const VocabularyLoss& loss, const at::Tensor& train_base,
                             const at::Tensor& dev_base, std::int64_t rank,
                             const OptimiserOptions& options, std::string_view stage,
                             Progress* progress, std::optional<std::int64_t> stop_after) {
  const std::int64_t hidden = train_base.size(1);
  at::Generator generator = seeded_generator(options.seed);
  LowRank adapter{kaiming_uniform(rank, hidden, generator).requires_grad_(),
                  at::zeros({rank, hidden}).requires_grad_()};
  const auto delta = [&](const at::Tensor& x) {
    return at::mm(at::mm(x, adapter.down.t()), adapter.up);
  };
  FitPlan plan{stage, loss.train().size(), &options, progress, stop_after};
  plan.groups = {{{adapter.down, adapter.up}, options.learning_rate, options.weight_decay}};
  plan.loss = [&](const at::Tensor& index) {
    const at::Tensor x =
        dropout(loss.train().input.index_select(0, index), options.input_dropout, generator);
    const at::Tensor z =
        dropout(at::mm(x, adapter.down.t()), options.bottleneck_dropout, generator);
    return loss(train_base.index_select(0, index) + at::mm(z, adapter.up), index);
  };
  if (loss.dev().size() > 0) {
    plan.dev_loss = [&] {
      const at::NoGradGuard no_grad;
      return loss.dev_value(dev_base + delta(loss.dev().input));
    };
  }
  adapter.epochs = fit(plan, generator).epochs;
  return adapter;
}

at::Tensor with_shared(const Rows& rows, const AdapterBlock* shared) {
  const at::NoGradGuard no_grad;
  if (rows.size() == 0) return {};
  return shared == nullptr ? rows.state : rows.state + block_delta(*shared, rows.input);
}

namespace {

void check_adapter_call(const Base& base, const Samples& train, const Samples& dev,
                        const AdapterBlock* shared, std::int64_t rank,
                        const OptimiserOptions& options) {
  check_base(base);
  options.validate();
  PEMA_CHECK(rank >= 1 && rank <= AdapterBlock::kMaxRank, kInvalidArgument, "the rank is ", rank,
             "; it must lie in [1, ", AdapterBlock::kMaxRank, "]");
  PEMA_CHECK(train.rows() > 0, kInvalidArgument, "an adapter needs at least one train row");
  check_samples(base, train, "train");
  check_samples(base, dev, "dev");
  if (shared != nullptr) check_width(base, *shared, "the shared adapter");
}

LowRank fit_adapter(const Base& base, std::span<const Samples> train, std::span<const Samples> dev,
                    const AdapterBlock* shared, std::int64_t rank, const OptimiserOptions& options,
                    Progress* progress, std::optional<std::int64_t> stop_after = {}) {
  const ThreadScope threads;
  const VocabularyLoss loss(base, train, dev, options.vocabulary, options.interpolation);
  return fit_residual_adapter(loss, with_shared(loss.train(), shared),
                              with_shared(loss.dev(), shared), rank, options, "adapter", progress,
                              stop_after);
}

std::shared_ptr<const AdapterBlock> one_block(const LowRank& adapter) {
  return to_block(1, adapter.down, adapter.up);
}

}  // namespace

std::shared_ptr<const AdapterBlock> train_adapter(const Base& base, const Samples& train,
                                                  const Samples& dev, const AdapterBlock* shared,
                                                  std::int64_t rank,
                                                  const OptimiserOptions& options,
                                                  Progress* progress) {
  check_adapter_call(base, train, dev, shared, rank, options);
  std::shared_ptr<const AdapterBlock> result;
  translate_torch_errors([&] {
    result = one_block(fit_adapter(base, {&train, 1}, {&dev, 1}, shared, rank, options, progress));
  });
  return result;
}

RefitAdapter refit_adapter(const Base& base, const Samples& train, const Samples& dev,
                           const AdapterBlock* shared, std::int64_t rank,
                           const OptimiserOptions& options, Progress* progress) {
  check_adapter_call(base, train, dev, shared, rank, options);
  RefitAdapter result;
  translate_torch_errors([&] {
    const LowRank first =
        fit_adapter(base, {&train, 1}, {&dev, 1}, shared, rank, options, progress);
    result.held_out = one_block(first);
    result.all = result.held_out;
    if (dev.rows() == 0) return;
    const std::array<Samples, 2> both = {train, dev};
    result.all =
        one_block(fit_adapter(base, both, {}, shared, rank, options, progress, first.epochs));
  });
  return result;
}

}  // namespace pema::train
