/// The last step on the device: two rows of logits and recalled words -> log-probabilities.
///
/// mix_sums_kernel: maximum and sum of exponentials of every stretch of a row. mix_kernel: joins
/// the stretches of its row, then mixes its own. Stretches are kMixColumns long whatever the batch,
/// so a row's bits do not depend on its neighbours, and one long row keeps many processors busy.
#pragma once

#include "kernels/cuda/launch_plan.h"
#include "kernels/cuda/pieces.cuh"

namespace pema::kernels::cuda {

struct MixtureSource {
  const float* logits;  // [rows, stride]
  std::int64_t stride;
  const float* weight;  // [rows]; a source with weight 0 is off
};

struct Mixture {
  MixtureSource base;
  MixtureSource personal;
  std::int64_t vocab;
  int stretches;
  float2* sums;               // [rows, 2, stretches] maximum, sum of exp(logit - maximum)
  const std::int32_t* begin;  // [rows + 1] recalled words; null: none
  const std::int32_t* token;
  const float* mass;
  float* out;  // [rows, out_stride]
  std::int64_t out_stride;
  std::int32_t* status;  // [rows]
};

inline constexpr int kMixWarps = kMixThreads / kWarp;
inline constexpr int kMixEach = kMixPieces * 4;  // logits per thread

/// exp(x - maximum); 0 at -inf also when everything is.
PEMA_DEVICE float exp_below(float x, float maximum) {
  return x == -INFINITY ? 0.0F : expf(x - maximum);
}
PEMA_DEVICE bool finite(float x) { return x - x == 0.0F; }

/// First column of this thread's piece k.
PEMA_DEVICE std::int64_t mix_column(int k) {
  return static_cast<std::int64_t>(blockIdx.y) * kMixColumns +
         (static_cast<std::int64_t>(k) * kMixThreads + threadIdx.x) * 4;
}

/// This thread's logits of a row; -inf behind the end.
PEMA_DEVICE void load_logits(const float* row, std::int64_t vocab, float (&x)[kMixEach]) {
  PEMA_UNROLL
  for (int k = 0; k < kMixPieces; ++k) {
    const std::int64_t column = mix_column(k);
    float4 v = make_float4(0, 0, 0, 0);
    if (column < vocab) v = simt::ldvec<float4>(row + column);
    x[4 * k] = column < vocab ? v.x : -INFINITY;
    x[4 * k + 1] = column + 1 < vocab ? v.y : -INFINITY;
    x[4 * k + 2] = column + 2 < vocab ? v.z : -INFINITY;
    x[4 * k + 3] = column + 3 < vocab ? v.w : -INFINITY;
  }
}

/// Maximum and sum of this block's stretch of one source. All threads together.
PEMA_DEVICE void sum_stretch(const MixtureSource& source, std::int64_t vocab, float* maxima,
                             float* parts, float2* result) {
  const int tid = static_cast<int>(threadIdx.x);
  const int lane = tid % kWarp;
  float x[kMixEach];
  load_logits(source.logits + static_cast<std::int64_t>(blockIdx.x) * source.stride, vocab, x);
  if constexpr (PEMA_SEEDED(8)) {
    if (mix_column(0) >= vocab) return;
  }
  float maximum = -INFINITY;
  PEMA_UNROLL
  for (int i = 0; i < kMixEach; ++i) maximum = fmaxf(maximum, x[i]);
  maximum = warp_max(maximum);
  if (lane == 0) maxima[tid / kWarp] = maximum;
  __syncthreads();
  for (int w = 0; w < kMixWarps; ++w) maximum = fmaxf(maximum, maxima[w]);
  float sum = 0;
  PEMA_UNROLL
  for (int i = 0; i < kMixEach; ++i) sum += exp_below(x[i], maximum);
  sum = warp_sum(sum);
  if (lane == 0) parts[tid / kWarp] = sum;
  __syncthreads();
  if (tid == 0) {
    float total = 0;
    for (int w = 0; w < kMixWarps; ++w) total += parts[w];
    *result = make_float2(maximum, total);
  }
  __syncthreads();
}

/// Grid: mix_plan.
static PEMA_GLOBAL void __launch_bounds__(kMixThreads) mix_sums_kernel(Mixture a) {
  SIMT_SHARED(float, maxima, kMixWarps);
  SIMT_SHARED(float, parts, kMixWarps);
  const auto row = static_cast<std::int64_t>(blockIdx.x);
  float2* const sums = a.sums + row * 2 * a.stretches + blockIdx.y;
  if (a.base.weight[row] > 0.0F) sum_stretch(a.base, a.vocab, maxima, parts, sums);
  if (a.personal.weight[row] > 0.0F) {
    sum_stretch(a.personal, a.vocab, maxima, parts, sums + a.stretches);
  }
}

/// What a row needs to know of one source.
struct MixShare {
  float maximum;
  float share;  // weight / sum; 0: the source is off
  float log_share;
};

/// Joins the stretches of a row's source; one warp together.
PEMA_DEVICE MixShare join_stretches(const float2* sums, int stretches, float weight) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float maximum = -INFINITY;
  for (int s = lane; s < stretches; s += kWarp) maximum = fmaxf(maximum, sums[s].x);
  maximum = warp_max(maximum);
  float sum = 0;
  for (int s = lane; s < stretches; s += kWarp) {
    // A stretch of NaN alone has maximum -inf and a sum of NaN.
    sum += sums[s].y == 0.0F ? 0.0F : sums[s].y * expf(sums[s].x - maximum);
  }
  sum = warp_sum(sum);
  return {maximum, weight / sum, logf(weight) - logf(sum)};
}

