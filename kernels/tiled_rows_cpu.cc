// The body of sum_tiled_rows, compiled once per vector instruction set. What was measured:
// docs/decisions/0004-cpu-kernels.md.
#include <algorithm>
#include <cstdint>

#include "kernels/tiled_ahead.h"
#include "kernels/tiled_sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/tiled_rows_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pema::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Entries are added to so many sums in turns, or additions would wait for each other. Fixed for
// floats: their number shows in the bits.
constexpr std::size_t kFloatSums = 2;
constexpr std::size_t kInt16Sums = 4;
constexpr std::int64_t kAheadBytes = 128 * 1024;
constexpr std::int64_t kMostAhead = 3;
constexpr std::int64_t kOutAhead = 2;

using Floats = hn::CappedTag<float, 16>;
using Shorts = hn::CappedTag<std::int16_t, 32>;
using FloatVector = hn::Vec<Floats>;
using ShortVector = hn::Vec<Shorts>;
constexpr std::size_t kFloatLanes = hn::MaxLanes(Floats());
// Vectors that are summed side by side in one pass over the entries.
constexpr std::size_t kFloatVectors = std::min<std::size_t>(4, 32 / kFloatLanes);
constexpr std::size_t kWordVectors = std::min<std::size_t>(2, 16 / kFloatLanes);

template <typename T>
HWY_INLINE const T* at(const std::byte* base, std::uint32_t offset) {
  return reinterpret_cast<const T*>(base + offset);
}

/// In float32, exactly.
HWY_INLINE FloatVector load_floats(const float* from) { return hn::LoadU(Floats(), from); }
HWY_INLINE FloatVector load_floats(const hwy::float16_t* from) {
  const hn::Rebind<hwy::float16_t, Floats> narrow;
  return hn::PromoteTo(Floats(), hn::LoadU(narrow, from));
}

/// The lower and the upper halves of words, in float32, exactly: bfloat16, then int8.
HWY_INLINE void unpack(const std::uint32_t* from, FloatVector& low, FloatVector& high) {
  const hn::Rebind<std::uint32_t, Floats> whole;
  const auto words = hn::LoadU(whole, from);
  low = hn::BitCast(Floats(), hn::ShiftLeft<16>(words));
  high = hn::BitCast(Floats(), hn::And(words, hn::Set(whole, 0xffff0000U)));
}
HWY_INLINE void unpack(const std::int16_t* from, FloatVector& low, FloatVector& high) {
  const hn::Rebind<std::int16_t, Floats> narrow;
  const hn::Rebind<std::int32_t, Floats> whole;
  const auto words = hn::PromoteTo(whole, hn::LoadU(narrow, from));
  const auto biased = hn::And(words, hn::Set(whole, 255));
  low = hn::ConvertTo(Floats(), hn::Sub(biased, hn::Set(whole, 128)));
  high = hn::ConvertTo(Floats(), hn::ShiftRight<8>(words));
}

/// Calls add(sum, offset, entry) for every entry, the two sums taking turns.
template <typename Add>
HWY_INLINE void add_in_turns(const PlannedSum& sum, Ahead& ahead, const Add& add) {
  std::size_t e = 0;
  for (; e + 2 <= sum.entries; e += 2) {
    ahead.step();
    const std::uint64_t pair = sum.pairs[e / 2];
    add(0, first_of(pair), e);
    add(1, second_of(pair), e + 1);
  }
  if (e < sum.entries) add(0, first_of(sum.pairs[e / 2]), e);
}

/// out[0, 32) = factor times the sum of the entries' pieces of type T, in float32.
template <typename T, bool kWeighted>
HWY_INLINE void sum_floats(const std::byte* base, const PlannedSum& sum, Ahead& ahead,
                           float* HWY_RESTRICT out) {
  const Floats tag;
  const std::size_t lanes = hn::Lanes(tag);
  for (std::size_t c = 0; c < 32; c += kFloatVectors * lanes) {
    FloatVector sums[kFloatSums][kFloatVectors];
    for (auto& part : sums) {
      for (auto& value : part) value = hn::Zero(tag);
    }
    const auto add = [&](std::size_t s, std::uint32_t offset, std::size_t e) HWY_ATTR {
      const T* piece = at<T>(base, offset) + c;
      for (std::size_t v = 0; v < kFloatVectors; ++v) {
        const auto value = load_floats(piece + v * lanes);
        if constexpr (kWeighted) {
          sums[s][v] = hn::MulAdd(hn::Set(tag, sum.weights[e]), value, sums[s][v]);
        } else {
          sums[s][v] = hn::Add(sums[s][v], value);
        }
      }
    };
    add_in_turns(sum, ahead, add);
    const auto factor = hn::Set(tag, sum.factor);
    for (std::size_t v = 0; v < kFloatVectors; ++v) {
      const auto total = hn::Add(sums[0][v], sums[1][v]);
      hn::StoreU(hn::Mul(factor, total), tag, out + c + v * lanes);
    }
  }
}

