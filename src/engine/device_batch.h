/// Batches that lie on a device, before the walk.
#pragma once

#include "pema/device.h"
#include "src/engine/walk.h"

namespace pema::engine {

/// What can be said of a batch without looking at the device. Throws kInvalidArgument (shapes,
/// addresses, results that are not wanted or more than 32 words of a row), kUnsupported (types, a
/// look at logits that only the host could take).
void check_device_batch(const Context& context, const DeviceBatch& batch, const DeviceScores& out);

/// The batch as the host's steps see it: the host's features, or none, and no logits.
[[nodiscard]] Batch shape_of(const DeviceBatch& batch);

}  // namespace pema::engine
