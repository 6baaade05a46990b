#include "src/engine/apply.h"

#include <algorithm>
#include <cmath>

#include "kernels/bottleneck.h"
#include "kernels/gram.h"
#include "kernels/head_norm.h"
#include "src/engine/projection.h"

namespace pema::engine {
namespace {

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

/// 1 / sqrt(mean h^2 + eps) of every row's delta h, which is never made, into its weights.
void divide_by_norm(const Context& context, const Group& group, MatrixView<float> weights) {
  const auto d = static_cast<double>(context.model.hidden);
  for (std::int64_t row = 0; row < weights.rows; ++row) {
    const double square = kernels::gram_square(group.composed->gram.view(), group.projection_rows,
                                               weights.row_span(row));
    const double scale = 1.0 / std::sqrt(square / d + static_cast<double>(context.head->norm_eps));
    for (float& weight : weights.row_span(row)) {
      weight = static_cast<float>(static_cast<double>(weight) * scale);
    }
  }
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
    if (group.composed->gram.rows() != 0) divide_by_norm(context, group, weights);
    return;
  }
  kernels::bottleneck(group.bottleneck, x, d, delta, &context.pool);
  const std::span<const float> gain = norm_gain(*context.head, group.lease->pool->info());
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
