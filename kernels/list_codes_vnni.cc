// Byte products in one instruction, which Highway 1.0.3 does not offer: AVX-512 VNNI where the
// processor has it.
#include "kernels/list_codes.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define PEMA_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

namespace pema::kernels {
namespace {

template <std::int64_t kQueries>
PEMA_VNNI void dots_of(const std::uint8_t* block, std::int64_t quads,
                       const std::int8_t* const* queries, std::int32_t (*dots)[32]) {
  __m512i low[kQueries];
  __m512i high[kQueries];
  for (std::int64_t q = 0; q < kQueries; ++q) low[q] = high[q] = _mm512_setzero_si512();
  for (std::int64_t p = 0; p < quads; ++p, block += 128) {
    const __m512i a = _mm512_loadu_si512(block);
    const __m512i b = _mm512_loadu_si512(block + 64);
    for (std::int64_t q = 0; q < kQueries; ++q) {
      std::int32_t four = 0;
      __builtin_memcpy(&four, queries[q] + 4 * p, 4);
      const __m512i query = _mm512_set1_epi32(four);
      low[q] = _mm512_dpbusd_epi32(low[q], a, query);
      high[q] = _mm512_dpbusd_epi32(high[q], b, query);
    }
  }
  for (std::int64_t q = 0; q < kQueries; ++q) {
    _mm512_storeu_si512(dots[q], low[q]);
    _mm512_storeu_si512(dots[q] + 16, high[q]);
  }
}

}  // namespace

bool list_dots_vnni(const std::uint8_t* block, std::int64_t quads,
                    const std::int8_t* const* queries, std::int64_t count,
                    std::int32_t (*dots)[ListCodes::kBlock]) {
  static const bool has = __builtin_cpu_supports("avx512vnni") != 0 &&
                          __builtin_cpu_supports("avx512bw") != 0 &&
                          __builtin_cpu_supports("avx512vl") != 0;
  if (!has) return false;
  std::int64_t q = 0;
  for (; q + 8 <= count; q += 8) dots_of<8>(block, quads, queries + q, dots + q);
  if (q + 4 <= count) {
    dots_of<4>(block, quads, queries + q, dots + q);
    q += 4;
  }
  if (q + 2 <= count) {
    dots_of<2>(block, quads, queries + q, dots + q);
    q += 2;
  }
  if (q < count) dots_of<1>(block, quads, queries + q, dots + q);
  return true;
}

}  // namespace pema::kernels

#else

namespace pema::kernels {

bool list_dots_vnni(const std::uint8_t*, std::int64_t, const std::int8_t* const*, std::int64_t,
                    std::int32_t (*)[ListCodes::kBlock]) {
  return false;
}

}  // namespace pema::kernels

#endif
