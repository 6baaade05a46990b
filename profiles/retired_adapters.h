/// Which pools are there and which of their adapters are retired.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "pema/ids.h"
#include "pema/mask.h"
#include "profiles/sql/database.h"

namespace pema::profiles {

/// As one transaction sees them. Thread-safety: immutable.
class RetiredAdapters {
 public:
  /// Reads table `pool`. Throws kCorrupt.
  explicit RetiredAdapters(sql::Database& database);

  /// Throws kNotFound when a pool that was there when a draft was checked is gone.
  void require_pool(PoolId pool) const;
  /// True when some pool has one.
  [[nodiscard]] bool any() const noexcept { return any_; }
  /// Null when the pool has none.
  [[nodiscard]] const BitMask* of(PoolId pool) const;

 private:
  std::unordered_map<PoolId, BitMask> pools_;
  bool any_ = false;
};

/// The first retired adapter that `mask` selects and `before` did not (null: a new profile); -1
/// when there is none.
[[nodiscard]] std::int64_t newly_selected(const BitMask& retired, const ProfileMask& mask,
                                          const ProfileMask* before);

}  // namespace pema::profiles
