// The body of look_at_list_block, compiled once per vector instruction set.
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/list_codes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/list_codes_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int64_t kKeys = ListCodes::kBlock;

#if HWY_TARGET == HWY_SCALAR

void dots_body(const std::uint8_t* block, std::int64_t quads, const std::int8_t* query,
               std::int32_t* dots) {
  for (std::int64_t key = 0; key < kKeys; ++key) dots[key] = 0;
  for (std::int64_t p = 0; p < quads; ++p) {
    for (std::int64_t key = 0; key < kKeys; ++key) {
      for (std::int64_t c = 0; c < 4; ++c) {
        dots[key] += block[(p * kKeys + key) * 4 + c] * query[4 * p + c];
      }
    }
  }
}

#else

/// One query: pairs of bytes widened to int16; two int32 sums a key, added at the end.
void dots_body(const std::uint8_t* block, std::int64_t quads, const std::int8_t* query,
               std::int32_t* dots) {
  const hn::CappedTag<std::int16_t, 16> wide;
  const hn::Rebind<std::uint8_t, decltype(wide)> narrow;
  const hn::Repartition<std::int32_t, decltype(wide)> sums;
  const hn::Repartition<std::int64_t, decltype(wide)> four;
  const auto bytes = static_cast<std::int64_t>(hn::Lanes(wide));
  constexpr std::int64_t kAtOnce = 4;
  for (std::int64_t first = 0; first < kKeys * 4; first += kAtOnce * bytes) {
    hn::Vec<decltype(sums)> even[kAtOnce];
    hn::Vec<decltype(sums)> odd[kAtOnce];
    for (std::int64_t v = 0; v < kAtOnce; ++v) even[v] = odd[v] = hn::Zero(sums);
    for (std::int64_t p = 0; p < quads; ++p) {
      const std::int8_t* const at = query + 4 * p;
      std::uint64_t lanes = 0;
      for (unsigned c = 0; c < 4; ++c) {
        lanes |= static_cast<std::uint64_t>(static_cast<std::uint16_t>(at[c])) << (16 * c);
      }
      const auto pair = hn::BitCast(wide, hn::Set(four, static_cast<std::int64_t>(lanes)));
      for (std::int64_t v = 0; v < kAtOnce; ++v) {
        const auto keys =
            hn::PromoteTo(wide, hn::LoadU(narrow, block + p * kKeys * 4 + first + v * bytes));
        even[v] = hn::ReorderWidenMulAccumulate(sums, keys, pair, even[v], odd[v]);
      }
    }
    for (std::int64_t v = 0; v < kAtOnce; ++v) {
      HWY_ALIGN std::int32_t halves[8];
      hn::StoreU(hn::RearrangeToOddPlusEven(even[v], odd[v]), sums, halves);
      for (std::int64_t key = 0; key < bytes / 4; ++key) {
        dots[(first + v * bytes) / 4 + key] = halves[2 * key] + halves[2 * key + 1];
      }
    }
  }
}

#endif

/// Offset, its codes and their sums; `offset` and `codes` have room for whole vectors.
void set_query_body(const float* rotated, const float* centroid, std::int64_t cols, float* offset,
                    std::int8_t* codes, ListQuery* out) {
  const hn::CappedTag<float, 16> real;
  const hn::Rebind<std::int32_t, decltype(real)> whole;
  const hn::Rebind<std::int8_t, decltype(real)> narrow;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(real));
  auto largest = hn::Zero(real);
  std::int64_t c = 0;
  for (; c + lanes <= cols; c += lanes) {
    const auto v = hn::Sub(hn::LoadU(real, rotated + c), hn::LoadU(real, centroid + c));
    hn::StoreU(v, real, offset + c);
    largest = hn::Max(largest, hn::Abs(v));
  }
  for (std::int64_t i = c; i < c + lanes; ++i) {
    offset[i] = i < cols ? rotated[i] - centroid[i] : 0.0F;
  }
  largest = hn::Max(largest, hn::Abs(hn::LoadU(real, offset + c)));
  const float step = hn::GetLane(hn::MaxOfLanes(real, largest)) / 127;
  const auto inverse = hn::Set(real, step > 0 ? 1 / step : 0);
  auto squares = hn::Zero(real);
  auto rests = hn::Zero(real);
  auto sum = hn::Zero(whole);
  for (c = 0; c < cols; c += lanes) {
    const auto v = hn::LoadU(real, offset + c);
    const auto q = hn::NearestInt(hn::Mul(v, inverse));  // at most 127 and a rounding: 127
    const auto rest = hn::NegMulAdd(hn::ConvertTo(real, q), hn::Set(real, step), v);
    hn::StoreU(hn::DemoteTo(narrow, q), narrow, codes + c);
    sum = hn::Add(sum, q);
    squares = hn::MulAdd(v, v, squares);
    rests = hn::MulAdd(rest, rest, rests);
  }
  // Sums of d / lanes terms a lane: relative errors far below what is added to the rest.
  const auto total = static_cast<double>(hn::GetLane(hn::SumOfLanes(real, squares)));
  const double left =
      std::sqrt(static_cast<double>(hn::GetLane(hn::SumOfLanes(real, rests)))) * (1 + 1e-3) + 1e-7;
  const double size = std::sqrt(total);
  out->bias = 128 * hn::GetLane(hn::SumOfLanes(whole, sum));
  out->length = static_cast<float>(size);
  out->square = static_cast<float>(total);
  out->minus_twice = -2 * step;
  out->per_residual = static_cast<float>(2 * (size + left));
  out->per_length = static_cast<float>(2 * left);
}

