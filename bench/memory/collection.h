/// A large collection of keys that looks like the real one, owned by many profiles.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "bench/memory/real_keys.h"
#include "kernels/parallel.h"
#include "pema/memory.h"

namespace pema::bench {

/// `keys` keys over `profiles` profiles, one segment each. Sizes are Zipf: the i-th largest has
/// keys / (i H) keys; which profile has which size is drawn. A profile belongs to a real person and
/// its keys are that person's real keys until those are used up; every further one is a real key y
/// moved along the differences to its 8 nearest neighbours, normalise(y + sum_m w_m (y_m - y)), w_m
/// normal with variance 1/8: as far from y as those neighbours are on average, in the directions
/// in which keys differ near y. So clusters stay where they are and get denser.
class Collection {
 public:
  Collection(const RealKeys& real, std::int64_t keys, std::int64_t profiles, unsigned seed);

  [[nodiscard]] std::int64_t keys() const noexcept { return first_.back(); }
  [[nodiscard]] std::int64_t profiles() const noexcept { return std::ssize(first_) - 1; }
  [[nodiscard]] std::int64_t width() const noexcept { return real_.keys.cols(); }
  [[nodiscard]] std::int64_t first(std::int64_t profile) const {
    return first_[static_cast<std::size_t>(profile)];
  }
  [[nodiscard]] std::int64_t size(std::int64_t profile) const {
    return first(profile + 1) - first(profile);
  }
  [[nodiscard]] std::int32_t person(std::int64_t profile) const {
    return person_[static_cast<std::size_t>(profile)];
  }
  /// The keys of a profile [size, d]; the same whenever they are asked for. Thread-safe.
  [[nodiscard]] Matrix<float> keys_of(std::int64_t profile) const;
  /// The profile's segment; an entry's token is its number in the collection.
  [[nodiscard]] std::shared_ptr<const Segment> segment(std::int64_t profile) const;

 private:
  void make_key(std::int32_t person, std::int64_t turn, std::span<float> out) const;
  const RealKeys& real_;
  unsigned seed_;
  std::vector<std::int64_t> first_;              // [profiles + 1]
  std::vector<std::int32_t> person_;             // [profiles]
  std::vector<std::int64_t> turn_;               // keys of the person before the profile
  std::vector<std::vector<std::int32_t>> rows_;  // of each person
};

/// Who asks in one call: a query, a profile of its person, and what it may see.
struct Asker {
  std::span<const float> query;  ///< [d]
  std::int64_t profile = 0;
  std::vector<std::int32_t> visible;  ///< profiles whose segments it reads, rising
  std::int64_t keys = 0;              ///< in them
};

/// `rows` askers of different profiles, each seeing its own segment and randomly drawn others until
/// `share` of all keys is visible (within a thousandth where sizes allow).
[[nodiscard]] std::vector<Asker> draw_askers(const Collection& collection, const RealKeys& real,
                                             double share, std::int64_t rows, unsigned seed);

}  // namespace pema::bench
