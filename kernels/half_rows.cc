#include "kernels/half_rows.h"

#include <algorithm>

#include "kernels/half.h"
#include "pema/error.h"

namespace pema::kernels {
namespace {

constexpr std::int64_t kGroup = 64;
// One sum alone has its strip and the rows of two passes in first-level cache; several share a
// strip of all their rows in the second.
constexpr std::int64_t kStripAlone = 2048;
constexpr std::int64_t kStripShared = 512;

void check(const HalfMatrix& matrix, const HalfSum& sum) {
  PEMA_CHECK(sum.rows.size() == sum.weights.size(), kInvalidArgument,
             "add_weighted_rows: ", sum.rows.size(), " rows but ", sum.weights.size(), " weights");
  for (const std::int32_t row : sum.rows) {
    PEMA_CHECK(row >= 0 && row < matrix.rows(), kInvalidArgument, "add_weighted_rows: row ", row,
               " is outside the ", matrix.rows(), " of the matrix");
  }
}

}  // namespace

HalfMatrix::HalfMatrix(std::int64_t rows, std::int64_t cols, NumberType type)
    : rows_(rows), cols_(cols), stride_((cols + kGroup - 1) / kGroup * kGroup), type_(type) {
  PEMA_CHECK(rows >= 0 && cols >= 0, kInvalidArgument, "HalfMatrix [", rows, ", ", cols, "]");
  PEMA_CHECK(type == NumberType::kFloat16 || type == NumberType::kBFloat16, kInvalidArgument,
             "HalfMatrix holds float16 or bfloat16, not ", to_string(type));
  values_ = allocate_large_pages(bytes());
}

void HalfMatrix::round(std::int64_t row, const float* values) {
  auto* out = reinterpret_cast<std::uint16_t*>(values_.get()) + row * stride_;
  for (std::int64_t c = 0; c < cols_; ++c) {
    PEMA_CHECK(fits(values[c], type_), kInvalidArgument, "row ", row, " column ", c, " is ",
               values[c], ", which is no finite ", to_string(type_), "; use another number type");
    out[c] = to_half(values[c], type_);
  }
}

void add_weighted_rows(const HalfMatrix& matrix, std::span<const HalfSum> sums, ThreadPool& pool) {
  for (const HalfSum& sum : sums) check(matrix, sum);
  const std::int64_t strip = sums.size() == 1 ? kStripAlone : kStripShared;
  pool.run(matrix.cols(), kGroup, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += strip) {
      const std::int64_t last = std::min(end, first + strip);
      for (const HalfSum& sum : sums) add_half_rows(matrix, sum, first, last);
    }
  });
}

}  // namespace pema::kernels
