/// Matrices of every element type, masks and CSR rows for the kernels' tests: what the device
/// holds, and the same numbers in float64.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "tests/cuda/device_array.h"
#include "tests/simt/front_types.h"

namespace pema::test {

using kernels::cuda::DeviceRows;
using kernels::cuda::Element;

inline constexpr Element kElements[] = {Element::kFloat32, Element::kFloat16, Element::kBfloat16,
                                        Element::kInt8};

inline std::string element_name(Element type) {
  return type == Element::kFloat32   ? "f32"
         : type == Element::kFloat16 ? "f16"
         : type == Element::kInt8    ? "int8"
                                     : "bf16";
}

inline std::int64_t bytes_of_element(Element type) {
  return type == Element::kFloat32 ? 4 : type == Element::kInt8 ? 1 : 2;
}

/// A matrix on the device, its rows padded to 16 bytes with 0xff (NaN, or -1).
class DeviceMatrix {
 public:
  DeviceMatrix(std::mt19937& random, Element type, std::int64_t rows, std::int64_t cols,
               std::int64_t extra_pieces = 0)
      : type_(type), rows_(rows), cols_(cols) {
    const std::int64_t piece = 16 / bytes_of_element(type);
    stride_ = (cols + piece - 1) / piece * piece + extra_pieces * piece;
    bytes_.assign(static_cast<std::size_t>(rows * stride_ * bytes_of_element(type)), 0xff);
    values_.resize(static_cast<std::size_t>(rows * cols));
    std::normal_distribution<float> normal;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < cols; ++c) {
        set(r, c,
            type == Element::kInt8 ? static_cast<float>(static_cast<int>(random() % 256) - 128)
                                   : normal(random));
      }
    }
  }

  /// Stores x as the element type holds it; int8: the integer x.
  void set(std::int64_t r, std::int64_t c, float x) {
    unsigned char* const at = bytes_.data() + (r * stride_ + c) * bytes_of_element(type_);
    double& value = values_[static_cast<std::size_t>(r * cols_ + c)];
    const auto store = [&](auto element) {
      std::memcpy(at, &element, sizeof(element));
      value = static_cast<double>(simt::to_float(element));
    };
    switch (type_) {
      case Element::kFloat32:
        return store(x);
      case Element::kFloat16:
        return store(simt::from_float<simt::half_t>(x));
      case Element::kBfloat16:
        return store(simt::from_float<simt::bf16_t>(x));
      case Element::kInt8:
        return store(static_cast<signed char>(x));
    }
  }

  /// Element [r, c]; int8 without the scale.
  [[nodiscard]] double at(std::int64_t r, std::int64_t c) const {
    return values_[static_cast<std::size_t>(r * cols_ + c)];
  }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t cols() const { return cols_; }
  [[nodiscard]] std::int64_t stride() const { return stride_; }
  [[nodiscard]] Element type() const { return type_; }
  [[nodiscard]] float scale() const { return type_ == Element::kInt8 ? 0.037F : 1.0F; }

  /// Copies it to the device; what `set` changes later is not seen there.
  [[nodiscard]] DeviceArray<const unsigned char> upload(const std::string& name) const {
    return DeviceArray<const unsigned char>(name, std::span<const unsigned char>(bytes_));
  }
  [[nodiscard]] DeviceRows rows_on(DeviceArray<const unsigned char>& device) const {
    return {device.data(), type_, rows_, cols_, stride_, scale()};
  }

 private:
  Element type_;
  std::int64_t rows_;
  std::int64_t cols_;
  std::int64_t stride_ = 0;
  std::vector<unsigned char> bytes_;
  std::vector<double> values_;
};

/// An f32 result [rows, cols] with padded rows, first holding `start` (or NaN).
class DeviceResult {
 public:
  DeviceResult(std::int64_t rows, std::int64_t cols)
      : rows_(rows), cols_(cols), stride_((cols + 3) / 4 * 4), array_("out", rows * stride_) {}
  DeviceResult(std::int64_t rows, std::int64_t cols, const std::vector<float>& start)
      : rows_(rows), cols_(cols), stride_((cols + 3) / 4 * 4), array_("out", pad(start)) {}

