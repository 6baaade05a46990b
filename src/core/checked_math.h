/// Size arithmetic that refuses to wrap, for sizes read from files.
#pragma once

#include <cstdint>

#include "pema/error.h"

namespace pema::core {

/// a * b for sizes. Throws kCorrupt, naming `what`, when either is negative or the product does not
/// fit.
[[nodiscard]] inline std::int64_t checked_multiply(std::int64_t a, std::int64_t b,
                                                   const char* what) {
  std::int64_t product = 0;
  PEMA_CHECK(a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, &product), kCorrupt, what,
             ": the size ", a, " x ", b, " is impossible");
  return product;
}

/// a + b for sizes. Throws kCorrupt, naming `what`, when either is negative or the sum does not
/// fit.
[[nodiscard]] inline std::int64_t checked_add(std::int64_t a, std::int64_t b, const char* what) {
  std::int64_t sum = 0;
  PEMA_CHECK(a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, &sum), kCorrupt, what, ": the size ",
             a, " + ", b, " is impossible");
  return sum;
}

}  // namespace pema::core