/// out[0, 2 kWords) = factor times the sum of the entries' pieces, kWords words of two columns
/// each, in float32.
template <typename Word, std::size_t kWords, bool kWeighted>
HWY_INLINE void sum_words(const std::byte* base, const PlannedSum& sum, Ahead& ahead,
                          float* HWY_RESTRICT out) {
  const Floats tag;
  const std::size_t lanes = hn::Lanes(tag);
  for (std::size_t w = 0; w < kWords; w += kWordVectors * lanes) {
    FloatVector low[kFloatSums][kWordVectors];
    FloatVector high[kFloatSums][kWordVectors];
    for (std::size_t s = 0; s < kFloatSums; ++s) {
      for (std::size_t v = 0; v < kWordVectors; ++v) low[s][v] = high[s][v] = hn::Zero(tag);
    }
    const auto add = [&](std::size_t s, std::uint32_t offset, std::size_t e) HWY_ATTR {
      const Word* piece = at<Word>(base, offset) + w;
      for (std::size_t v = 0; v < kWordVectors; ++v) {
        FloatVector a;
        FloatVector b;
        unpack(piece + v * lanes, a, b);
        if constexpr (kWeighted) {
          const auto weight = hn::Set(tag, sum.weights[e]);
          low[s][v] = hn::MulAdd(weight, a, low[s][v]);
          high[s][v] = hn::MulAdd(weight, b, high[s][v]);
        } else {
          low[s][v] = hn::Add(low[s][v], a);
          high[s][v] = hn::Add(high[s][v], b);
        }
      }
    };
    add_in_turns(sum, ahead, add);
    const auto factor = hn::Set(tag, sum.factor);
    for (std::size_t v = 0; v < kWordVectors; ++v) {
      float* to = out + w + v * lanes;
      hn::StoreU(hn::Mul(factor, hn::Add(low[0][v], low[1][v])), tag, to);
      hn::StoreU(hn::Mul(factor, hn::Add(high[0][v], high[1][v])), tag, to + kWords);
    }
  }
}

/// What a shared sum left for the sums that continue it: of the words, and of their upper halves.
struct SharedWords {
  std::size_t entries = 0;
  HWY_ALIGN std::int16_t words[64];  ///< [0, 32) and [32, 64)
};

/// out[0, 64) = the sum of int8 entries [first, last), `first` even, and of those behind `start`,
/// null for none: at most kInt16Entries. Words are added as they are, and once more shifted down to
/// their upper half, which then gives the sum of the lower halves: three instructions for two
/// vectors of columns, and nothing is widened. kKeep: SharedWords::words instead.
template <bool kKeep>
HWY_INLINE void sum_shorts(const std::byte* base, const PlannedSum& sum, std::size_t first,
                           std::size_t last, Ahead& ahead, const SharedWords* start,
                           std::int16_t* HWY_RESTRICT out) {
  const Shorts tag;
  const std::size_t before = start == nullptr ? 0 : start->entries;
  const auto bias = hn::Set(tag, static_cast<std::int16_t>(128 * (last - first + before)));
  for (std::size_t w = 0; w < 32; w += hn::Lanes(tag)) {
    ShortVector whole[kInt16Sums];
    ShortVector high[kInt16Sums];
    for (std::size_t s = 0; s < kInt16Sums; ++s) whole[s] = high[s] = hn::Zero(tag);
    if (start != nullptr) {
      whole[0] = hn::LoadU(tag, start->words + w);
      high[0] = hn::LoadU(tag, start->words + 32 + w);
    }
    const auto add = [&](std::size_t s, std::uint32_t offset) HWY_ATTR {
      const auto words = hn::LoadU(tag, at<std::int16_t>(base, offset) + w);
      whole[s] = hn::Add(whole[s], words);
      high[s] = hn::Add(high[s], hn::ShiftRight<8>(words));
    };
    std::size_t e = first;
    for (; e + 4 <= last; e += 4) {
      ahead.step();
      const std::uint64_t pair = sum.pairs[e / 2];
      const std::uint64_t next = sum.pairs[e / 2 + 1];
      add(0, first_of(pair));
      add(1, second_of(pair));
      add(2, first_of(next));
      add(3, second_of(next));
    }
    for (; e + 2 <= last; e += 2) {
      add(0, first_of(sum.pairs[e / 2]));
      add(1, second_of(sum.pairs[e / 2]));
    }
    if (e < last) add(2, first_of(sum.pairs[e / 2]));
    const auto upper = hn::Add(hn::Add(high[0], high[1]), hn::Add(high[2], high[3]));
    const auto both = hn::Add(hn::Add(whole[0], whole[1]), hn::Add(whole[2], whole[3]));
    const auto lower = hn::Sub(hn::Sub(both, hn::ShiftLeft<8>(upper)), bias);
    hn::StoreU(kKeep ? both : lower, tag, out + w);
    hn::StoreU(upper, tag, out + 32 + w);
  }
}

