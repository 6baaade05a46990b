#include "src/train/torch_views.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

namespace pema::train {

at::Tensor view_of(MatrixView<const float> matrix) {
  return at::from_blob(const_cast<float*>(matrix.data), {matrix.rows, matrix.cols},
                       {matrix.stride, 1}, at::TensorOptions().dtype(at::kFloat));
}

at::Tensor features_of(std::span<const Samples> sets) {
  std::vector<at::Tensor> parts;
  for (const Samples& set : sets) {
    if (set.rows() > 0) parts.push_back(view_of(set.features));
  }
  return parts.empty() ? at::empty({0, 0}) : at::cat(parts);
}

at::Tensor targets_of(std::span<const Samples> sets) {
  std::int64_t rows = 0;
  for (const Samples& set : sets) rows += set.rows();
  at::Tensor targets = at::empty({rows}, at::TensorOptions().dtype(at::kLong));
  std::int64_t* out = targets.data_ptr<std::int64_t>();
  for (const Samples& set : sets) out = std::copy(set.targets.begin(), set.targets.end(), out);
  return targets;
}

at::Tensor scaled_up(const AdapterBlock& block) {
  const AdapterBlockView& view = block.view();
  const at::Tensor scale = view_of(MatrixView<const float>(view.scale.data(), view.count, 1));
  return view_of(view.up) * scale.repeat_interleave(view.rank, 0);
}

at::Tensor block_delta(const AdapterBlock& block, const at::Tensor& x) {
  return at::mm(at::mm(x, view_of(block.view().down).t()), scaled_up(block));
}

std::shared_ptr<const AdapterBlock> to_block(std::int64_t count, const at::Tensor& down,
                                             const at::Tensor& up) {
  const at::Tensor a = down.detach().contiguous();
  const at::Tensor b = up.detach().contiguous();
  const std::vector<float> scale(static_cast<std::size_t>(count), 1.0F);
  return AdapterBlock::make(count, a.size(0) / count, {a.data_ptr<float>(), a.size(0), a.size(1)},
                            {b.data_ptr<float>(), b.size(0), b.size(1)}, scale);
}

BitMask to_bits(const at::Tensor& mask, std::int64_t row) {
  const at::Tensor values = mask.select(0, row).contiguous();
  BitMask bits(values.size(0));
  for (std::int64_t i = 0; i < values.size(0); ++i) {
    if (values.data_ptr<float>()[i] > 0.0F) bits.set(i);
  }
  return bits;
}

at::Tensor dropout(const at::Tensor& x, double rate, at::Generator& generator) {
  if (rate == 0.0) return x;
  at::Tensor keep = at::empty_like(x).bernoulli_(1.0 - rate, generator);
  return keep.mul_(x).mul_(1.0 / (1.0 - rate));
}

at::Tensor kaiming_uniform(std::int64_t rows, std::int64_t cols, at::Generator& generator) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(cols));
  return at::empty({rows, cols}).uniform_(-bound, bound, generator);
}

at::Generator seeded_generator(std::uint64_t seed) { return at::detail::createCPUGenerator(seed); }

void translate_torch_errors(const std::function<void()>& work) {
  try {
    work();
  } catch (const c10::Error& error) {
    fail(ErrorCode::kInternal, "torch: ", error.what_without_backtrace());
  }
}

}  // namespace pema::train
