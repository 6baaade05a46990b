#include "src/train/pema_parts.h"

#include <algorithm>
#include <cmath>

#include "src/train/checks.h"
#include "src/train/fit.h"

namespace pema::train {
namespace {

/// Remembers the best validation and says when to stop.
class Validation {
 public:
  /// True when `loss` exceeds both previous two; a new best keeps the parameters.
  bool add(double loss, const std::vector<at::Tensor>& parameters) {
    if (best_.empty() || loss < best_loss_) {
      best_.clear();
      for (const at::Tensor& tensor : parameters) best_.push_back(tensor.detach().clone());
      best_loss_ = loss;
    }
    const std::size_t n = losses_.size();
    const bool worse = n >= 2 && loss > losses_[n - 1] && loss > losses_[n - 2];
    losses_.push_back(loss);
    return worse;
  }
  void restore(const std::vector<at::Tensor>& parameters) const {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < best_.size(); ++i) parameters[i].copy_(best_[i]);
  }

 private:
  std::vector<double> losses_;
  std::vector<at::Tensor> best_;
  double best_loss_ = 0;
};

}  // namespace

void run_pema_stage(const PemaStage& stage, const PemaOptions& options, at::Generator& generator,
                    std::vector<PemaCurvePoint>& curve, Progress* progress) {
  Adam adam({{stage.parameters, options.learning_rate, 0.0}});
  const std::int64_t steps_per_epoch = (stage.rows + stage.batch - 1) / stage.batch;
  const std::int64_t all_steps = steps_per_epoch * options.epochs;
  const double decay =
      (1.0 - options.final_rate) / static_cast<double>(std::max<std::int64_t>(1, all_steps - 1));
  Validation validation;
  bool stop = false;
  double sum = 0;
  double rows_since = 0;
  at::Tensor order;
  checkpoint(progress, stage.name, 0, all_steps, "steps");
  for (std::int64_t step = 0; step < all_steps && !stop; ++step) {
    const std::int64_t in_epoch = step % steps_per_epoch;
    if (in_epoch == 0) {
      order = at::randperm(stage.rows, generator, at::TensorOptions().dtype(at::kLong));
    }
    const std::int64_t start = in_epoch * stage.batch;
    const std::int64_t rows = std::min(stage.batch, stage.rows - start);
    const at::Tensor loss = stage.loss(order.narrow(0, start, rows));
    sum += loss.item<double>() * static_cast<double>(rows);
    rows_since += static_cast<double>(rows);
    PEMA_CHECK(std::isfinite(sum), kInvalidArgument, stage.name, ": the loss is ", sum, " at step ",
               step + 1, "; use a lower learning rate than ", options.learning_rate);
    loss.backward();
    adam.step(1.0 - decay * static_cast<double>(step));
    const std::int64_t done = step + 1;
    const bool last = done == all_steps;
    const bool due =
        stage.dev ? done % options.validate_every == 0 || last : in_epoch + 1 == steps_per_epoch;
    if (due) {
      const PemaDevLoss dev = stage.dev ? stage.dev() : PemaDevLoss{};
      curve.push_back({stage.number, done / steps_per_epoch, done, sum / rows_since, dev.deciding,
                       dev.prediction});
      stop = stage.dev && validation.add(dev.deciding, stage.parameters);
      sum = 0;
      rows_since = 0;
    }
    checkpoint(progress, stage.name, stop ? all_steps : done, all_steps, "steps");
  }
  validation.restore(stage.parameters);
}

at::Tensor top_right_singular_vectors(const at::Tensor& x, std::int64_t rank) {
  const at::NoGradGuard no_grad;
  const std::int64_t width = x.size(1);
  at::Tensor moment = at::zeros({width, width}, at::TensorOptions().dtype(at::kDouble));
  constexpr std::int64_t kBlock = 4096;  // rows turned into float64 at a time
  for (std::int64_t start = 0; start < x.size(0); start += kBlock) {
    const at::Tensor block =
        x.narrow(0, start, std::min(kBlock, x.size(0) - start)).to(at::kDouble);
    moment.addmm_(block.t(), block);
  }
  // Eigenvalues come in rising order, eigenvectors as columns.
  const at::Tensor columns = std::get<1>(at::linalg_eigh(moment));
  at::Tensor rows = columns.narrow(1, width - rank, rank).flip(1).t().contiguous();
  const at::Tensor largest = rows.gather(1, rows.abs().argmax(1, true));
  return (rows * largest.sign()).to(at::kFloat).contiguous();
}

std::string_view to_string(PemaStart start) noexcept {
  switch (start) {
    case PemaStart::kPublished:
      return "published";
    case PemaStart::kReconstruction:
      return "reconstruction";
  }
  return "unknown";
}

PemaStart parse_pema_start(std::string_view text) {
  for (const PemaStart start : {PemaStart::kPublished, PemaStart::kReconstruction}) {
    if (text == to_string(start)) return start;
  }
  fail(ErrorCode::kInvalidArgument, "'", text,
       "' is no start of PEMA; use published or reconstruction");
}

void PemaOptions::validate() const {
  check_range(static_cast<double>(rank), 1, AdapterBlock::kMaxRank, "rank");
  check_range(alpha, 1e-6, 1e6, "alpha");
  check_range(kappa, 0, 1, "kappa");
  check_range(input_dropout, 0, 0.95, "input_dropout");
  check_range(learning_rate, 1e-12, 10, "learning_rate");
  check_range(final_rate, 0, 1, "final_rate");
  check_range(static_cast<double>(batch_reconstruction), 1, 1e7, "batch_reconstruction");
  check_range(static_cast<double>(batch_joint), 1, 1e7, "batch_joint");
  check_range(static_cast<double>(epochs), 1, 1e6, "epochs");
  check_range(static_cast<double>(validate_every), 1, 1e9, "validate_every");
  check_range(static_cast<double>(vocabulary), 0, 1e9, "vocabulary");
}

PemaOptions PemaOptions::best_start() {
  PemaOptions options;
  options.start = PemaStart::kReconstruction;
  options.rank = 256;
  options.alpha = 256;
  options.epochs = 4;
  options.batch_joint = 512;
  return options;
}

}  // namespace pema::train
