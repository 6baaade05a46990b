// FAISS's distance with vectors of the processor at hand, for memory_bench_vectors: Debian compiles
// it for any x86-64. It builds the HNSW graph, and shows what of a ratio is Debian's choice.
#include <cstddef>

namespace faiss {

float fvec_L2sqr(const float* x, const float* y, std::size_t d);

float fvec_L2sqr(const float* x, const float* y, std::size_t d) {
  constexpr std::size_t kLanes = 64;
  float lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= d; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float difference = x[i + lane] - y[i + lane];
      lanes[lane] += difference * difference;
    }
  }
  float sum = 0;
  for (; i < d; ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
  for (const float lane : lanes) sum += lane;
  return sum;
}

}  // namespace faiss
