/// The epoch loop that all trainers share.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "pema/progress.h"
#include "pema/train/options.h"

namespace pema::train {

/// Parameters with a learning rate of their own.
struct ParameterGroup {
  std::vector<at::Tensor> tensors;  ///< leaves that require a gradient
  double learning_rate = 1e-3;
  double weight_decay = 0;
};

/// Adam with decoupled weight decay (beta 0.9 and 0.999, epsilon 1e-8). Thread-safety: one thread.
class Adam {
 public:
  explicit Adam(std::vector<ParameterGroup> groups);
  /// One update from the gradients, which are then cleared; every rate is multiplied by `factor`.
  void step(double factor);

 private:
  struct Moments {
    at::Tensor first;
    at::Tensor second;
  };
  std::vector<ParameterGroup> groups_;
  std::vector<std::vector<Moments>> moments_;
  double power1_ = 1.0;  ///< beta^steps
  double power2_ = 1.0;
};

struct FitPlan {
  std::string_view stage;  ///< for progress and messages
  std::int64_t rows = 0;
  const OptimiserOptions* options = nullptr;
  Progress* progress = nullptr;
  /// So many epochs of the plan are done, at most options->epochs; its falling rate stays that of
  /// all of them. Unset: all.
  std::optional<std::int64_t> stop_after = {};
  std::vector<ParameterGroup> groups = {};
  /// Mean loss of the rows with these numbers [b], differentiable in the parameters.
  std::function<at::Tensor(const at::Tensor& index)> loss = {};
  /// Called before epoch 0, 1, ...; may change the parameters. Empty: nothing to do.
  std::function<void(std::int64_t epoch)> before_epoch = {};
  /// Mean dev loss without dropout or noise; empty when there are no dev rows.
  std::function<double()> dev_loss = {};
};

struct FitResult {
  std::vector<double> train_loss;  ///< per epoch
  std::vector<double> dev_loss;    ///< per epoch; empty without dev rows
  std::int64_t epochs = 0;         ///< after which the parameters were taken; 0: as they came
};

/// Shuffled epochs; with a dev loss the parameters end as they were after the best epoch, or as
/// they came when no epoch is better. Throws kInvalidArgument when the loss is not finite,
/// kInterrupted.
FitResult fit(const FitPlan& plan, at::Generator& generator);

}  // namespace pema::train
