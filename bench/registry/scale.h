/// Ten million profiles in one store: bytes, enrolment, opening, look-ups with and without a
/// writer.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace pema::bench {

struct ScaleOptions {
  std::int64_t profiles = 1'000'000;
  std::int64_t calls = 400'000;  ///< timed look-ups of each kind
};

/// Builds the store in `folder`, or measures the one of that size that is there.
[[nodiscard]] nlohmann::ordered_json measure_scale(const std::string& folder,
                                                   const ScaleOptions& options);

}  // namespace pema::bench
