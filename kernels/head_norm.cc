#include "kernels/head_norm.h"

#include <cmath>
#include <cstddef>

#include "pema/error.h"

namespace pema::kernels {

void rms_norm(std::span<const float> h, std::span<const float> gain, float eps,
              std::span<float> out) {
  PEMA_CHECK(h.size() == gain.size() && h.size() == out.size() && !h.empty(), kInvalidArgument,
             "rms_norm: ", h.size(), " values, a gain of ", gain.size(), ", room for ", out.size());
  double squares = 0.0;
  for (const float value : h) squares += static_cast<double>(value) * static_cast<double>(value);
  const double mean = squares / static_cast<double>(h.size());
  const double scale = 1.0 / std::sqrt(mean + static_cast<double>(eps));
  for (std::size_t i = 0; i < h.size(); ++i) {
    out[i] = static_cast<float>(static_cast<double>(h[i]) * scale * static_cast<double>(gain[i]));
  }
}

}  // namespace pema::kernels
