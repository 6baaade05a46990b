#include <cmath>
#include <numbers>
#include <random>

#include "pema/train/trainer.h"

namespace pema::train {
namespace {

/// Uniform in (0, 1), the same on every standard library (std::uniform_real_distribution is not).
double uniform(std::mt19937_64& engine) {
  return (static_cast<double>(engine() >> 11) + 0.5) * 0x1.0p-53;
}

/// Standard normal, Box and Muller's way.
double normal(std::mt19937_64& engine) {
  const double radius = std::sqrt(-2.0 * std::log(uniform(engine)));
  return radius * std::cos(2.0 * std::numbers::pi * uniform(engine));
}

}  // namespace

std::shared_ptr<const AdapterBlock> random_adapters(std::int64_t count, std::int64_t rank,
                                                    std::int64_t hidden, std::uint64_t seed) {
  PEMA_CHECK(count >= 1 && count <= BitMask::kMaxSize && rank >= 1 &&
                 rank <= AdapterBlock::kMaxRank && hidden >= 1 &&
                 hidden <= AdapterBlock::kMaxHidden,
             kInvalidArgument, "cannot make ", count, " random adapters of rank ", rank,
             " and width ", hidden);
  std::mt19937_64 engine(seed);
  Matrix<float> down(count * rank, hidden);
  Matrix<float> up(count * rank, hidden);
  const double bound = 1.0 / std::sqrt(static_cast<double>(hidden));
  const double deviation = 1.0 / std::sqrt(static_cast<double>(rank));
  for (std::int64_t i = 0; i < count * rank * hidden; ++i) {
    down.data()[i] = static_cast<float>(bound * (2.0 * uniform(engine) - 1.0));
  }
  for (std::int64_t i = 0; i < count * rank * hidden; ++i) {
    up.data()[i] = static_cast<float>(deviation * normal(engine));
  }
  const std::vector<float> scale(static_cast<std::size_t>(count), 1.0F);
  return AdapterBlock::make(count, rank, down.view(), up.view(), scale);
}

}  // namespace pema::train