  [[nodiscard]] kernels::cuda::DeviceOut get() { return {array_.data(), rows_, cols_, stride_}; }
  [[nodiscard]] DeviceRows as_rows() {
    return {array_.data(), Element::kFloat32, rows_, cols_, stride_, 1};
  }
  /// [rows * cols], without the padding, of which it is checked that nobody wrote there.
  [[nodiscard]] std::vector<float> host() const {
    const std::vector<float> padded = array_.host();
    std::vector<float> values;
    for (std::int64_t r = 0; r < rows_; ++r) {
      const float* const row = padded.data() + r * stride_;
      values.insert(values.end(), row, row + cols_);
      for (std::int64_t c = cols_; c < stride_; ++c) EXPECT_TRUE(std::isnan(row[c])) << r;
    }
    return values;
  }

 private:
  [[nodiscard]] std::vector<float> pad(const std::vector<float>& start) const {
    std::vector<float> padded(static_cast<std::size_t>(rows_ * stride_), std::nanf(""));
    for (std::int64_t r = 0; r < rows_; ++r) {
      for (std::int64_t c = 0; c < cols_; ++c) {
        padded[static_cast<std::size_t>(r * stride_ + c)] =
            start[static_cast<std::size_t>(r * cols_ + c)];
      }
    }
    return padded;
  }
  std::int64_t rows_;
  std::int64_t cols_;
  std::int64_t stride_;
  DeviceArray<float> array_;
};

/// Which rows each sum takes, and with what weight.
struct Selection {
  std::vector<std::vector<std::int32_t>> rows;
  std::vector<std::vector<float>> weights;

  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(rows.size()); }
};

/// `sums` selections of `of` rows: the first takes nothing, the second everything, the others about
/// a third; one alone takes a third. Weights are normal numbers.
inline Selection random_selection(std::mt19937& random, std::int64_t sums, std::int64_t of) {
  Selection selection;
  std::normal_distribution<float> normal;
  for (std::int64_t p = 0; p < sums; ++p) {
    auto& rows = selection.rows.emplace_back();
    auto& weights = selection.weights.emplace_back();
    for (std::int64_t i = 0; i < of; ++i) {
      const bool take = sums > 1 && p < 2 ? p == 1 : random() % 3 == 0;
      if (!take) continue;
      rows.push_back(static_cast<std::int32_t>(i));
      weights.push_back(normal(random));
    }
  }
  return selection;
}

/// A selection as CSR on the device.
class DeviceSelection {
 public:
  explicit DeviceSelection(const Selection& s) : DeviceSelection(Flat(s)) {}
  [[nodiscard]] kernels::cuda::DeviceCsr get() {
    return {begin_.data(), index_.data(), weight_.data(), rows_, entries_};
  }

 private:
  struct Flat {
    explicit Flat(const Selection& s) {
      for (std::size_t p = 0; p < s.rows.size(); ++p) {
        index.insert(index.end(), s.rows[p].begin(), s.rows[p].end());
        weight.insert(weight.end(), s.weights[p].begin(), s.weights[p].end());
        begin.push_back(static_cast<std::int32_t>(index.size()));
      }
    }
    std::vector<std::int32_t> begin{0};
    std::vector<std::int32_t> index;
    std::vector<float> weight;
  };
  explicit DeviceSelection(const Flat& flat)
      : rows_(static_cast<std::int64_t>(flat.begin.size()) - 1),
        entries_(static_cast<std::int64_t>(flat.index.size())),
        begin_("csr begin", flat.begin),
        index_("csr index", flat.index),
        weight_("csr weight", flat.weight) {}
  std::int64_t rows_;
  std::int64_t entries_;
  DeviceArray<const std::int32_t> begin_;
  DeviceArray<const std::int32_t> index_;
  DeviceArray<const float> weight_;
};

/// The masks of a selection as bits, [sums, ceil(of / 64)].
inline std::vector<std::uint64_t> mask_words(const Selection& s, std::int64_t of) {
  const std::int64_t words = (of + 63) / 64;
  std::vector<std::uint64_t> bits(static_cast<std::size_t>(s.count() * words));
  for (std::int64_t p = 0; p < s.count(); ++p) {
    for (const std::int32_t row : s.rows[static_cast<std::size_t>(p)]) {
      bits[static_cast<std::size_t>(p * words + row / 64)] |= std::uint64_t{1} << (row % 64);
    }
  }
  return bits;
}

}  // namespace pema::test
