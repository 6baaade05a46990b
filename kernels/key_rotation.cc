#include "kernels/key_rotation.h"

#include <bit>
#include <cmath>

namespace pema::kernels {
namespace {

/// Hadamard's transform of x [size], scaled to keep lengths; `size` is a power of two.
void hadamard(float* x, std::int64_t size) {
  for (std::int64_t half = 1; half < size; half *= 2) {
    for (std::int64_t begin = 0; begin < size; begin += 2 * half) {
      for (std::int64_t i = begin; i < begin + half; ++i) {
        const float a = x[i];
        const float b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
    }
  }
  const float scale = 1 / std::sqrt(static_cast<float>(size));
  for (std::int64_t i = 0; i < size; ++i) x[i] *= scale;
}

/// A bit of a well-mixed counter.
bool sign(std::uint64_t i) {
  i = (i + 1) * 0x9E3779B97F4A7C15ULL;
  i = (i ^ (i >> 30)) * 0xBF58476D1CE4E5B9ULL;
  return (std::popcount(i ^ (i >> 27)) & 1) != 0;
}

}  // namespace

void rotate_key(float* x, std::int64_t d) {
  const auto size = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(d)));
  for (std::uint64_t round = 0; round < 2; ++round) {
    for (std::int64_t i = 0; i < d; ++i) {
      if (sign(2 * static_cast<std::uint64_t>(i) + round)) x[i] = -x[i];
    }
    hadamard(x, size);
    if (size != d) hadamard(x + d - size, size);
  }
}

}  // namespace pema::kernels
