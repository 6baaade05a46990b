/// Rows of the tables `setting` and `profile` (docs/formats/registry.md).
///
///   setting.schedule := varint curve + 4 * gate, length, neighbours, temperature * 1e6
///   setting.segments := segments           shared ones
///   setting.mask     := shape
///   profile.data     := varint lambda_max * 1e4, lambda_own * 1e4, lambda_shared * 1e4, sides,
///                       segments           beside the setting's
///   profile.data     := schedule, (byte 4 | shape sides), segments      under a bare setting
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "pema/store.h"
#include "profiles/profile_codec.h"

namespace pema::profiles {

/// What many profiles have in common. Never changes once stored.
struct Setting {
  std::int64_t id = 0;  ///< 0: not stored
  PoolId pool;
  bool bare = false;                ///< only the pool is common; what follows is empty
  LambdaSchedule schedule;          ///< but for its lambdas
  std::vector<SegmentId> segments;  ///< rising; the row may add others
  MaskShape mask;
};

/// The columns of a setting that is not bare.
struct SettingColumns {
  std::vector<std::byte> schedule;
  std::vector<std::byte> segments;
  std::vector<std::byte> mask;
};
[[nodiscard]] SettingColumns encode_setting(const Setting& setting);
/// Fills schedule, segments and mask. Throws kCorrupt, naming `what`.
void decode_setting(std::span<const std::byte> schedule, std::span<const std::byte> segments,
                    std::span<const std::byte> mask, std::string_view what, Setting& setting);

/// Appends profile.data. `schedule` must be quantised, `segments` are those that `setting` does not
/// hold, rising; the mask has the setting's shape.
void encode_row(std::vector<std::byte>& out, const Setting& setting, const LambdaSchedule& schedule,
                const ProfileMask& mask, std::span<const SegmentId> segments);
/// Fills pool, schedule, segments and mask of `record`, whose memory is used again. Throws
/// kCorrupt, naming `what`.
void decode_row(std::span<const std::byte> data, const Setting& setting, std::string_view what,
                ProfileRecord& record);

}  // namespace pema::profiles
