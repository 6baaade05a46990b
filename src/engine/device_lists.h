/// Lists of a step that the device reads: built on the host, one block, one copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/cuda/ops.h"

namespace pema::engine {

/// Rows' entries, as DeviceCsr.
struct HostCsr {
  std::vector<std::int32_t> begin{0};
  std::vector<std::int32_t> index;
  std::vector<float> weight;

  void add(std::int64_t at, float value) {
    index.push_back(static_cast<std::int32_t>(at));
    weight.push_back(value);
  }
  void end_row() { begin.push_back(static_cast<std::int32_t>(index.size())); }
  [[nodiscard]] std::int64_t rows() const noexcept { return std::ssize(begin) - 1; }
  [[nodiscard]] std::int64_t entries() const noexcept { return std::ssize(index); }
};

/// Where a HostCsr lies in a block, in bytes from its start.
struct PlacedCsr {
  std::int64_t begin = 0;
  std::int64_t index = 0;
  std::int64_t weight = 0;
  std::int64_t rows = 0;
  std::int64_t entries = 0;

  /// The same in the block that starts at `base` on the device.
  [[nodiscard]] kernels::cuda::DeviceCsr on_device(const std::byte* base) const noexcept {
    return {reinterpret_cast<const std::int32_t*>(base + begin),
            reinterpret_cast<const std::int32_t*>(base + index),
            reinterpret_cast<const float*>(base + weight), rows, entries};
  }
};

/// Lists one behind the other, each at a multiple of 16 bytes. Keeps its memory between steps.
class HostLists {
 public:
  void clear() noexcept { bytes_.clear(); }
  /// Where the values lie, in bytes.
  template <typename T>
  std::int64_t add(std::span<const T> values) {
    const std::size_t at = bytes_.size();
    bytes_.resize((at + values.size_bytes() + 15) / 16 * 16);
    if (!values.empty()) std::memcpy(bytes_.data() + at, values.data(), values.size_bytes());
    return static_cast<std::int64_t>(at);
  }
  template <typename T>
  std::int64_t add(const std::vector<T>& values) {
    return add(std::span<const T>(values));
  }
  PlacedCsr add(const HostCsr& csr) {
    PlacedCsr placed;
    placed.begin = add(csr.begin);
    placed.index = add(csr.index);
    placed.weight = add(csr.weight);
    placed.rows = csr.rows();
    placed.entries = csr.entries();
    return placed;
  }
  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::int64_t bytes() const noexcept { return std::ssize(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace pema::engine