/// A shared sum, to where those that continue it find it.
HWY_INLINE void keep_shared(const std::byte* base, const PlannedSum& sum, Ahead& ahead,
                            SharedWords& shared) {
  sum_shorts<true>(base, sum, 0, sum.entries, ahead, nullptr, shared.words);
  shared.entries = sum.entries;
}

/// out[0, 64) = factor times the exact sum of the entries' int8 pieces.
HWY_INLINE void sum_integers(const std::byte* base, const PlannedSum& sum, Ahead& ahead,
                             const SharedWords& shared, float* HWY_RESTRICT out) {
  const SharedWords* start = sum.role == PlannedSum::Role::kContinues ? &shared : nullptr;
  const Floats tag;
  const hn::Rebind<std::int32_t, Floats> whole;
  const hn::Rebind<std::int16_t, Floats> narrow;
  const auto factor = hn::Set(tag, sum.factor);
  HWY_ALIGN std::int16_t part[64];
  const std::size_t count = sum.entries;
  const std::size_t first = std::min(count, kInt16Entries);
  sum_shorts<false>(base, sum, 0, first, ahead, start, part);
  if (first == count) {
    for (std::size_t c = 0; c < 64; c += hn::Lanes(tag)) {
      const auto value = hn::PromoteTo(whole, hn::LoadU(narrow, part + c));
      hn::StoreU(hn::Mul(factor, hn::ConvertTo(tag, value)), tag, out + c);
    }
    return;
  }
  std::int32_t total[64];
  std::copy(part, part + 64, total);
  for (std::size_t e = first; e < count; e += kInt16Entries) {
    sum_shorts<false>(base, sum, e, std::min(count, e + kInt16Entries), ahead, nullptr, part);
    for (std::size_t c = 0; c < 64; ++c) total[c] += part[c];
  }
  for (std::size_t c = 0; c < 64; c += hn::Lanes(tag)) {
    const auto value = hn::ConvertTo(tag, hn::LoadU(whole, total + c));
    hn::StoreU(hn::Mul(factor, value), tag, out + c);
  }
}

/// The used float16 pieces of a tile, widened, one after the other. Half of the next pieces are
/// asked for here, the other half during the sums.
HWY_INLINE void widen(const TiledPlan& plan, const std::byte* tile, Ahead& ahead,
                      std::byte* buffer) {
  for (std::size_t i = 0; i < plan.used.size(); ++i, buffer += kWidenedBytes) {
    if (i % 2 == 0) ahead.ask();
    const auto* piece = at<hwy::float16_t>(tile, plan.used[i]);
    for (std::size_t c = 0; c < 32; c += hn::Lanes(Floats())) {
      hn::StoreU(load_floats(piece + c), Floats(), reinterpret_cast<float*>(buffer) + c);
    }
  }
}

template <NumberType kType, bool kWiden, bool kWeighted>
HWY_INLINE void sum_one(const std::byte* base, const PlannedSum& sum, Ahead& ahead,
                        [[maybe_unused]] const SharedWords& shared, float* out) {
  if constexpr (kType == NumberType::kInt8) {
    if constexpr (kWeighted) {
      sum_words<std::int16_t, 32, true>(base, sum, ahead, out);
    } else {
      sum_integers(base, sum, ahead, shared, out);
    }
  } else if constexpr (kType == NumberType::kBFloat16) {
    sum_words<std::uint32_t, 16, kWeighted>(base, sum, ahead, out);
  } else if constexpr (kType == NumberType::kFloat16 && !kWiden) {
    sum_floats<hwy::float16_t, kWeighted>(base, sum, ahead, out);
  } else {
    sum_floats<float, kWeighted>(base, sum, ahead, out);
  }
}

