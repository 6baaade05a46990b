// The body of look_at_block, compiled once per vector instruction set.
#include <cstdint>

#include "kernels/key_codes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/key_codes_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What float32 arithmetic may add to a distance of at most 4, here, in squared_distance (3e-5) and
// in rotate_key (1.1e-5).
constexpr float kSlack = 5e-5F;

/// Of one query against the keys of one block: what turns a product of codes into a distance.
struct Terms {
  float square;        // |x|^2
  float minus_twice;   // -2 step
  float per_residual;  // 2 (|x| + rest): an error of the key's rounding
  float constant;      // 2 rest longest: an error of the query's rounding
};

Terms terms_of(const KeyCodes& codes, const QueryCode& query) {
  Terms terms;
  terms.square = static_cast<float>(query.square);
  terms.minus_twice = -2.0F * query.step;
  terms.per_residual = static_cast<float>(2.0 * (query.norm + query.rest));
  terms.constant =
      static_cast<float>(2.0 * query.rest * static_cast<double>(codes.longest())) + kSlack;
  return terms;
}

#if HWY_TARGET == HWY_SCALAR

std::uint32_t look_body(const KeyCodes& codes, std::int64_t index, const QueryCode* const* queries,
                        std::int64_t count, const float* worst, BlockDistances* out) {
  const std::int8_t* const block = codes.block(index);
  std::uint32_t interesting = 0;
  for (std::int64_t q = 0; q < count; ++q) {
    const Terms terms = terms_of(codes, *queries[q]);
    for (std::int64_t key = 0; key < KeyCodes::kBlock; ++key) {
      std::int32_t sum = 0;
      for (std::int64_t p = 0; p < codes.pairs(); ++p) {
        const std::int8_t* const at = block + (p * KeyCodes::kBlock + key) * 2;
        const auto pair =
            static_cast<std::uint32_t>(queries[q]->pairs[static_cast<std::size_t>(p)]);
        sum += static_cast<std::int16_t>(pair & 0xFFFFU) * at[0] +
               static_cast<std::int16_t>(pair >> 16) * at[1];
      }
      const float error = terms.per_residual * codes.residuals(index)[key] + terms.constant;
      const float middle = terms.square + codes.squares(index)[key] +
                           terms.minus_twice * codes.scales(index)[key] * static_cast<float>(sum);
      out[q].lower[key] = middle - error;
      out[q].gap[key] = 2 * error;
      if (middle - error <= worst[q]) interesting |= 1U << q;
    }
  }
  return interesting;
}

#else

using Wide = hn::CappedTag<std::int16_t, KeyCodes::kBlock>;
using Narrow = hn::Rebind<std::int8_t, Wide>;
using Sum = hn::Repartition<std::int32_t, Wide>;
using Real = hn::Repartition<float, Wide>;

template <std::int64_t kQueries>
HWY_INLINE std::uint32_t look_with(const KeyCodes& codes, std::int64_t index,
                                   const QueryCode* const* queries, const float* worst,
                                   BlockDistances* out) {
  const Wide wide;
  const Narrow narrow;
  const Sum sums;
  const Real real;
  const auto keys_of_vector = static_cast<std::int64_t>(hn::Lanes(sums));
  const std::int8_t* const block = codes.block(index);
  const std::int64_t pairs = codes.pairs();
  std::uint32_t interesting = 0;
  const std::int32_t* query_pairs[kQueries];
  for (std::int64_t q = 0; q < kQueries; ++q) query_pairs[q] = queries[q]->pairs.data();
  // Two vectors of keys at a time, so that a load serves all queries and sums do not wait.
  for (std::int64_t first = 0; first < KeyCodes::kBlock; first += 2 * keys_of_vector) {
    hn::Vec<Sum> low[kQueries];
    hn::Vec<Sum> high[kQueries];
    hn::Vec<Sum> low_odd[kQueries];
    hn::Vec<Sum> high_odd[kQueries];
    for (std::int64_t q = 0; q < kQueries; ++q) {
      low[q] = high[q] = low_odd[q] = high_odd[q] = hn::Zero(sums);
    }
    const std::int8_t* at = block + first * 2;
    for (std::int64_t p = 0; p < pairs; ++p, at += KeyCodes::kBlock * 2) {
      const auto a = hn::PromoteTo(wide, hn::LoadU(narrow, at));
      const auto b = hn::PromoteTo(wide, hn::LoadU(narrow, at + 2 * keys_of_vector));
      for (std::int64_t q = 0; q < kQueries; ++q) {
        const auto pair = hn::BitCast(wide, hn::Set(sums, query_pairs[q][p]));
        low[q] = hn::ReorderWidenMulAccumulate(sums, a, pair, low[q], low_odd[q]);
        high[q] = hn::ReorderWidenMulAccumulate(sums, b, pair, high[q], high_odd[q]);
      }
    }
    for (std::int64_t q = 0; q < kQueries; ++q) {
      const Terms terms = terms_of(codes, *queries[q]);
      const auto write = [&](hn::Vec<Sum> sum, std::int64_t key) {
        const auto error =
            hn::MulAdd(hn::LoadU(real, codes.residuals(index) + key),
                       hn::Set(real, terms.per_residual), hn::Set(real, terms.constant));
        const auto scale =
            hn::Mul(hn::LoadU(real, codes.scales(index) + key), hn::Set(real, terms.minus_twice));
        const auto middle = hn::MulAdd(
            hn::ConvertTo(real, sum), scale,
            hn::Add(hn::LoadU(real, codes.squares(index) + key), hn::Set(real, terms.square)));
        const auto lower = hn::Sub(middle, error);
        hn::StoreU(lower, real, out[q].lower + key);
        hn::StoreU(hn::Add(error, error), real, out[q].gap + key);
        if (!hn::AllFalse(real, hn::Le(lower, hn::Set(real, worst[q])))) interesting |= 1U << q;
      };
      write(hn::RearrangeToOddPlusEven(low[q], low_odd[q]), first);
      write(hn::RearrangeToOddPlusEven(high[q], high_odd[q]), first + keys_of_vector);
    }
  }
  return interesting;
}

std::uint32_t look_body(const KeyCodes& codes, std::int64_t index, const QueryCode* const* queries,
                        std::int64_t count, const float* worst, BlockDistances* out) {
  // AVX-512 has registers for the sums of eight queries, others for those of two.
#if HWY_TARGET <= HWY_AVX3
  constexpr std::int64_t kTile = 8;
#else
  constexpr std::int64_t kTile = 2;
#endif
  std::uint32_t interesting = 0;
  std::int64_t q = 0;
  for (; q + kTile <= count; q += kTile) {
    interesting |= look_with<kTile>(codes, index, queries + q, worst + q, out + q) << q;
  }
  if (kTile > 4 && q + 4 <= count) {
    interesting |= look_with<4>(codes, index, queries + q, worst + q, out + q) << q;
    q += 4;
  }
  if (kTile > 2 && q + 2 <= count) {
    interesting |= look_with<2>(codes, index, queries + q, worst + q, out + q) << q;
    q += 2;
  }
  for (; q < count; ++q) {
    interesting |= look_with<1>(codes, index, queries + q, worst + q, out + q) << q;
  }
  return interesting;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(look_body);

std::uint32_t look_at_block(const KeyCodes& codes, std::int64_t index,
                            const QueryCode* const* queries, std::int64_t count, const float* worst,
                            BlockDistances* out) {
  return HWY_DYNAMIC_DISPATCH(look_body)(codes, index, queries, count, worst, out);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
