// The body of sum_tiled_rows, compiled once per vector instruction set. What was measured:
// docs/decisions/0004-cpu-kernels.md.
#include <algorithm>
#include <cstdint>

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
// 127 times so many fit an int16.
constexpr std::size_t kInt16Entries = 256;
constexpr std::int64_t kAheadBytes = 128 * 1024;
constexpr std::int64_t kMostAhead = 8;
constexpr std::int64_t kOutAhead = 2;
constexpr std::int64_t kLine = 64;

/// Asks for the used pieces of a later tile, a few at each step of the work on this one: all at
/// once would fill the queue of outstanding reads and stop the work. Into the second-level cache;
/// the first holds this tile.
class Ahead {
 public:
  /// `tile` may be null: nothing is asked for.
  HWY_INLINE Ahead(const TiledPlan& plan, const std::byte* tile, std::int64_t lines,
                   std::uint64_t rate)
      : next_(plan.used.data()),
        end_(tile == nullptr ? next_ : next_ + plan.used.size()),
        tile_(tile),
        lines_(lines),
        rate_(rate) {}

  HWY_INLINE void step() {
    for (owed_ += rate_; owed_ >= kOne && next_ != end_; owed_ -= kOne) ask();
  }
  HWY_INLINE void ask() {
    if (next_ == end_) return;
    for (std::int64_t line = 0; line < lines_; ++line) {
      __builtin_prefetch(tile_ + *next_ + line * kLine, 0, 2);
    }
    ++next_;
  }
  HWY_INLINE void finish() {
    while (next_ != end_) ask();
  }
  /// For step(): `pieces` pieces over `steps` steps.
  static std::uint64_t rate(std::size_t pieces, std::size_t steps) {
    return (pieces * kOne + steps) / std::max<std::size_t>(steps, 1);
  }

 private:
  static constexpr std::uint64_t kOne = 1 << 16;
  const std::uint32_t* next_;
  const std::uint32_t* end_;
  const std::byte* tile_;
  std::int64_t lines_;
  std::uint64_t rate_;
  std::uint64_t owed_ = 0;
};

using Floats = hn::CappedTag<float, 16>;
using Shorts = hn::CappedTag<std::int16_t, 32>;
constexpr std::size_t kFloatVectors = std::min<std::size_t>(4, 32 / hn::MaxLanes(Floats()));
constexpr std::size_t kShortVectors = 2;

template <typename T>
HWY_INLINE const T* at(const std::byte* base, std::uint32_t offset) {
  return reinterpret_cast<const T*>(base + offset);
}

/// A row's piece in float32, as it is or from int16.
HWY_INLINE hn::Vec<Floats> load(const float* from) { return hn::LoadU(Floats(), from); }
HWY_INLINE hn::Vec<Floats> load(const std::int16_t* from) {
  const hn::Rebind<std::int32_t, Floats> whole;
  const hn::Rebind<std::int16_t, Floats> narrow;
  return hn::ConvertTo(Floats(), hn::PromoteTo(whole, hn::LoadU(narrow, from)));
}

/// out[0, kCols) = factor times the sum of the entries' pieces of type T, in float32.
template <typename T, std::size_t kCols, bool kWeighted>
HWY_INLINE void sum_floats(const std::byte* base, const PlannedSum& sum, Ahead& ahead,
                           float* HWY_RESTRICT out) {
  const Floats tag;
  const std::size_t lanes = hn::Lanes(tag);
  for (std::size_t c = 0; c < kCols; c += kFloatVectors * lanes) {
    hn::Vec<Floats> sums[kFloatSums][kFloatVectors];
    for (auto& part : sums) {
      for (auto& value : part) value = hn::Zero(tag);
    }
    const auto add = [&](std::size_t s, std::uint32_t offset, std::size_t e) HWY_ATTR {
      const T* piece = at<T>(base, offset) + c;
      for (std::size_t v = 0; v < kFloatVectors; ++v) {
        const auto value = load(piece + v * lanes);
        if constexpr (kWeighted) {
          sums[s][v] = hn::MulAdd(hn::Set(tag, sum.weights[e]), value, sums[s][v]);
        } else {
          sums[s][v] = hn::Add(sums[s][v], value);
        }
      }
    };
    std::size_t e = 0;
    for (; e + 2 <= sum.entries; e += 2) {
      ahead.step();
      const std::uint64_t pair = sum.pairs[e / 2];
      add(0, first_of(pair), e);
      add(1, second_of(pair), e + 1);
    }
    if (e < sum.entries) add(0, first_of(sum.pairs[e / 2]), e);
    const auto factor = hn::Set(tag, sum.factor);
    for (std::size_t v = 0; v < kFloatVectors; ++v) {
      const auto total = hn::Add(sums[0][v], sums[1][v]);
      hn::StoreU(hn::Mul(factor, total), tag, out + c + v * lanes);
    }
  }
}