/// log(exp(a) + exp(b)); -inf where both are.
PEMA_DEVICE float log_add(float a, float b) {
  const float high = fmaxf(a, b);
  return high == -INFINITY ? high : high + log1pf(expf(fminf(a, b) - high));
}

/// log P of one word without recall. Below 1e-30 the mixture is taken in logarithms, because
/// exponentials lose bits and underflow there.
PEMA_DEVICE float log_mixture(const MixShare& base, float b, const MixShare& personal, float p) {
  float mixture = 0;
  if (base.share > 0.0F) mixture += base.share * exp_below(b, base.maximum);
  if (personal.share > 0.0F) mixture += personal.share * exp_below(p, personal.maximum);
  if (mixture >= 1e-30F) return logf(mixture);
  const float log_base = base.share > 0.0F ? base.log_share + (b - base.maximum) : -INFINITY;
  const float log_personal =
      personal.share > 0.0F ? personal.log_share + (p - personal.maximum) : -INFINITY;
  return log_add(log_base, log_personal);
}

/// Grid: mix_plan.
static PEMA_GLOBAL void __launch_bounds__(kMixThreads) mix_kernel(Mixture a) {
  SIMT_SHARED(float, joined, 2 * 3);
  const int tid = static_cast<int>(threadIdx.x);
  const auto row = static_cast<std::int64_t>(blockIdx.x);
  const int source = tid / kWarp;
  if (source < 2) {
    const float weight = source == 0 ? a.base.weight[row] : a.personal.weight[row];
    MixShare share{0, 0, 0};
    if (weight > 0.0F) {
      share = join_stretches(a.sums + (row * 2 + source) * a.stretches, a.stretches, weight);
    }
    if (tid % kWarp == 0) {
      joined[source * 3] = share.maximum;
      joined[source * 3 + 1] = share.share;
      joined[source * 3 + 2] = share.log_share;
    }
  }
  __syncthreads();
  const MixShare base{joined[0], joined[1], joined[2]};
  const MixShare personal{joined[3], joined[4], joined[5]};
  const int bad = (finite(base.maximum) && finite(base.log_share) ? 0 : kBadBase) |
                  (finite(personal.maximum) && finite(personal.log_share) ? 0 : kBadPersonal);
  if (tid == 0 && blockIdx.y == 0) a.status[row] = bad;

  float b[kMixEach];
  float p[kMixEach];
  PEMA_UNROLL
  for (int i = 0; i < kMixEach; ++i) b[i] = p[i] = 0;
  if (a.base.weight[row] > 0.0F) load_logits(a.base.logits + row * a.base.stride, a.vocab, b);
  if (a.personal.weight[row] > 0.0F) {
    load_logits(a.personal.logits + row * a.personal.stride, a.vocab, p);
  }
  PEMA_UNROLL
  for (int i = 0; i < kMixEach; ++i) {
    b[i] = bad != 0 ? NAN : log_mixture(base, b[i], personal, p[i]);
  }
  float* const out = a.out + row * a.out_stride;
  PEMA_UNROLL
  for (int k = 0; k < kMixPieces; ++k) {
    const std::int64_t column = mix_column(k);
    if (column >= a.vocab) continue;
    store_four(out + column, make_float4(b[4 * k], b[4 * k + 1], b[4 * k + 2], b[4 * k + 3]),
               a.vocab - column);
  }
  if (a.begin == nullptr) return;
  __syncthreads();  // recalled words are added to what other threads of the block wrote
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * kMixColumns;
  for (int e = a.begin[row] + tid; e < a.begin[row + 1]; e += kMixThreads) {
    const int token = a.token[e];
    if (token < first || token >= first + kMixColumns || !(a.mass[e] > 0.0F)) continue;
    out[token] = log_add(out[token], logf(a.mass[e]));
  }
}

}  // namespace pema::kernels::cuda
