#include "src/engine/device_layout.h"

#include <algorithm>
#include <utility>

#include "pema/error.h"
#include "src/engine/device_tables.h"

namespace pema::engine {
namespace {

using kernels::cuda::Element;

/// Int8Matrix and HalfMatrix pad their rows to groups of so many numbers.
constexpr std::int64_t kGroup = 64;
static_assert(kernels::Int8Matrix::kGroup == kGroup);

}  // namespace

Element element_of(NumberType type) noexcept {
  switch (type) {
    case NumberType::kFloat16:
      return Element::kFloat16;
    case NumberType::kBFloat16:
      return Element::kBfloat16;
    case NumberType::kInt8:
      return Element::kInt8;
    case NumberType::kFloat32:
      break;
  }
  return Element::kFloat32;
}

std::int64_t table_stride(std::int64_t cols, NumberType type) noexcept {
  return type == NumberType::kFloat32 ? padded_width(cols) : (cols + kGroup - 1) / kGroup * kGroup;
}

std::span<const std::byte> HostTable::bytes() const {
  switch (type) {
    case NumberType::kInt8:
      return std::as_bytes(std::get<kernels::Int8Matrix>(values).values());
    case NumberType::kFloat16:
    case NumberType::kBFloat16:
      return std::as_bytes(std::get<kernels::HalfMatrix>(values).values());
    case NumberType::kFloat32:
      break;
  }
  return std::as_bytes(std::span(std::get<std::vector<float>>(values)));
}

kernels::cuda::DeviceRows HostTable::rows(const void* data) const {
  const std::int64_t stride = table_stride(cols, type);
  PEMA_ASSERT(std::ssize(bytes()) == row_count * stride * bytes_of(type));
  return {data, element_of(type), row_count, cols, stride, 1};
}

HostTable table_of(std::span<const float* const> rows, std::int64_t cols) {
  const std::int64_t stride = padded_width(cols);
  std::vector<float> values(rows.size() * static_cast<std::size_t>(stride));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(rows[i], cols, values.data() + static_cast<std::int64_t>(i) * stride);
  }
  return {std::move(values), std::ssize(rows), cols, NumberType::kFloat32, {}};
}

HostTable table_of(MatrixView<const float> rows) {
  std::vector<const float*> pointers;
  pointers.reserve(static_cast<std::size_t>(rows.rows));
  for (std::int64_t i = 0; i < rows.rows; ++i) pointers.push_back(rows.row(i));
  return table_of(pointers, rows.cols);
}

HostTable table_of(kernels::HalfMatrix rows) {
  const std::int64_t count = rows.rows();
  const std::int64_t cols = rows.cols();
  const NumberType type = rows.type();
  return {std::move(rows), count, cols, type, {}};
}

HostTable table_of(kernels::Int8Matrix rows) {
  const std::int64_t count = rows.rows();
  const std::int64_t cols = rows.cols();
  std::vector<float> factors(rows.scales().begin(), rows.scales().end());
  // Such a row holds zeros alone; what is divided by its factor must stay finite.
  std::replace(factors.begin(), factors.end(), 0.0F, 1.0F);
  return {std::move(rows), count, cols, NumberType::kInt8, std::move(factors)};
}

HostTable table_of_adapters(const Pool& pool, bool up, NumberType type) {
  const PoolInfo& info = pool.info();
  const std::int64_t width = padded_width(info.hidden);
  const std::int64_t cols = info.rank * width;
  std::vector<float> all;
  kernels::HalfMatrix half;
  kernels::Int8Matrix int8;
  if (type == NumberType::kInt8) {
    int8 = kernels::Int8Matrix(info.adapters, cols);
  } else if (type != NumberType::kFloat32) {
    half = kernels::HalfMatrix(info.adapters, cols, type);
  }
  std::vector<float> row(static_cast<std::size_t>(cols));
  std::int64_t at = 0;
  for (const std::shared_ptr<const AdapterBlock>& block : pool.blocks()) {
    const AdapterBlockView& view = block->view();
    for (std::int64_t i = 0; i < view.count; ++i, ++at) {
      const float scale = up ? view.scale[static_cast<std::size_t>(i)] : 1.0F;
      for (std::int64_t p = 0; p < view.rank; ++p) {
        const MatrixView<const float>& side = up ? view.up : view.down;
        const std::span<const float> from = side.row_span(i * view.rank + p);
        std::transform(from.begin(), from.end(), row.begin() + p * width,
                       [&](float value) { return scale * value; });
      }
      if (type == NumberType::kInt8) {
        int8.quantise(at, row.data());
      } else if (type != NumberType::kFloat32) {
        half.round(at, row.data());
      } else {
        all.insert(all.end(), row.begin(), row.end());
      }
    }
  }
  if (type == NumberType::kInt8) return table_of(std::move(int8));
  if (type != NumberType::kFloat32) return table_of(std::move(half));
  return {std::move(all), info.adapters, cols, NumberType::kFloat32, {}};
}

HostCsr mask_lists(std::span<const Group* const> groups, bool up, std::span<const float> factors) {
  HostCsr lists;
  for (const Group* group : groups) {
    for (const kernels::SelectedAdapter& adapter : group->selected) {
      const float weight = up ? adapter.up_factor : adapter.down_weight;
      if (weight == 0.0F) continue;
      const float factor =
          factors.empty() ? 1.0F : factors[static_cast<std::size_t>(adapter.index)];
      lists.add(adapter.index, weight * factor);
    }
    lists.end_row();
  }
  return lists;
}

}  // namespace pema::engine
