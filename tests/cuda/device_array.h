/// Device memory for the kernels' tests. The same test sources run twice: in the emulator
/// (tests/simt), once in each order of threads, and, with PEMA_TEST_ON_GPU, through the driver,
/// skipped where there is no GPU.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/cuda/device.h"
#include "kernels/cuda/ops.h"

#ifndef PEMA_TEST_ON_GPU
#include "tests/simt/emulated_buffer.h"
#include "tests/simt/front.h"
#endif

namespace pema::test {

#ifdef PEMA_TEST_ON_GPU

/// cudaMalloc, cudaMemcpy and cudaFree behind a seam, since CUDA's headers and front_types.h define
/// the same names. Throw std::runtime_error when CUDA refuses.
void* gpu_allocate(std::int64_t bytes);
void gpu_free(void* p) noexcept;
void gpu_upload(void* to, const void* from, std::int64_t bytes);
void gpu_download(void* to, const void* from, std::int64_t bytes);

/// [size] T in device memory; DeviceArray<const T> for what a kernel only reads.
template <typename T>
class DeviceArray {
 public:
  using Value = std::remove_const_t<T>;
  /// 0xff bytes.
  DeviceArray(const std::string& name, std::int64_t size)
      : DeviceArray(name, std::span<const Value>(poison(size))) {}
  DeviceArray(const std::string& /*name*/, std::span<const Value> values)
      : data_(static_cast<Value*>(gpu_allocate(static_cast<std::int64_t>(values.size_bytes())))),
        size_(values.size()) {
    gpu_upload(data_, values.data(), static_cast<std::int64_t>(values.size_bytes()));
  }
  ~DeviceArray() { gpu_free(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] std::vector<Value> host() const {
    std::vector<Value> values(size_);
    gpu_download(values.data(), data_, static_cast<std::int64_t>(size_ * sizeof(T)));
    return values;
  }

 private:
  static std::vector<Value> poison(std::int64_t size) {
    std::vector<Value> values(static_cast<std::size_t>(size));
    auto* const bytes = reinterpret_cast<unsigned char*>(values.data());
    for (std::size_t i = 0; i < values.size() * sizeof(T); ++i) bytes[i] = 0xff;
    return values;
  }
  Value* data_;
  std::size_t size_;
};

#else

template <typename T>
class DeviceArray {
 public:
  using Value = std::remove_const_t<T>;
  DeviceArray(std::string name, std::int64_t size) : buffer_(std::move(name), size) {}
  DeviceArray(std::string name, std::span<const Value> values) : buffer_(std::move(name), values) {}

  [[nodiscard]] T* data() { return buffer_.data(); }
  [[nodiscard]] std::vector<Value> host() const {
    return {buffer_.span().begin(), buffer_.span().end()};
  }

 private:
  simt::EmulatedBuffer<T> buffer_;
};

#endif

/// A workspace of the size that was asked for, and no byte more.
class DeviceWorkspace {
 public:
  explicit DeviceWorkspace(std::int64_t bytes) : bytes_(bytes), array_("workspace", bytes) {}
  [[nodiscard]] kernels::cuda::Workspace get() { return {array_.data(), bytes_}; }

 private:
  std::int64_t bytes_;
  DeviceArray<unsigned char> array_;
};

/// A test that launches kernels: in three orders in the emulator, once on a GPU.
class OnDevice : public ::testing::TestWithParam<int> {
 protected:
#ifdef PEMA_TEST_ON_GPU
  void SetUp() override {
    const kernels::cuda::DeviceStatus status = kernels::cuda::device_status();
    if (!status.usable) GTEST_SKIP() << status.reason;
  }
#else
  void SetUp() override { simt::cfg = {static_cast<simt::Order>(GetParam()), 7}; }
  void TearDown() override { simt::cfg = {}; }
#endif
};

#ifdef PEMA_TEST_ON_GPU
inline std::string order_name(const ::testing::TestParamInfo<int>& /*instance*/) { return "Gpu"; }
inline auto orders() { return ::testing::Values(0); }
#else
inline std::string order_name(const ::testing::TestParamInfo<int>& instance) {
  return instance.param == 0 ? "Forward" : instance.param == 1 ? "Reverse" : "Random";
}
inline auto orders() { return ::testing::Values(0, 1, 2); }
#endif

/// 2^-24: half a unit in the last place of 1.
inline constexpr double kRounding = 0x1p-24;

}  // namespace pema::test
