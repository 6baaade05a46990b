/// A fixed rotation that spreads a vector's length over all its dimensions, so that int8 codes of
/// it lose little.
#pragma once

#include <cstdint>

namespace pema::kernels {

/// x [d] -> R x, in place, R orthogonal and the same for every call with this d. Two rounds of:
/// fixed random signs, then a Hadamard transform of the first and of the last P dimensions, P the
/// largest power of two up to d. The length changes by at most 4 (log2(P) + 2) 2^-24 of itself.
/// Unchecked. Thread-safety: reentrant.
void rotate_key(float* x, std::int64_t d);

}  // namespace pema::kernels
