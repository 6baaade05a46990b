#include "bench/memory/collection.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "pema/error.h"

namespace pema::bench {
namespace {

void normalise(std::span<float> vector) {
  double square = 0;
  for (const float v : vector) square += static_cast<double>(v) * static_cast<double>(v);
  const double inverse = 1 / std::sqrt(square);
  for (float& v : vector) v = static_cast<float>(static_cast<double>(v) * inverse);
}

std::vector<std::int64_t> zipf_sizes(std::int64_t keys, std::int64_t profiles) {
  double harmonic = 0;
  for (std::int64_t i = 1; i <= profiles; ++i) harmonic += 1 / static_cast<double>(i);
  std::vector<std::int64_t> sizes;
  double shares = 0;
  std::int64_t given = 0;
  for (std::int64_t i = 1; i <= profiles; ++i) {
    shares += 1 / static_cast<double>(i);
    const auto until =
        static_cast<std::int64_t>(std::llround(static_cast<double>(keys) * shares / harmonic));
    sizes.push_back(until - given);
    given = until;
  }
  return sizes;
}

}  // namespace

Collection::Collection(const RealKeys& real, std::int64_t keys, std::int64_t profiles,
                       unsigned seed)
    : real_(real), seed_(seed), rows_(static_cast<std::size_t>(real.people)) {
  for (std::size_t i = 0; i < real.person.size(); ++i) {
    rows_[static_cast<std::size_t>(real.person[i])].push_back(static_cast<std::int32_t>(i));
  }
  std::vector<std::int64_t> sizes = zipf_sizes(keys, profiles);
  std::mt19937 random(seed);
  std::shuffle(sizes.begin(), sizes.end(), random);
  std::vector<std::int64_t> used(rows_.size());
  first_.push_back(0);
  for (const std::int64_t size : sizes) {
    const auto person = random() % rows_.size();
    person_.push_back(static_cast<std::int32_t>(person));
    turn_.push_back(used[person]);
    used[person] += size;
    first_.push_back(first_.back() + size);
  }
}

void Collection::make_key(std::int32_t person, std::int64_t turn, std::span<float> out) const {
  const auto& rows = rows_[static_cast<std::size_t>(person)];
  const std::int32_t row = rows[static_cast<std::size_t>(turn % std::ssize(rows))];
  const std::span<const float> key = real_.keys.view().row_span(row);
  std::copy(key.begin(), key.end(), out.begin());
  if (turn < std::ssize(rows)) return;
  std::seed_seq sequence{static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(person),
                         static_cast<std::uint32_t>(turn)};
  std::mt19937 random(sequence);
  std::normal_distribution<float> weight(0, 1 / std::sqrt(8.0F));
  for (std::int64_t m = 0; m < RealKeys::kNear; ++m) {
    const float w = weight(random);
    const float* const near =
        real_.keys.row(real_.near[static_cast<std::size_t>(row * RealKeys::kNear + m)]);
    for (std::size_t c = 0; c < out.size(); ++c) out[c] += w * (near[c] - key[c]);
  }
  normalise(out);
}

Matrix<float> Collection::keys_of(std::int64_t profile) const {
  Matrix<float> out(size(profile), width());
  for (std::int64_t i = 0; i < out.rows(); ++i) {
    make_key(person(profile), turn_[static_cast<std::size_t>(profile)] + i, out.view().row_span(i));
  }
  return out;
}

std::shared_ptr<const Segment> Collection::segment(std::int64_t profile) const {
  const Matrix<float> keys = keys_of(profile);
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(keys.rows()));
  std::iota(tokens.begin(), tokens.end(), static_cast<std::int32_t>(first(profile)));
  SegmentInfo info;
  info.model = sha256("the model of memory_bench");
  info.hidden = keys.cols();
  info.vocab = 1 << 30;
  return Segment::make(info, keys.view(), tokens);
}

std::vector<Asker> draw_askers(const Collection& collection, const RealKeys& real, double share,
                               std::int64_t rows, unsigned seed) {
  std::mt19937 random(seed);
  const auto wanted =
      static_cast<std::int64_t>(std::llround(share * static_cast<double>(collection.keys())));
  std::vector<std::int32_t> order(static_cast<std::size_t>(collection.profiles()));
  std::iota(order.begin(), order.end(), 0);
  std::vector<bool> taken(order.size());
  std::vector<Asker> askers;
  std::int64_t tries = 0;
  while (std::ssize(askers) < rows) {
    PEMA_CHECK(++tries < 100 * rows, kInvalidArgument, "no ", rows, " profiles of at most ", wanted,
               " keys; use more profiles");
    const auto q = static_cast<std::int64_t>(random() % real.query_person.size());
    // Another profile on every row, of the query's person, small enough for the share.
    std::shuffle(order.begin(), order.end(), random);
    const auto own = std::find_if(order.begin(), order.end(), [&](std::int32_t p) {
      return collection.person(p) == real.query_person[static_cast<std::size_t>(q)] &&
             !taken[static_cast<std::size_t>(p)] && collection.size(p) <= wanted;
    });
    if (own == order.end()) continue;
    taken[static_cast<std::size_t>(*own)] = true;
    std::iter_swap(order.begin(), own);
    Asker asker{real.queries.view().row_span(q), order.front(), {}, 0};
    for (const std::int32_t p : order) {
      if (asker.keys + collection.size(p) > wanted + wanted / 1000) continue;
      asker.visible.push_back(p);
      asker.keys += collection.size(p);
    }
    std::sort(asker.visible.begin(), asker.visible.end());
    askers.push_back(std::move(asker));
  }
  return askers;
}

}  // namespace pema::bench
