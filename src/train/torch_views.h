/// Between the contract's matrices and torch's tensors.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "pema/adapter.h"
#include "pema/mask.h"
#include "pema/samples.h"

namespace pema::train {

/// The same memory as a tensor [rows, cols]; torch has no read-only tensors, so nobody writes to
/// it.
[[nodiscard]] at::Tensor view_of(MatrixView<const float> matrix);

/// A copy [n, d] of the features of all sets, in order.
[[nodiscard]] at::Tensor features_of(std::span<const Samples> sets);
/// A copy [n] (i64) of the targets of all sets, in order.
[[nodiscard]] at::Tensor targets_of(std::span<const Samples> sets);

/// s B^T [count*r, d]: every adapter's B with its scale folded in.
[[nodiscard]] at::Tensor scaled_up(const AdapterBlock& block);

/// delta(x) of one block with every adapter on: sum_i s_i B_i A_i x, [rows, d].
[[nodiscard]] at::Tensor block_delta(const AdapterBlock& block, const at::Tensor& x);

/// `count` adapters of scale 1 from down and up, both [count*r, d].
[[nodiscard]] std::shared_ptr<const AdapterBlock> to_block(std::int64_t count,
                                                           const at::Tensor& down,
                                                           const at::Tensor& up);

/// Row `row` of `mask` [rows, N] as a set: every element above zero.
[[nodiscard]] BitMask to_bits(const at::Tensor& mask, std::int64_t row);

/// x with elements zeroed with probability `rate` and the others scaled up to keep the mean.
[[nodiscard]] at::Tensor dropout(const at::Tensor& x, double rate, at::Generator& generator);

/// [rows, cols] uniform in +-1/sqrt(cols): torch's kaiming_uniform(a = sqrt 5).
[[nodiscard]] at::Tensor kaiming_uniform(std::int64_t rows, std::int64_t cols,
                                         at::Generator& generator);

/// A generator of its own, so that nothing depends on torch's global one.
[[nodiscard]] at::Generator seeded_generator(std::uint64_t seed);

/// Calls `work`; what torch throws comes out as pema::Error(kInternal).
void translate_torch_errors(const std::function<void()>& work);

}  // namespace pema::train
