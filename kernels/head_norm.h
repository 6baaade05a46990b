/// The norm between an adapter's output and the head, in the distribution form.
#pragma once

#include <span>

namespace pema::kernels {

/// RMSNorm of one row: out = h / sqrt(mean(h^2) + eps) * gain, the mean in float64; the result does
/// not depend on anything but the row. h, gain and out [d]; out may be h. Throws kInvalidArgument
/// on lengths that disagree. Thread-safety: reentrant.
void rms_norm(std::span<const float> h, std::span<const float> gain, float eps,
              std::span<float> out);

}  // namespace pema::kernels