/// Calls of Ahead::step() in one tile's sums, hardly ever less.
template <NumberType kType>
std::size_t steps_of(const TiledPlan& plan) {
  std::size_t steps = 0;
  for (const PlannedSum& sum : plan.sums) {
    std::size_t passes = 32 / (kFloatVectors * kFloatLanes);
    std::size_t at_once = kFloatSums;
    if (kType == NumberType::kBFloat16) passes = 16 / (kWordVectors * kFloatLanes);
    if (kType == NumberType::kInt8 && !sum.weights.empty()) {
      passes = 32 / (kWordVectors * kFloatLanes);
    } else if (kType == NumberType::kInt8) {
      passes = 32 / hn::MaxLanes(Shorts());
      at_once = kInt16Sums;
    }
    steps += sum.entries / at_once * passes;
  }
  return steps;
}

template <NumberType kType, bool kWiden>
void sum_typed(const TiledRows& matrix, const TiledPlan& plan, std::int64_t first,
               std::int64_t last, std::byte* buffer) {
  const std::int64_t width = TiledRows::tile_cols(kType);
  const std::int64_t piece = TiledRows::piece_bytes(kType);
  const std::int64_t distance = std::clamp<std::int64_t>(
      kAheadBytes / std::max<std::int64_t>(1, matrix.rows() * piece), 1, kMostAhead);
  const std::size_t pieces = plan.used.size();
  const std::uint64_t rate =
      Ahead::rate(kWiden ? pieces - (pieces + 1) / 2 : pieces, steps_of<kType>(plan));
  for (std::int64_t t = first; t < last; ++t) {
    Ahead ahead(plan, t + distance < last ? matrix.tile(t + distance) : nullptr, piece / kCacheLine,
                rate);
    const std::byte* base = matrix.tile(t);
    SharedWords shared;
    if constexpr (kWiden) {
      widen(plan, base, ahead, buffer);
      base = buffer;
    }
    const std::int64_t c = t * width;
    for (const PlannedSum& sum : plan.sums) {
      if constexpr (kType == NumberType::kInt8) {
        if (sum.role == PlannedSum::Role::kShared) {
          keep_shared(base, sum, ahead, shared);
          continue;
        }
      }
      if (t + kOutAhead + 1 < last) {
        for (std::int64_t line = 0; line < width * 4 / kCacheLine; ++line) {
          __builtin_prefetch(sum.out + c + kOutAhead * width + line * (kCacheLine / 4), 1, 3);
        }
      }
      float padded[64];
      const bool whole = c + width <= matrix.cols();
      float* out = whole ? sum.out + c : padded;
      if (sum.weights.empty()) {
        sum_one<kType, kWiden, false>(base, sum, ahead, shared, out);
      } else {
        sum_one<kType, kWiden, true>(base, sum, ahead, shared, out);
      }
      if (!whole) std::copy(padded, padded + (matrix.cols() - c), sum.out + c);
    }
    ahead.finish();
  }
}

void sum_body(const TiledRows& matrix, const TiledPlan& plan, std::int64_t first, std::int64_t last,
              std::byte* buffer) {
  switch (matrix.type()) {
    case NumberType::kFloat32:
      return sum_typed<NumberType::kFloat32, false>(matrix, plan, first, last, buffer);
    case NumberType::kFloat16:
      if (plan.buffer_bytes > 0) {
        return sum_typed<NumberType::kFloat16, true>(matrix, plan, first, last, buffer);
      }
      return sum_typed<NumberType::kFloat16, false>(matrix, plan, first, last, buffer);
    case NumberType::kBFloat16:
      return sum_typed<NumberType::kBFloat16, false>(matrix, plan, first, last, buffer);
    case NumberType::kInt8:
      return sum_typed<NumberType::kInt8, false>(matrix, plan, first, last, buffer);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pema::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pema::kernels {

HWY_EXPORT(sum_body);

void sum_tiles(const TiledRows& matrix, const TiledPlan& plan, std::int64_t first,
               std::int64_t last, std::byte* buffer) {
  HWY_DYNAMIC_DISPATCH(sum_body)(matrix, plan, first, last, buffer);
}

}  // namespace pema::kernels
#endif  // HWY_ONCE