/// out[0, 64) = the sum of entries [first, last), `first` even, at most kInt16Entries.
HWY_INLINE void sum_shorts(const std::byte* base, const PlannedSum& sum, std::size_t first,
                           std::size_t last, Ahead& ahead, std::int16_t* HWY_RESTRICT out) {
  const Shorts tag;
  const std::size_t lanes = hn::Lanes(tag);
  for (std::size_t c = 0; c < 64; c += kShortVectors * lanes) {
    hn::Vec<Shorts> sums[kInt16Sums][kShortVectors];
    for (auto& part : sums) {
      for (auto& value : part) value = hn::Zero(tag);
    }
    const auto add = [&](std::size_t s, std::uint32_t offset) HWY_ATTR {
      const std::int16_t* piece = at<std::int16_t>(base, offset) + c;
      for (std::size_t v = 0; v < kShortVectors; ++v) {
        sums[s][v] = hn::Add(sums[s][v], hn::LoadU(tag, piece + v * lanes));
      }
    };
    std::size_t e = first;
    for (; e + kInt16Sums <= last; e += kInt16Sums) {
      ahead.step();
      for (std::size_t s = 0; s < kInt16Sums; s += 2) {
        const std::uint64_t pair = sum.pairs[(e + s) / 2];
        add(s, first_of(pair));
        add(s + 1, second_of(pair));
      }
    }
    for (; e + 2 <= last; e += 2) {
      add(0, first_of(sum.pairs[e / 2]));
      add(1, second_of(sum.pairs[e / 2]));
    }
    if (e < last) add(2, first_of(sum.pairs[e / 2]));
    for (std::size_t v = 0; v < kShortVectors; ++v) {
      const auto low = hn::Add(sums[0][v], sums[1][v]);
      const auto high = hn::Add(sums[2][v], sums[3][v]);
      hn::StoreU(hn::Add(low, high), tag, out + c + v * lanes);
    }
  }
}

/// out[0, 64) = factor times the exact sum of the entries' int16 pieces.
HWY_INLINE void sum_integers(const std::byte* base, const PlannedSum& sum, Ahead& ahead,
                             float* HWY_RESTRICT out) {
  const Floats tag;
  const hn::Rebind<std::int32_t, Floats> whole;
  const hn::Rebind<std::int16_t, Floats> narrow;
  const auto factor = hn::Set(tag, sum.factor);
  HWY_ALIGN std::int16_t part[64];
  const std::size_t count = sum.entries;
  const std::size_t first = std::min(count, kInt16Entries);
  sum_shorts(base, sum, 0, first, ahead, part);
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
    sum_shorts(base, sum, e, std::min(count, e + kInt16Entries), ahead, part);
    for (std::size_t c = 0; c < 64; ++c) total[c] += part[c];
  }
  for (std::size_t c = 0; c < 64; c += hn::Lanes(tag)) {
    const auto value = hn::ConvertTo(tag, hn::LoadU(whole, total + c));
    hn::StoreU(hn::Mul(factor, value), tag, out + c);
  }
}

template <NumberType kType>
HWY_INLINE void widen_piece(const std::byte* from, std::byte* to) {
  if constexpr (kType == NumberType::kInt8) {
    const Shorts tag;
    const hn::Rebind<std::int8_t, Shorts> narrow;
    for (std::size_t c = 0; c < 64; c += hn::Lanes(tag)) {
      const auto value = hn::LoadU(narrow, reinterpret_cast<const std::int8_t*>(from) + c);
      hn::StoreU(hn::PromoteTo(tag, value), tag, reinterpret_cast<std::int16_t*>(to) + c);
    }
  } else {
    using Half = std::conditional_t<kType == NumberType::kFloat16, hwy::float16_t, hwy::bfloat16_t>;
    const Floats tag;
    const hn::Rebind<Half, Floats> narrow;
    for (std::size_t c = 0; c < 32; c += hn::Lanes(tag)) {
      const auto value = hn::LoadU(narrow, reinterpret_cast<const Half*>(from) + c);
      hn::StoreU(hn::PromoteTo(tag, value), tag, reinterpret_cast<float*>(to) + c);
    }
  }
}

