// The walk, one file per step; design and refusals: docs/data_path.md.
#include "pema/engine.h"

#include <algorithm>
#include <functional>

#include "kernels/head_norm.h"
#include "kernels/head_product.h"
#include "pema/error.h"
#include "src/engine/apply.h"
#include "src/engine/check.h"
#include "src/engine/compose.h"
#include "src/engine/interpolate.h"
#include "src/engine/look_up.h"
#include "src/engine/plan.h"
#include "src/engine/project.h"
#include "src/engine/recall.h"
#include "src/engine/walk.h"

namespace pema {
namespace {

// Rows of one block of target_log_probabilities: enough to keep the head product busy, 50 MB of
// scratch at 49,152 words.
constexpr std::int64_t kTargetRows = 128;

bool overlap(MatrixView<const float> a, MatrixView<const float> b) {
  if (a.empty() || b.empty()) return false;
  const float* a_end = a.row(a.rows - 1) + a.cols;
  const float* b_end = b.row(b.rows - 1) + b.cols;
  return std::less<>{}(a.data, b_end) && std::less<>{}(b.data, a_end);
}

Batch slice(const Batch& batch, std::int64_t first, std::int64_t rows) {
  const auto offset = static_cast<std::size_t>(first);
  const auto count = static_cast<std::size_t>(rows);
  Batch part = batch;
  part.features = {batch.features.row(first), rows, batch.features.cols, batch.features.stride};
  if (!batch.logits.empty()) {
    part.logits = {batch.logits.row(first), rows, batch.logits.cols, batch.logits.stride};
  }
  part.leases = batch.leases.subspan(offset, count);
  part.step = batch.step.subspan(offset, count);
  part.source_length = batch.source_length.subspan(offset, count);
  return part;
}

}  // namespace

struct Engine::Impl {
  engine::Context context;

  /// Steps 1 to 7; personal logits go into `personal` [rows, V].
  engine::Walk walk(const Batch& batch, MatrixView<float> personal) {
    engine::check(context, batch);
    engine::Walk walk = engine::plan(context, batch);
    engine::look_up(walk);
    engine::compose(context, walk);
    engine::apply(context, walk);
    engine::project(context, walk, personal);
    engine::recall(context, walk);
    return walk;
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
};

Engine::Engine(const ModelInfo& model, const Head& head, EngineOptions options) {
  engine::check_head(model, head);
  PEMA_CHECK(options.expected_rows >= 0, kInvalidArgument, "expected_rows is ",
             options.expected_rows, "; it must not be negative");
  PEMA_CHECK(options.neglected_mass >= 0.0 && options.neglected_mass <= 0.1, kInvalidArgument,
             "neglected_mass is ", options.neglected_mass, "; it must lie in [0, 0.1]");
  impl_ = std::unique_ptr<Impl>(new Impl{engine::Context(model, head, options)});
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::step(const Batch& batch, MatrixView<float> out) {
  PEMA_CHECK(out.rows == batch.features.rows && out.cols == impl_->context.model.vocab &&
                 out.stride >= out.cols,
             kInvalidArgument, "out is [", out.rows, ", ", out.cols, "], the batch needs [",
             batch.features.rows, ", ", impl_->context.model.vocab, "]");
  PEMA_CHECK(!overlap(out, batch.logits) && !overlap(out, batch.features), kInvalidArgument,
             "out overlaps the batch's logits or features; give it memory of its own");
  const engine::Walk walk = impl_->walk(batch, out);
  engine::interpolate(impl_->context, walk, out);
}

std::vector<double> Engine::target_log_probabilities(const Batch& batch,
                                                     std::span<const std::int64_t> targets) {
  engine::Context& context = impl_->context;
  const std::int64_t rows = batch.features.rows;
  const std::int64_t vocab = context.model.vocab;
  const bool own_logits = batch.logits.data == nullptr;
  PEMA_CHECK(rows > 0 && std::ssize(targets) == rows && std::ssize(batch.leases) == rows &&
                 std::ssize(batch.step) == rows && std::ssize(batch.source_length) == rows &&
                 (own_logits || batch.logits.rows == rows) &&
                 batch.features.cols == context.model.hidden,
             kInvalidArgument, "the batch has no rows, a wrong width, or ", rows, " features but ",
             targets.size(), " targets, ", batch.leases.size(), " leases, ", batch.step.size(),
             " steps, ", batch.source_length.size(), " source lengths");
  for (std::size_t i = 0; i < targets.size(); ++i) {
    PEMA_CHECK(targets[i] >= 0 && targets[i] < vocab, kInvalidArgument, "target ", targets[i],
               " of row ", i, " is outside the vocabulary of ", vocab);
  }
  std::vector<double> result(targets.size());
  const std::int64_t block = std::min(rows, kTargetRows);
  Matrix<float> personal(block, vocab);
  Matrix<float> logits(own_logits ? block : 0, vocab);
  for (std::int64_t first = 0; first < rows; first += block) {
    const std::int64_t count = std::min(block, rows - first);
    Batch part = slice(batch, first, count);
    if (own_logits) {
      MatrixView<float> computed(logits.data(), count, vocab);
      impl_->own_logits(part, computed);
      part.logits = computed;
    }
    const engine::Walk walk = impl_->walk(part, {personal.data(), count, vocab});
    engine::interpolate_targets(
        context, walk, personal.view(),
        targets.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
        std::span(result).subspan(static_cast<std::size_t>(first),
                                  static_cast<std::size_t>(count)));
  }
  return result;
}

CacheStats Engine::cache_stats() const { return impl_->context.cache.stats(); }

void base_logits(const Head& head, MatrixView<const float> features, MatrixView<float> out,
                 std::int64_t threads) {
  kernels::ThreadPool pool(threads);
  kernels::head_product(head.weight.view(), features, out, false, pool);
}

}  // namespace pema
