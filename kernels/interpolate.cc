#include "kernels/interpolate.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/mix_row.h"
#include "pema/error.h"

namespace pema::kernels {
namespace {

/// [size] floats of this thread, on a cache line, kept for its next call: fresh pages would cost as
/// much as the mixing.
float* scratch_of_thread(std::int64_t size) {
  constexpr std::size_t kLine = 64;
  thread_local std::vector<float> scratch;
  const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(float);
  if (scratch.size() * sizeof(float) < bytes + kLine)
    scratch.resize((bytes + kLine) / sizeof(float));
  void* start = scratch.data();
  std::size_t space = scratch.size() * sizeof(float);
  return static_cast<float*>(std::align(kLine, bytes, start, space));
}

void check_lengths(std::size_t rows, std::size_t out) {
  PEMA_CHECK(rows == out, kInvalidArgument, "interpolate: ", rows, " rows but room for ", out);
}

void interpolate_row(RowMix& mix, std::int64_t stretches, float* out) {
  for (std::int64_t s = 0; s < stretches; ++s) mix.add_up(s);
  mix.join();
  for (std::int64_t s = 0; s < stretches; ++s) mix.mix(s, out);
  mix.finish(out);
}

/// Fewer rows than threads: the stretches of all rows are shared out, twice.
void interpolate_stretches(std::span<const MixtureRow> rows, std::int64_t vocab,
                           std::span<float* const> out, ThreadPool& pool) {
  const std::int64_t stretches = RowMix::stretches(vocab);
  float* const scratch = scratch_of_thread(std::ssize(rows) * 2 * vocab);
  std::vector<RowMix> mixes;
  for (std::size_t b = 0; b < rows.size(); ++b) {
    mixes.emplace_back(rows[b], vocab, b, scratch + static_cast<std::int64_t>(b) * 2 * vocab);
  }
  const auto each = [&](const auto& use) {
    pool.run(std::ssize(rows) * stretches, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        use(static_cast<std::size_t>(i / stretches), i % stretches);
      }
    });
  };
  if (std::any_of(rows.begin(), rows.end(), [](const auto& row) { return !row.shortlist; })) {
    each([&](std::size_t b, std::int64_t stretch) { mixes[b].add_up(stretch); });
  }
  for (RowMix& mix : mixes) mix.join();
  each([&](std::size_t b, std::int64_t stretch) { mixes[b].mix(stretch, out[b]); });
  for (std::size_t b = 0; b < rows.size(); ++b) mixes[b].finish(out[b]);
}

}  // namespace

void interpolate(std::span<const MixtureRow> rows, std::int64_t vocab, std::span<float* const> out,
                 ThreadPool& pool) {
  check_lengths(rows.size(), out.size());
  if (std::ssize(rows) < pool.threads()) return interpolate_stretches(rows, vocab, out, pool);
  pool.run(std::ssize(rows), 1, [&](std::int64_t begin, std::int64_t end) {
    float* const scratch = scratch_of_thread(2 * vocab);
    for (auto b = static_cast<std::size_t>(begin); b < static_cast<std::size_t>(end); ++b) {
      RowMix mix(rows[b], vocab, b, scratch);
      interpolate_row(mix, RowMix::stretches(vocab), out[b]);
    }
  });
}

void interpolate_targets(std::span<const MixtureRow> rows, std::int64_t vocab,
                         std::span<const std::int64_t> targets, std::span<double> out,
                         ThreadPool& pool) {
  check_lengths(rows.size(), out.size());
  check_lengths(rows.size(), targets.size());
  pool.run(std::ssize(rows), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto b = static_cast<std::size_t>(begin); b < static_cast<std::size_t>(end); ++b) {
      RowMix mix(rows[b], vocab, b, nullptr);
      for (std::int64_t s = 0; s < RowMix::stretches(vocab); ++s) mix.add_up(s);
      mix.join();
      out[b] = static_cast<double>(mix.at(targets[b]));
    }
  });
}

}  // namespace pema::kernels