/// The used pieces of a tile, widened, one after the other. Half of the next pieces are asked for
/// here, the other half during the sums.
template <NumberType kType>
HWY_INLINE void widen(const TiledPlan& plan, const std::byte* tile, Ahead& ahead,
                      std::byte* buffer) {
  for (std::size_t i = 0; i < plan.used.size(); ++i, buffer += kWidenedBytes) {
    if (i % 2 == 0) ahead.ask();
    widen_piece<kType>(tile + plan.used[i], buffer);
  }
}

template <NumberType kType>
HWY_INLINE void sum_one(const std::byte* base, const PlannedSum& sum, Ahead& ahead, float* out) {
  const bool weighted = !sum.weights.empty();
  if constexpr (kType == NumberType::kInt8) {
    if (weighted) {
      sum_floats<std::int16_t, 64, true>(base, sum, ahead, out);
    } else {
      sum_integers(base, sum, ahead, out);
    }
  } else if (weighted) {
    sum_floats<float, 32, true>(base, sum, ahead, out);
  } else {
    sum_floats<float, 32, false>(base, sum, ahead, out);
  }
}

/// Calls of Ahead::step() in one tile's sums, hardly ever less.
template <NumberType kType>
std::size_t steps_of(const TiledPlan& plan) {
  std::size_t steps = 0;
  for (const PlannedSum& sum : plan.sums) {
    const bool integers = kType == NumberType::kInt8 && sum.weights.empty();
    const std::size_t width =
        integers ? kShortVectors * hn::MaxLanes(Shorts()) : kFloatVectors * hn::MaxLanes(Floats());
    const auto cols = static_cast<std::size_t>(TiledRows::tile_cols(kType));
    steps += sum.entries / (integers ? kInt16Sums : kFloatSums) * (cols / width);
  }
  return steps;
}

template <NumberType kType>
void sum_typed(const TiledRows& matrix, const TiledPlan& plan, std::int64_t first,
               std::int64_t last, std::byte* buffer) {
  constexpr bool kWiden = kType != NumberType::kFloat32;
  const std::int64_t width = TiledRows::tile_cols(kType);
  const std::int64_t piece = TiledRows::piece_bytes(kType);
  const std::int64_t distance = std::clamp<std::int64_t>(
      kAheadBytes / std::max<std::int64_t>(1, matrix.rows() * piece), 1, kMostAhead);
  const std::size_t pieces = plan.used.size();
  const std::uint64_t rate =
      Ahead::rate(kWiden ? pieces - (pieces + 1) / 2 : pieces, steps_of<kType>(plan));
  for (std::int64_t t = first; t < last; ++t) {
    Ahead ahead(plan, t + distance < last ? matrix.tile(t + distance) : nullptr, piece / kLine,
                rate);
    const std::byte* base = matrix.tile(t);
    if constexpr (kWiden) {
      widen<kType>(plan, base, ahead, buffer);
      base = buffer;
    }
    const std::int64_t c = t * width;
    for (const PlannedSum& sum : plan.sums) {
      if (t + kOutAhead + 1 < last) {
        for (std::int64_t line = 0; line < width * 4 / kLine; ++line) {
          __builtin_prefetch(sum.out + c + kOutAhead * width + line * (kLine / 4), 1, 3);
        }
      }
      if (c + width <= matrix.cols()) {
        sum_one<kType>(base, sum, ahead, sum.out + c);
      } else {
        float padded[64];
        sum_one<kType>(base, sum, ahead, padded);
        std::copy(padded, padded + (matrix.cols() - c), sum.out + c);
      }
    }
    ahead.finish();
  }
}

void sum_body(const TiledRows& matrix, const TiledPlan& plan, std::int64_t first, std::int64_t last,
              std::byte* buffer) {
  switch (matrix.type()) {
    case NumberType::kFloat32:
      return sum_typed<NumberType::kFloat32>(matrix, plan, first, last, buffer);
    case NumberType::kFloat16:
      return sum_typed<NumberType::kFloat16>(matrix, plan, first, last, buffer);
    case NumberType::kBFloat16:
      return sum_typed<NumberType::kBFloat16>(matrix, plan, first, last, buffer);
    case NumberType::kInt8:
      return sum_typed<NumberType::kInt8>(matrix, plan, first, last, buffer);
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
