// The parts of the features' width: bottlenecks of a pool's rows and of composed ones.
#include <algorithm>
#include <utility>

#include "kernels/bottleneck.h"
#include "src/engine/measurements.h"

namespace pema::engine {
namespace {

constexpr std::int64_t kRowsPerTask = 16;  // as in apply.cc
constexpr std::int64_t kComposed = 12;     // composed masks that take turns
constexpr std::int64_t kSeparateRank = 8;

double real(std::int64_t value) { return static_cast<double>(value); }

}  // namespace

std::vector<kernels::SelectedAdapter> Measurements::select(const std::vector<std::int32_t>& mask,
                                                           std::int64_t rank) {
  std::vector<kernels::SelectedAdapter> selected;
  for (const std::int32_t i : mask) {
    if ((i + 1) * rank > adapters_) break;
    selected.push_back({i, down_.row(i * rank), up_.row(i * rank), 1.0F, 1.0F});
  }
  return selected;
}

kernels::Bottleneck Measurements::listed(const std::vector<std::int32_t>& mask) {
  kernels::Bottleneck bottleneck;
  kernels::append_mixture(select(mask, 1), 1, d_, d_, bottleneck);
  return bottleneck;
}

void Measurements::run_tasks(std::int64_t rows, const std::vector<kernels::Bottleneck>& bottlenecks,
                             bool delta) {
  const std::size_t first = turn_++;
  const std::int64_t tasks = threads_.threads();
  threads_.run(tasks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const kernels::Bottleneck& bottleneck =
          bottlenecks[(first + static_cast<std::size_t>(t)) % bottlenecks.size()];
      const std::vector<const float*> x = inputs(rows);
      Matrix<float> out(rows, delta ? d_ : bottleneck.up.entries());
      if (!delta) {
        kernels::gate(bottleneck, x, d_, out.view());
        continue;
      }
      std::vector<float*> deltas;
      for (std::int64_t i = 0; i < rows; ++i) deltas.push_back(out.row(i));
      kernels::bottleneck(bottleneck, x, d_, deltas);
    }
  });
}

void Measurements::add_pool(std::vector<Point>& all) {
  for (const std::vector<std::int32_t>& mask : masks_) pooled_.push_back(listed(mask));
  const double elements = real(std::ssize(masks_.front())) * real(d_);
  for (const std::int64_t rows : {std::int64_t{1}, kRowsPerTask}) {
    const double added = elements * real(rows);
    all.push_back({{&MachineCosts::pool_read, &MachineCosts::gate_add, &MachineCosts::delta_add,
                    &MachineCosts::parallel_run},
                   {elements, added, 0, 1},
                   [this, rows] { run_tasks(rows, pooled_, false); }});
    all.push_back({{&MachineCosts::pool_read, &MachineCosts::gate_add, &MachineCosts::delta_add,
                    &MachineCosts::parallel_run},
                   {2 * elements, added, added, 1},
                   [this, rows] { run_tasks(rows, pooled_, true); }});
  }
  all.push_back({{&MachineCosts::list_entry}, {2 * real(std::ssize(masks_.front()))}, [this] {
                   (void)listed(next_mask());
                 }});
}

void Measurements::add_composed(std::vector<Point>& all) {
  for (std::int64_t i = 0; i < kComposed; ++i) {
    const kernels::Composed& made = composed_.emplace_back(
        kernels::compose_mixture(select(masks_[static_cast<std::size_t>(i)], 1), 1, d_));
    kernels::Bottleneck bottleneck;
    kernels::append_composed(made.down.view(), made.up.view(), made.up_weights, bottleneck);
    own_.push_back(std::move(bottleneck));
  }
  const double elements = real(std::ssize(masks_.front())) * real(d_);
  all.push_back({{&MachineCosts::composed_read, &MachineCosts::gate_add, &MachineCosts::delta_add,
                  &MachineCosts::parallel_run},
                 {2 * elements, elements, elements, 1},
                 [this] { run_tasks(1, own_, true); }});
  all.push_back({{&MachineCosts::compose_copy}, {2 * elements}, [this] {
                   (void)kernels::compose_mixture(select(next_mask(), 1), 1, d_);
                 }});
  const std::vector<kernels::SelectedAdapter> wide = select(masks_.front(), kSeparateRank);
  all.push_back({{&MachineCosts::compose_sum},
                 {2 * real(std::ssize(wide) * kSeparateRank) * real(d_)},
                 [this, wide] {
                   const std::span<const kernels::SelectedAdapter> one(wide);
                   (void)kernels::compose_separate({&one, 1}, kSeparateRank, d_, threads_);
                 }});
}

}  // namespace pema::engine
