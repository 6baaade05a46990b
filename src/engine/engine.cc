// The walk, one file per step; design and refusals: docs/data_path.md.
#include "pema/engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernels/head_norm.h"
#include "kernels/head_product.h"
#include "pema/error.h"
#include "src/engine/backend.h"
#include "src/engine/check.h"
#include "src/engine/cpu_backend.h"
#include "src/engine/device_backend.h"
#include "src/engine/device_batch.h"
#include "src/engine/host_batch.h"
#include "src/engine/look_up.h"
#include "src/engine/plan.h"
#include "src/engine/recall.h"
#include "src/engine/skip_recall.h"
#include "src/engine/walk.h"

namespace pema {
namespace {

// Rows of one block of target_log_probabilities: enough to keep the head product busy, 50 MB of
// scratch at 49,152 words.
constexpr std::int64_t kTargetRows = 128;

/// Seconds since it was made or last asked.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

struct Engine::Impl {
  engine::Context context;
  std::unique_ptr<engine::Backend> backend;
  engine::DeviceBackend* device = nullptr;  // the backend, when it is one
  StepSeconds walked{};                     // of the last walk
  StepSeconds seconds{};                    // of the last step

  /// Steps 1 to 7; personal logits go into `personal` [rows, V].
  engine::Walk walk(const Batch& batch, MatrixView<float> personal) {
    engine::check(context, batch);
    engine::Walk walk = engine::plan(context, batch);
    engine::skip_recall(context, walk);
    engine::look_up(walk);
    Stopwatch watch;
    backend->compose(context, walk);
    walked.compose = watch.lap();
    backend->apply(context, walk);
    walked.apply = watch.lap();
    backend->project(context, walk, personal);
    walked.project = watch.lap();
    backend->fetch_features(context, walk);
    engine::recall(context, walk);
    return walk;
  }

  /// All steps; what a failed one began is forgotten.
  void run(const Batch& batch, MatrixView<float> out) {
    try {
      const engine::Walk finished = walk(batch, out);
      Stopwatch watch;
      backend->interpolate(context, finished, out);
      walked.interpolate = watch.lap();
    } catch (...) {
      backend->abandon();
      throw;
    }
    seconds = walked;
  }

  /// W x of features at the batch's site, which must be finite and of the model's width.
  void own_logits(const Batch& batch, MatrixView<float> out) {
    MatrixView<const float> x = batch.features;
    Matrix<float> normed;
    if (batch.site == FeatureSite::kPreNorm) {
      normed = Matrix<float>(x.rows, x.cols);
      for (std::int64_t row = 0; row < x.rows; ++row) {
        kernels::rms_norm(x.row_span(row), context.head->norm_weight, context.head->norm_eps,
                          normed.view().row_span(row));
      }
      x = normed.view();
    }
    kernels::head_product(context.head->weight.view(), x, out, false, context.pool);
  }

  void step(const Batch& batch, MatrixView<float> out) {
    PEMA_CHECK(
        batch.features.empty() || (batch.features.data != nullptr && batch.logits.data != nullptr),
        kInvalidArgument, "the batch's features or logits are at no address");
    PEMA_CHECK(out.rows == batch.features.rows && out.cols == context.model.vocab &&
                   out.stride >= out.cols,
               kInvalidArgument, "out is [", out.rows, ", ", out.cols, "], the batch needs [",
               batch.features.rows, ", ", context.model.vocab, "]");
    PEMA_CHECK(!engine::overlap(out, batch.logits) && !engine::overlap(out, batch.features),
               kInvalidArgument,
               "out overlaps the batch's logits or features; give it memory of its own");
    run(batch, out);
  }

  void step(const DeviceBatch& batch, const DeviceScores& out) {
    engine::check_device_batch(context, batch, out);
    device->use(batch, out);
    run(engine::shape_of(batch), {});
  }

