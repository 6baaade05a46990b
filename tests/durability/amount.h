/// How much a test of this folder does.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace pema::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::int64_t kSlower = 5;  ///< what a sanitizer costs here
#else
inline constexpr std::int64_t kSlower = 1;
#endif

/// The number in environment variable `name`; without it `otherwise`, or a fifth of that under a
/// sanitizer.
[[nodiscard]] inline std::int64_t amount(const char* name, std::int64_t otherwise) {
  const char* const text = std::getenv(name);
  if (text != nullptr) return std::strtoll(text, nullptr, 10);
  return std::max<std::int64_t>(1, otherwise / kSlower);
}

}  // namespace pema::test
