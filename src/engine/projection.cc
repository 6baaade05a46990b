#include "src/engine/projection.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "kernels/gram.h"
#include "kernels/head_product.h"
#include "pema/error.h"
#include "src/engine/projection_file.h"

namespace pema::engine {
namespace {

// Rows of U^T that are computed before they are rounded: 13 MB at 49,152 words.
constexpr std::int64_t kBlock = 64;

/// The up rows of the shared adapter, then of every block.
std::vector<const float*> up_rows(const Pool& pool) {
  std::vector<const float*> up;
  const auto add = [&](const AdapterBlock& block) {
    for (std::int64_t i = 0; i < block.view().up.rows; ++i) up.push_back(block.view().up.row(i));
  };
  if (pool.shared() != nullptr) add(*pool.shared());
  for (const std::shared_ptr<const AdapterBlock>& block : pool.blocks()) add(*block);
  return up;
}

void head_rows(Context& context, std::span<const float* const> up, Matrix<float>& out) {
  std::vector<float*> rows(up.size());
  for (std::size_t i = 0; i < up.size(); ++i) rows[i] = out.row(static_cast<std::int64_t>(i));
  kernels::head_product(context.head->weight.view(), up, rows, false, context.pool);
}

/// Rows [d] through the head, in EngineOptions::projection.
CacheEntry make_projection(Context& context, std::span<const float* const> up) {
  const std::int64_t vocab = context.model.vocab;
  CacheEntry entry;
  if (context.options.projection == NumberType::kFloat32) {
    entry.projection = Matrix<float>(std::ssize(up), vocab);
    head_rows(context, up, entry.projection);
    return entry;
  }
  const bool int8 = context.options.projection == NumberType::kInt8;
  if (int8) {
    entry.projection_int8 = kernels::Int8Matrix(std::ssize(up), vocab);
  } else {
    entry.projection_half = kernels::HalfMatrix(std::ssize(up), vocab, context.options.projection);
  }
  Matrix<float> block(std::min(kBlock, std::ssize(up)), vocab);
  for (std::int64_t first = 0; first < std::ssize(up); first += kBlock) {
    const std::int64_t count = std::min(kBlock, std::ssize(up) - first);
    head_rows(context, up.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
              block);
    context.pool.run(count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        if (int8) {
          entry.projection_int8.quantise(first + i, block.row(i));
        } else {
          entry.projection_half.round(first + i, block.row(i));
        }
      }
    });
  }
  return entry;
}

}  // namespace

std::span<const float> norm_gain(const Head& head, const PoolInfo& info) {
  if (info.form == Form::kResidual || info.norm == HeadNorm::kNone) return {};
  if (info.norm == HeadNorm::kDecoderFinal) return head.norm_weight;
  PEMA_CHECK(!head.layer_norm_weight.empty(), kUnsupported,
             "the pool uses norm layer_final, but the base model's file has no such norm; use a "
             "pool with decoder_final or none");
  return head.layer_norm_weight;
}

CacheEntry pool_projection(Context& context, const Pool& pool) {
  const std::vector<const float*> up = up_rows(pool);
  const std::span<const float> gain = norm_gain(*context.head, pool.info());
  const auto make = [&] {
    if (gain.empty()) return make_projection(context, up);
    Matrix<float> scaled(std::ssize(up), pool.info().hidden);
    std::vector<const float*> rows;
    for (std::size_t i = 0; i < up.size(); ++i) {
      float* row = scaled.row(static_cast<std::int64_t>(i));
      std::transform(gain.begin(), gain.end(), up[i], row, std::multiplies<>());
      rows.push_back(row);
    }
    return make_projection(context, rows);
  };
  CacheEntry entry =
      load_or_make_projection(context.options.projection_folder,
                              projection_key(context.model, context.options.projection, pool),
                              context.cache.counts(), make);
  if (!gain.empty()) entry.gram = kernels::gram_matrix(up, pool.info().hidden, context.pool);
  return entry;
}

Matrix<float> pool_gram(Context& context, const Pool& pool) {
  return kernels::gram_matrix(up_rows(pool), pool.info().hidden, context.pool);
}

}  // namespace pema::engine
