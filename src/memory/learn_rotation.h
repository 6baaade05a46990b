/// A rotation that makes product codes lose less: FAISS's PCA, seen by this file's source alone.
#pragma once

#include <cstdint>

#include "pema/codebook.h"
#include "pema/tensor_view.h"

namespace pema::memory {

/// R [d, d], orthogonal, for rows v [n, d]: R v has its principal components, dealt out to `parts`
/// parts of equal width so that the products of their variances are near one another (Ge, He, Ke,
/// Sun: Optimized Product Quantization, 2013, section 3.2.2). Fewer rows than 2 d: the rotation of
/// rotate_key. The same for the same rows. d is at most kWidestRotation.
inline constexpr std::int64_t kWidestRotation = Codebook::kWidestRotation;
[[nodiscard]] Matrix<float> learn_rotation(const Matrix<float>& rows, std::int64_t parts);

}  // namespace pema::memory
