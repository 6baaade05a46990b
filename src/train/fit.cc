#include "src/train/fit.h"

#include <algorithm>
#include <cmath>

namespace pema::train {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

std::vector<at::Tensor> snapshot(const std::vector<ParameterGroup>& groups) {
  std::vector<at::Tensor> copies;
  for (const ParameterGroup& group : groups) {
    for (const at::Tensor& tensor : group.tensors) copies.push_back(tensor.detach().clone());
  }
  return copies;
}

void restore(const std::vector<ParameterGroup>& groups, const std::vector<at::Tensor>& copies) {
  const at::NoGradGuard no_grad;
  auto copy = copies.begin();
  for (const ParameterGroup& group : groups) {
    for (const at::Tensor& tensor : group.tensors) tensor.copy_(*copy++);
  }
}

}  // namespace

Adam::Adam(std::vector<ParameterGroup> groups) : groups_(std::move(groups)) {
  for (const ParameterGroup& group : groups_) {
    std::vector<Moments>& moments = moments_.emplace_back();
    for (const at::Tensor& tensor : group.tensors) {
      moments.push_back({at::zeros_like(tensor), at::zeros_like(tensor)});
    }
  }
}

void Adam::step(double factor) {
  const at::NoGradGuard no_grad;
  power1_ *= kBeta1;
  power2_ *= kBeta2;
  const double correction = std::sqrt(1.0 - power2_);
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const double rate = groups_[g].learning_rate * factor;
    for (std::size_t t = 0; t < groups_[g].tensors.size(); ++t) {
      at::Tensor& value = groups_[g].tensors[t];
      const at::Tensor& gradient = value.grad();
      if (!gradient.defined()) continue;
      Moments& moments = moments_[g][t];
      if (groups_[g].weight_decay > 0) value.mul_(1.0 - rate * groups_[g].weight_decay);
      moments.first.mul_(kBeta1).add_(gradient, 1.0 - kBeta1);
      moments.second.mul_(kBeta2).addcmul_(gradient, gradient, 1.0 - kBeta2);
      value.addcdiv_(moments.first, moments.second.sqrt().add_(kEpsilon * correction),
                     -rate * correction / (1.0 - power1_));
      value.mutable_grad() = at::Tensor();
    }
  }
}

FitResult fit(const FitPlan& plan, at::Generator& generator) {
  const OptimiserOptions& options = *plan.options;
  const std::int64_t steps_per_epoch = (plan.rows + options.batch - 1) / options.batch;
  const double all_steps =
      static_cast<double>(std::max<std::int64_t>(1, steps_per_epoch * options.epochs - 1));
  const std::int64_t epochs = std::min(plan.stop_after.value_or(options.epochs), options.epochs);
  const std::int64_t all_rows = plan.rows * epochs;
  Adam adam(plan.groups);
  FitResult result;
  double step = 0;
  checkpoint(plan.progress, plan.stage, 0, all_rows, "rows");
  // What training starts from is a candidate too: it may only make things worse.
  std::vector<at::Tensor> best;
  double best_loss = 0;
  if (plan.dev_loss) {
    best = snapshot(plan.groups);
    best_loss = plan.dev_loss();
  }
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    if (plan.before_epoch) plan.before_epoch(epoch);
    const at::Tensor order =
        at::randperm(plan.rows, generator, at::TensorOptions().dtype(at::kLong));
    double sum = 0;
    for (std::int64_t start = 0; start < plan.rows; start += options.batch) {
      const std::int64_t rows = std::min(options.batch, plan.rows - start);
      const at::Tensor loss = plan.loss(order.narrow(0, start, rows));
      sum += loss.item<double>() * static_cast<double>(rows);
      loss.backward();
      adam.step(1.0 - (1.0 - options.final_rate) * step / all_steps);
      step += 1;
      checkpoint(plan.progress, plan.stage, epoch * plan.rows + start + rows, all_rows, "rows");
    }
    result.train_loss.push_back(sum / static_cast<double>(plan.rows));
    PEMA_CHECK(std::isfinite(sum), kInvalidArgument, plan.stage, ": the loss is ", sum,
               " in epoch ", epoch + 1, "; use a lower learning rate than ", options.learning_rate);
    if (!plan.dev_loss) {
      result.epochs = epoch + 1;
      continue;
    }
    result.dev_loss.push_back(plan.dev_loss());
    if (result.dev_loss.back() < best_loss) {
      best = snapshot(plan.groups);
      best_loss = result.dev_loss.back();
      result.epochs = epoch + 1;
    }
  }
  if (!best.empty()) restore(plan.groups, best);
  return result;
}

}  // namespace pema::train
