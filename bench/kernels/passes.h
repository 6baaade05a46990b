/// What ops are measured against: one vectorised pass over memory, with exp or with nothing.
#pragma once

#include <cstdint>

namespace pema::bench {

/// out[i] = exp(in[i]) with Highway's exp, for i in [0, count). Unchecked.
void exp_pass(const float* in, std::int64_t count, float* out);

/// Reads in[0, count) with eight vectors side by side; the sum only keeps the compiler honest.
[[nodiscard]] float read_pass(const float* in, std::int64_t count);

/// The same for bytes.
[[nodiscard]] float byte_pass(const std::int8_t* in, std::int64_t count);

}  // namespace pema::bench
