/// What all ops check before they launch, and how they cut up a workspace.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/cuda/launch_plan.h"
#include "pema/error.h"

namespace pema::kernels::cuda {

[[nodiscard]] inline bool aligned(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p) % 16 == 0;
}

/// Throws kInvalidArgument unless `m` fits its contract in ops.h. `name` is the op and operand.
inline void check_rows(const DeviceRows& m, const char* name) {
  PEMA_CHECK(m.rows >= 0 && m.cols >= 0 && m.stride >= m.cols, kInvalidArgument, name, ": shape [",
             m.rows, ", ", m.cols, "] with stride ", m.stride);
  PEMA_CHECK(m.stride * element_bytes(m.type) % 16 == 0 && aligned(m.data), kInvalidArgument, name,
             ": rows must start at multiples of 16 bytes; pad them");
  PEMA_CHECK(m.data != nullptr || m.rows == 0 || m.cols == 0, kInvalidArgument, name, ": no data");
  PEMA_CHECK(m.scale == 1.0F || m.type == Element::kInt8, kInvalidArgument, name, ": scale ",
             m.scale, " on elements that are not int8");
}

inline void check_out(const DeviceOut& out, std::int64_t rows, std::int64_t cols,
                      const char* name) {
  PEMA_CHECK(out.rows == rows && out.cols == cols && out.stride >= cols, kInvalidArgument, name,
             ": room for [", out.rows, ", ", out.cols, "] with stride ", out.stride,
             ", needed is [", rows, ", ", cols, "]");
  PEMA_CHECK(out.stride % 4 == 0 && aligned(out.data), kInvalidArgument, name,
             ": rows must start at multiples of 16 bytes; pad them");
  PEMA_CHECK(out.data != nullptr || rows == 0 || cols == 0, kInvalidArgument, name, ": no data");
}

inline void check_csr(const DeviceCsr& csr, const char* name) {
  PEMA_CHECK(csr.rows >= 0 && csr.rows <= std::numeric_limits<std::int32_t>::max() &&
                 csr.entries >= 0 && csr.entries <= std::numeric_limits<std::int32_t>::max(),
             kInvalidArgument, name, ": ", csr.rows, " rows with ", csr.entries, " entries");
  PEMA_CHECK(csr.rows == 0 || csr.begin != nullptr, kInvalidArgument, name, ": no row starts");
  PEMA_CHECK(csr.entries == 0 || (csr.index != nullptr && csr.weight != nullptr), kInvalidArgument,
             name, ": no indices or weights");
}

inline void check_workspace(const Workspace& workspace, std::int64_t needed, const char* name) {
  PEMA_CHECK(workspace.bytes >= needed && (needed == 0 || workspace.data != nullptr) &&
                 aligned(workspace.data),
             kInvalidArgument, name, ": a workspace of ", workspace.bytes,
             " bytes, 16-byte aligned; needed are ", needed);
}

/// `bytes` rounded up to what keeps the next part of a workspace aligned.
[[nodiscard]] constexpr std::int64_t padded(std::int64_t bytes) { return (bytes + 15) / 16 * 16; }

/// The part of a workspace that starts at byte `offset`.
template <typename T>
[[nodiscard]] T* part(const Workspace& workspace, std::int64_t offset) {
  return reinterpret_cast<T*>(static_cast<unsigned char*>(workspace.data) + offset);
}

}  // namespace pema::kernels::cuda
