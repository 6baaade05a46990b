/// Row numbers of the registry as distinct types, so that a pool's number cannot be passed for a
/// profile's.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace pema {

template <typename Tag>
struct Id {
  std::int64_t value = 0;  ///< 0 means "none"
  auto operator<=>(const Id&) const = default;
  [[nodiscard]] explicit operator bool() const noexcept { return value != 0; }
};

using ProfileId = Id<struct ProfileTag>;
using PoolId = Id<struct PoolTag>;  ///< one version of a pool
using SegmentId = Id<struct SegmentTag>;
using CodebookId = Id<struct CodebookTag>;
using RecallIndexId = Id<struct RecallIndexTag>;
using ModelId = Id<struct ModelTag>;

}  // namespace pema

template <typename Tag>
struct std::hash<pema::Id<Tag>> {
  std::size_t operator()(const pema::Id<Tag>& id) const noexcept {
    return std::hash<std::int64_t>{}(id.value);
  }
};