/// Of several queries.
void all_dots_body(const std::uint8_t* block, std::int64_t quads, const std::int8_t* const* queries,
                   std::int64_t count, std::int32_t (*dots)[ListCodes::kBlock]) {
#if HWY_TARGET <= HWY_AVX3
  if (list_dots_vnni(block, quads, queries, count, dots)) return;
#endif
  for (std::int64_t q = 0; q < count; ++q) dots_body(block, quads, queries[q], dots[q]);
}

/// Bounds from products; the mask of keys of interest.
std::uint32_t bounds_body(const ListCodes& lists, std::int64_t block, const ListQuery& query,
                          const std::int32_t* dots, float worst, ListDistances* out) {
  const hn::CappedTag<float, kKeys> real;
  const hn::Rebind<std::int32_t, decltype(real)> whole;
  const float* const scales = lists.scales.data() + block * kKeys;
  const float* const lengths = lists.lengths.data() + block * kKeys;
  const float* const residuals = lists.residuals.data() + block * kKeys;
  std::uint32_t mask = 0;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(real));
  for (std::int64_t key = 0; key < kKeys; key += lanes) {
    const auto dot =
        hn::ConvertTo(real, hn::Sub(hn::LoadU(whole, dots + key), hn::Set(whole, query.bias)));
    const auto length = hn::LoadU(real, lengths + key);
    const auto error =
        hn::MulAdd(hn::LoadU(real, residuals + key), hn::Set(real, query.per_residual),
                   hn::MulAdd(length, hn::Set(real, query.per_length), hn::Set(real, kListSlack)));
    const auto scale = hn::Mul(hn::LoadU(real, scales + key), hn::Set(real, query.minus_twice));
    const auto middle =
        hn::MulAdd(dot, scale, hn::MulAdd(length, length, hn::Set(real, query.square)));
    const auto lower = hn::Sub(middle, error);
    hn::StoreU(lower, real, out->lower + key);
    hn::StoreU(hn::Add(error, error), real, out->gap + key);
    std::uint8_t bits[8] = {};
    hn::StoreMaskBits(real, hn::Le(lower, hn::Set(real, worst)), bits);
    std::uint32_t some = 0;
    for (unsigned i = 0; i < 4; ++i) some |= static_cast<std::uint32_t>(bits[i]) << (8 * i);
    mask |= some << key;
  }
  return mask;
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(all_dots_body);
HWY_EXPORT(bounds_body);
HWY_EXPORT(set_query_body);

void ListQuery::set(const float* rotated, const float* centroid, std::int64_t cols) {
  constexpr std::int64_t kMostLanes = 16;
  thread_local std::vector<float> offset;
  offset.resize(static_cast<std::size_t>(cols + kMostLanes));
  codes.assign(static_cast<std::size_t>(cols + kMostLanes), 0);
  HWY_DYNAMIC_DISPATCH(set_query_body)
  (rotated, centroid, cols, offset.data(), codes.data(), this);
}

void look_at_list_block(const ListCodes& lists, std::int64_t block, const ListQuery* const* queries,
                        std::int64_t count, const float* worst, ListDistances* out,
                        std::uint32_t* interesting) {
  std::int32_t dots[kListQueries][ListCodes::kBlock];
  const std::int8_t* codes[kListQueries] = {};
  for (std::int64_t q = 0; q < count; ++q) codes[q] = queries[q]->codes.data();
  const std::uint8_t* const at = lists.codes.data() + block * lists.block_bytes();
  HWY_DYNAMIC_DISPATCH(all_dots_body)(at, lists.quads(), codes, count, dots);
  for (std::int64_t q = 0; q < count; ++q) {
    interesting[q] =
        HWY_DYNAMIC_DISPATCH(bounds_body)(lists, block, *queries[q], dots[q], worst[q], out + q);
  }
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