  std::vector<double> target_log_probabilities(const Batch& batch,
                                               std::span<const std::int64_t> targets) {
    const std::int64_t rows = batch.features.rows;
    const std::int64_t vocab = context.model.vocab;
    const bool computes_logits = batch.logits.data == nullptr;
    PEMA_CHECK(rows > 0 && std::ssize(targets) == rows && std::ssize(batch.leases) == rows &&
                   std::ssize(batch.step) == rows && std::ssize(batch.source_length) == rows &&
                   (computes_logits || batch.logits.rows == rows) &&
                   batch.features.cols == context.model.hidden,
               kInvalidArgument, "the batch has no rows, a wrong width, or ", rows,
               " features but ", targets.size(), " targets, ", batch.leases.size(), " leases, ",
               batch.step.size(), " steps, ", batch.source_length.size(), " source lengths");
    for (std::size_t i = 0; i < targets.size(); ++i) {
      PEMA_CHECK(targets[i] >= 0 && targets[i] < vocab, kInvalidArgument, "target ", targets[i],
                 " of row ", i, " is outside the vocabulary of ", vocab);
    }
    std::vector<double> result(targets.size());
    const std::int64_t block = std::min(rows, kTargetRows);
    Matrix<float> personal(block, vocab);
    Matrix<float> logits(computes_logits ? block : 0, vocab);
    for (std::int64_t first = 0; first < rows; first += block) {
      const std::int64_t count = std::min(block, rows - first);
      Batch part = engine::slice(batch, first, count);
      if (computes_logits) {
        MatrixView<float> computed(logits.data(), count, vocab);
        own_logits(part, computed);
        part.logits = computed;
      }
      try {
        const MatrixView<float> logits_of_part(personal.data(), count, vocab);
        const engine::Walk finished = walk(part, logits_of_part);
        backend->interpolate_targets(
            context, finished, logits_of_part,
            targets.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
            std::span(result).subspan(static_cast<std::size_t>(first),
                                      static_cast<std::size_t>(count)));
      } catch (...) {
        backend->abandon();
        throw;
      }
    }
    return result;
  }
};

Engine::Engine(const ModelInfo& model, const Head& head, EngineOptions options) {
  engine::check_head(model, head);
  engine::check_expectations(options);
  PEMA_CHECK(options.neglected_mass >= 0.0 && options.neglected_mass <= 0.1, kInvalidArgument,
             "neglected_mass is ", options.neglected_mass, "; it must lie in [0, 0.1]");
  PEMA_CHECK(options.wanted_recall > 0.0 && options.wanted_recall <= 1.0, kInvalidArgument,
             "wanted_recall is ", options.wanted_recall, "; it must lie in (0, 1]");
  PEMA_CHECK(options.skip_recall_above > 0.0 && options.skip_recall_above <= 1.0, kInvalidArgument,
             "skip_recall_above is ", options.skip_recall_above, "; it must lie in (0, 1]");
  std::unique_ptr<engine::Backend> backend;
  engine::DeviceBackend* device = nullptr;
  if (options.device) {
    auto made = std::make_unique<engine::DeviceBackend>(options);
    device = made.get();
    backend = std::move(made);
  } else {
    backend = std::make_unique<engine::CpuBackend>();
  }
  impl_ = std::unique_ptr<Impl>(
      new Impl{engine::Context(model, head, options), std::move(backend), device});
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::step(const Batch& batch, MatrixView<float> out) {
  Matrix<float> wide;
  impl_->step(engine::widened(batch, wide), out);
}

void Engine::step(const DeviceBatch& batch, const DeviceScores& out) { impl_->step(batch, out); }

void Engine::finish() {
  if (impl_->device != nullptr) impl_->device->finish();
}

std::vector<double> Engine::target_log_probabilities(const Batch& batch,
                                                     std::span<const std::int64_t> targets) {
  Matrix<float> wide;
  return impl_->target_log_probabilities(engine::widened(batch, wide), targets);
}

CacheStats Engine::cache_stats() const { return impl_->context.cache.stats(); }

StepSeconds Engine::step_seconds() const { return impl_->seconds; }

void base_logits(const Head& head, MatrixView<const float> features, MatrixView<float> out,
                 std::int64_t threads) {
  kernels::ThreadPool pool(threads);
  kernels::head_product(head.weight.view(), features, out, false, pool);
}

}  // namespace pema
