#include "src/engine/apply.h"

#include <algorithm>

#include "kernels/bottleneck.h"
#include "kernels/head_norm.h"
#include "pema/error.h"

namespace pema::engine {
namespace {

constexpr std::int64_t kRowsPerTask = 16;

/// Rows [begin, end) of Walk::row_order, all of one group.
struct Task {
  std::size_t group = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

std::vector<Task> split(const Walk& walk) {
  std::vector<Task> tasks;
  for (std::size_t g = 0; g < walk.groups.size(); ++g) {
    const Group& group = walk.groups[g];
    for (std::int64_t begin = group.begin; begin < group.end; begin += kRowsPerTask) {
      tasks.push_back({g, begin, std::min(group.end, begin + kRowsPerTask)});
    }
  }
  return tasks;
}

/// The gain of the pool's norm; empty for none.
std::span<const float> gain_of(const Head& head, const PoolInfo& info) {
  if (info.form == Form::kResidual || info.norm == HeadNorm::kNone) return {};
  if (info.norm == HeadNorm::kDecoderFinal) return head.norm_weight;
  PEMA_CHECK(!head.layer_norm_weight.empty(), kUnsupported,
             "the pool uses norm layer_final, but the base model's file has no such norm; use a "
             "pool with decoder_final or none");
  return head.layer_norm_weight;
}

void run(Context& context, Walk& walk, const Task& task) {
  Group& group = walk.groups[task.group];
  std::vector<const float*> x;
  std::vector<float*> delta;
  for (std::int64_t i = task.begin; i < task.end; ++i) {
    x.push_back(walk.batch->features.row(walk.row_order[static_cast<std::size_t>(i)]));
    delta.push_back(walk.delta.row(i));
  }
  const std::int64_t d = context.model.hidden;
  if (group.strategy == Strategy::kProjected) {
    MatrixView<float> weights(group.weights.row(task.begin - group.begin), task.end - task.begin,
                              group.weights.cols());
    kernels::gate(group.bottleneck, x, d, weights, &context.pool);
    return;
  }
  kernels::bottleneck(group.bottleneck, x, d, delta, &context.pool);
  const std::span<const float> gain = gain_of(*context.head, group.lease->pool->info());
  if (gain.empty()) return;
  for (float* row : delta) {
    const std::span<float> values(row, static_cast<std::size_t>(d));
    kernels::rms_norm(values, gain, context.head->norm_eps, values);
  }
}

}  // namespace

void apply(Context& context, Walk& walk) {
  walk.delta = Matrix<float>(std::ssize(walk.row_order), context.model.hidden);
  for (Group& group : walk.groups) {
    if (group.strategy != Strategy::kProjected) continue;
    group.weights = Matrix<float>(group.end - group.begin, group.bottleneck.up.entries());
  }
  const std::vector<Task> tasks = split(walk);
  // A task that is alone leaves the pool to its kernels; inside a run they are serial.
  context.pool.run(std::ssize(tasks), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      run(context, walk, tasks[static_cast<std::size_t>(t)]);
    }
  });
}

}  // namespace pema::engine
