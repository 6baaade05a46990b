// compose by hard masks and by weights: float pool.
#include <cmath>

#include "kernels/cuda/launch_plan.h"
#include "tests/simt/defects/case_runner.h"
#include "tests/simt/emulated_buffer.h"

namespace simt::defects {
namespace {

namespace cuda = pema::kernels::cuda;

struct Shape {
  std::int64_t pool;
  std::int64_t cols;
  std::int64_t profiles;
  int every;  ///< a profile takes each row whose number plus its own is a multiple; 0: none
};

struct Chosen {
  std::vector<std::uint64_t> words;
  std::vector<std::int32_t> begin{0};
  std::vector<std::int32_t> index;
  std::vector<float> weight;
};

Chosen choose(const Shape& shape) {
  Chosen chosen;
  const std::int64_t words = (shape.pool + 63) / 64;
  chosen.words.resize(static_cast<std::size_t>(shape.profiles * words));
  for (std::int64_t p = 0; p < shape.profiles; ++p) {
    for (std::int64_t i = 0; i < shape.pool; ++i) {
      if (shape.every != 0 && (i + p) % shape.every == 0) {
        chosen.words[static_cast<std::size_t>(p * words + i / 64)] |= std::uint64_t{1} << (i % 64);
        chosen.index.push_back(static_cast<std::int32_t>(i));
        chosen.weight.push_back(0.5F + static_cast<float>(i % 7));
      }
    }
    chosen.begin.push_back(static_cast<std::int32_t>(chosen.index.size()));
  }
  return chosen;
}

void run_shape(const Shape& shape) {
  const Chosen chosen = choose(shape);
  const std::int64_t stride = (shape.cols + 3) / 4 * 4;
  const EmulatedBuffer<const float> pool("pool", random_floats(shape.pool * stride, 3));
  const EmulatedBuffer<const std::uint64_t> words("mask words", chosen.words);
  const EmulatedBuffer<const std::int32_t> begin("begin", chosen.begin);
  const EmulatedBuffer<const std::int32_t> index("index", chosen.index);
  const EmulatedBuffer<const float> weight("weight", chosen.weight);
  const EmulatedBuffer<const float> factor("factor", random_floats(shape.profiles, 4));
  const cuda::DeviceRows rows{
      pool.data(), cuda::Element::kFloat32, shape.pool, shape.cols, stride, 1};
  for (const bool by_bits : {true, false}) {
    EmulatedBuffer<float> out("out", shape.profiles * stride);
    const cuda::DeviceOut to{out.data(), shape.profiles, shape.cols, stride};
    if (by_bits) {
      cuda::compose(
          cuda::DeviceComposeBits{rows, {words.data(), factor.data(), shape.profiles}, to}, {});
    } else {
      cuda::compose(cuda::DeviceComposeCsr{rows,
                                           {begin.data(), index.data(), weight.data(),
                                            shape.profiles, index.size()},
                                           to,
                                           {}},
                    {});
    }
    for (std::int64_t p = 0; p < shape.profiles; ++p) {
      for (std::int64_t c = 0; c < shape.cols; ++c) {
        double sum = 0;
        double size = 0;
        for (std::int32_t e = begin[p]; e < begin[p + 1]; ++e) {
          const double w = by_bits ? factor[p] : weight[e];
          const double term = w * pool[index[e] * stride + c];
          sum += term;
          size += std::abs(term);
        }
        const double roundings = begin[p + 1] - begin[p] + 2;
        expect_near(out[p * stride + c], sum, roundings * 0x1p-24 * size,
                    "[" + std::to_string(p) + "][" + std::to_string(c) + "] of " +
                        std::to_string(shape.pool) + " x " + std::to_string(shape.cols));
      }
    }
  }
}

}  // namespace

void run_case(const Trace* trace) {
  // Exact multiples of the tile's 128 rows and 512 columns, one more, one less, 1, primes; the full
  // mask, the empty one, one profile.
  for (const Shape shape :
       {Shape{128, 512, 8, 1}, Shape{1, 4, 1, 1}, Shape{127, 511, 9, 2}, Shape{129, 513, 7, 2},
        Shape{256, 37, 1, 3}, Shape{64, 512, 3, 0}, Shape{384, 8, 17, 5}}) {
    run_shape(shape);
  }
  if (trace != nullptr) {
    const Shape shape{128, 512, 8, 2};
    const EmulatedBuffer<const float> pool("measured pool", random_floats(128 * 512, 3));
    const Chosen chosen = choose(shape);
    const EmulatedBuffer<const std::uint64_t> words("mask words", chosen.words);
    const EmulatedBuffer<const float> factor("factor", random_floats(8, 4));
    EmulatedBuffer<float> out("out", 8 * 512);
    cuda::compose(cuda::DeviceComposeBits{{pool.data(), cuda::Element::kFloat32, 128, 512, 512, 1},
                                          {words.data(), factor.data(), 8},
                                          {out.data(), 8, 512, 512}},
                  {});
    expect_dense_loads(trace->buffer("measured pool"), 1.1);
  }
}

}  // namespace simt::defects
