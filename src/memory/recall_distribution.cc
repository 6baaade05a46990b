#include <algorithm>
#include <cmath>

#include "pema/error.h"
#include "pema/memory.h"

namespace pema {
namespace {

/// A neighbour's token and its softmax weight before it is divided by the sum of all.
struct Weighted {
  std::int32_t token;
  double weight;
};

/// The smallest distance. Throws when one is not finite.
double smallest_distance(std::span<const Neighbour> neighbours) {
  float smallest = neighbours.front().distance;
  for (const Neighbour& neighbour : neighbours) {
    PEMA_CHECK(std::isfinite(neighbour.distance), kInvalidArgument, "a neighbour's distance is ",
               neighbour.distance, "; it must be finite");
    smallest = std::min(smallest, neighbour.distance);
  }
  return smallest;
}

}  // namespace

std::vector<TokenWeight> recall_distribution(std::span<const Neighbour> neighbours,
                                             double temperature) {
  PEMA_CHECK(std::isfinite(temperature) && temperature > 0.0, kInvalidArgument,
             "the temperature of a recall is ", temperature, "; it must be positive and finite");
  if (neighbours.empty()) return {};
  // Relative to the nearest, whose weight is then 1: no temperature makes all weights vanish.
  const double nearest = smallest_distance(neighbours);
  double sum = 0;
  std::vector<Weighted> weighted;
  weighted.reserve(neighbours.size());
  for (const Neighbour& neighbour : neighbours) {
    const double weight =
        std::exp((nearest - static_cast<double>(neighbour.distance)) / temperature);
    weighted.push_back({neighbour.token, weight});
    sum += weight;
  }
  // Stable, so that the weights of one token are added in the neighbours' order.
  std::stable_sort(weighted.begin(), weighted.end(),
                   [](const Weighted& a, const Weighted& b) { return a.token < b.token; });
  std::vector<TokenWeight> words;
  for (std::size_t i = 0; i < weighted.size();) {
    const std::int32_t token = weighted[i].token;
    double of_token = 0;
    for (; i < weighted.size() && weighted[i].token == token; ++i) of_token += weighted[i].weight;
    words.push_back({token, static_cast<float>(of_token / sum)});
  }
  return words;
}

RecallSignals recall_signals(std::span<const Neighbour> neighbours,
                             std::span<const TokenWeight> words) {
  RecallSignals signals;
  if (neighbours.empty()) return signals;
  signals.nearest = static_cast<double>(neighbours.front().distance);
  for (const Neighbour& neighbour : neighbours) {
    signals.mean += static_cast<double>(neighbour.distance);
  }
  signals.mean /= static_cast<double>(neighbours.size());
  for (const TokenWeight& word : words) {
    signals.agreement = std::max(signals.agreement, static_cast<double>(word.probability));
  }
  return signals;
}

bool mostly_quantised(std::span<const std::shared_ptr<const Segment>> segments) noexcept {
  std::int64_t surplus = 0;
  for (const std::shared_ptr<const Segment>& segment : segments) {
    const SegmentInfo& info = segment->info();
    surplus += info.keys == KeyType::kProductQuantised ? info.entries : -info.entries;
  }
  return surplus > 0;
}

}  // namespace pema
