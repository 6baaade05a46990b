// Look-ups in tables of 256 bytes that stay in registers, which Highway 1.0.3 does not offer:
// AVX-512 VBMI where the processor has it.
#include "kernels/product_lists.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define PEMA_VBMI __attribute__((target("avx512f,avx512bw,avx512vbmi")))

namespace pema::kernels {
namespace {

/// One key a lane: even and odd keys are summed apart, in 16 bits.
PEMA_VBMI void sums_of(const std::uint8_t* block, const std::uint8_t* table, std::int64_t parts,
                       std::uint16_t* sums) {
  const __m512i low = _mm512_set1_epi16(0xff);
  __m512i even = _mm512_setzero_si512();
  __m512i odd = _mm512_setzero_si512();
  for (std::int64_t p = 0; p < parts; ++p, block += 64, table += 256) {
    const __m512i codes = _mm512_loadu_si512(block);
    const __m512i first =
        _mm512_permutex2var_epi8(_mm512_loadu_si512(table), codes, _mm512_loadu_si512(table + 64));
    const __m512i second = _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), codes,
                                                    _mm512_loadu_si512(table + 192));
    const __m512i values = _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), first, second);
    even = _mm512_add_epi16(even, _mm512_and_si512(values, low));
    odd = _mm512_add_epi16(odd, _mm512_srli_epi16(values, 8));
  }
  alignas(64) std::uint16_t halves[2][32];
  _mm512_store_si512(halves[0], even);
  _mm512_store_si512(halves[1], odd);
  for (std::int64_t key = 0; key < 64; ++key) sums[key] = halves[key % 2][key / 2];
}

}  // namespace

bool sum_product_table_vbmi(const std::uint8_t* block, const std::uint8_t* table,
                            std::int64_t parts, std::uint16_t* sums) {
  static const bool has =
      __builtin_cpu_supports("avx512vbmi") != 0 && __builtin_cpu_supports("avx512bw") != 0;
  if (!has) return false;
  sums_of(block, table, parts, sums);
  return true;
}

}  // namespace pema::kernels

#else

namespace pema::kernels {

bool sum_product_table_vbmi(const std::uint8_t*, const std::uint8_t*, std::int64_t,
                            std::uint16_t*) {
  return false;
}

}  // namespace pema::kernels

#endif
