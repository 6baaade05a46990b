/// From an element type that is known at run time to a type of C++.
#pragma once

#include "kernels/cuda/ops.h"
#include "kernels/cuda/pieces.cuh"

namespace pema::kernels::cuda {

/// Calls queue(x) with a zero x of the type that elements of `type` have.
template <typename Queue>
void with_element(Element type, const Queue& queue) {
  switch (type) {
    case Element::kFloat32:
      return queue(float{});
    case Element::kFloat16:
      return queue(simt::half_t{});
    case Element::kBfloat16:
      return queue(simt::bf16_t{});
    case Element::kInt8:
      return queue(int8_value{});
  }
}

}  // namespace pema::kernels::cuda
