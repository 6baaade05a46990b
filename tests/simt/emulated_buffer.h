/// Memory as cudaMalloc would give it, for tests that run kernels in the emulator.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "tests/simt/buffers.h"

namespace simt {

/// An array of [size] T, 256-byte aligned, that ends where it says: ASan reports a touch of the
/// element behind the last, the plain build a write there, the trace both, with the name.
/// EmulatedBuffer<const T> may not be written to by a kernel. Thread-safety: none.
template <class T>
class EmulatedBuffer {
 public:
  using Value = std::remove_const_t<T>;
  static_assert(std::is_trivially_copyable_v<Value>);

  /// [size] elements of 0xff bytes: NaN, or -1. A kernel must write what a test reads.
  EmulatedBuffer(std::string name, std::int64_t size) : size_(size) {
    allocate();
    std::memset(data_, 0xff, bytes());
    detail::register_buffer(data_, bytes(), sizeof(T), std::move(name), std::is_const_v<T>);
  }
  /// A copy of values.
  EmulatedBuffer(std::string name, std::span<const Value> values)
      : size_(static_cast<std::int64_t>(values.size())) {
    allocate();
    if (!values.empty()) {
      std::memcpy(data_, values.data(), bytes());
    }
    detail::register_buffer(data_, bytes(), sizeof(T), std::move(name), std::is_const_v<T>);
  }
  ~EmulatedBuffer() {
    if (data_ != nullptr) {
      detail::unregister_buffer(data_);
      std::free(reinterpret_cast<char*>(data_) - detail::kBufferGuard);
    }
  }
  EmulatedBuffer(EmulatedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  EmulatedBuffer& operator=(EmulatedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  T* data() { return data_; }
  const Value* data() const { return data_; }
  std::int64_t size() const { return size_; }
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * sizeof(T); }
  std::span<const Value> span() const { return {data_, static_cast<std::size_t>(size_)}; }
  T& operator[](std::int64_t i) { return data_[i]; }
  const Value& operator[](std::int64_t i) const { return data_[i]; }

 private:
  void allocate() {
    const std::size_t total = (2 * detail::kBufferGuard + bytes() + 255) / 256 * 256;
    void* const memory = std::aligned_alloc(256, total);
    if (memory == nullptr) {
      throw std::bad_alloc();
    }
    data_ = reinterpret_cast<Value*>(static_cast<char*>(memory) + detail::kBufferGuard);
  }

  Value* data_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace simt
