/// Millions of people nobody has: names, masks, lambdas and rights from a number alone.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pema/store.h"

namespace pema::bench {

inline constexpr std::int64_t kMaskBits = 256;
inline constexpr std::int64_t kRights = 300;  ///< sets of segments that occur
inline constexpr std::size_t kNameBytes = 16;

/// What a peer stores of a person: the same facts as a profile.
struct Person {
  std::array<char, kNameBytes> name{};
  std::array<std::uint64_t, 4> down{};
  std::array<std::uint64_t, 4> up{};
  std::array<std::int32_t, 3> lambdas{};  ///< max, own, shared in steps of 1/10000
  std::int32_t rights = 0;

  [[nodiscard]] std::string_view key() const { return {name.data(), name.size()}; }
};

/// Person number `index`; every bit of name and masks is random, none of it is stored anywhere.
[[nodiscard]] Person person(std::uint64_t index);

/// A store of one pool and a dozen shared segments, and drafts over them.
class People {
 public:
  /// Makes the store in `folder`, its tables in the database `registry` unless that is empty, or
  /// opens the one that is there.
  explicit People(const std::string& folder, const std::string& registry = {});
  [[nodiscard]] Store& store() noexcept { return store_; }
  /// Fills `draft`, whose memory is used again.
  void fill(std::uint64_t index, ProfileDraft& draft) const;

 private:
  Store store_;
  PoolId pool_;
  std::vector<std::vector<SegmentId>> rights_;
};

}  // namespace pema::bench
