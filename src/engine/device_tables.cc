#include "src/engine/device_tables.h"

#include <algorithm>
#include <map>

#include "pema/error.h"
#include "src/engine/device_layout.h"
#include "src/engine/device_lists.h"
#include "src/engine/projection.h"

namespace pema::engine {
namespace {

using kernels::cuda::DeviceRows;

/// Which of several things of one kind and digest; a number type stands below.
enum class Which : unsigned { kDown = 0, kUp = 4, kGram = 8 };

unsigned variant(Which which, NumberType type = NumberType::kFloat32) {
  return static_cast<unsigned>(which) | static_cast<unsigned>(type);
}

std::int64_t latent_count(const Pool& pool) {
  const PoolInfo& info = pool.info();
  const std::int64_t shared = pool.shared() != nullptr ? pool.shared()->view().up.rows : 0;
  return shared + (info.algebra == Algebra::kMixture ? info.adapters * info.rank : 0);
}

}  // namespace

DeviceTables::DeviceTables(std::shared_ptr<Runtime> runtime, std::shared_ptr<MemoryManager> memory,
                           std::int64_t number)
    : runtime_(std::move(runtime)),
      device_(std::make_shared<RuntimeMemory>(runtime_)),
      memory_(std::move(memory)),
      number_(static_cast<unsigned>(number)),
      lists_(runtime_, GrowingBlock::Place::kDevice),
      sums_(runtime_, GrowingBlock::Place::kDevice) {}

MemoryKey DeviceTables::key(MemoryKind kind, const Digest& digest, unsigned variant) const {
  MemoryKey key;
  key.kind = kind;
  key.digest = digest;
  key.variant = static_cast<std::uint8_t>(variant | number_ << 4U);
  key.on_device = true;
  return key;
}

template <typename Make>
DeviceTablePtr DeviceTables::get(const MemoryKey& key, std::int64_t bytes, const Make& make) {
  MemoryRequest request;
  request.key = key;
  request.bytes = bytes;
  request.load = [&] {
    const HostTable host = make();
    auto table = std::make_shared<DeviceTable>();
    table->copy = std::make_unique<const DeviceCopy>(device_, host.bytes());
    table->rows = host.rows(table->copy->data());
    table->factors = host.factors;
    LoadedMemory loaded;
    loaded.bytes = table->copy->bytes();
    loaded.tier = MemoryTier::kDevice;
    loaded.value = std::move(table);
    return loaded;
  };
  return memory_->acquire_as<DeviceTable>(request);
}

DeviceTablePtr DeviceTables::latent_rows(const Pool& pool, bool up) {
  const std::int64_t d = pool.info().hidden;
  return get(key(MemoryKind::kPool, pool.digest(), variant(up ? Which::kUp : Which::kDown)),
             latent_count(pool) * padded_width(d) * 4, [&] {
               std::vector<const float*> rows;
               const auto add = [&](const AdapterBlock& block) {
                 const MatrixView<const float>& side = up ? block.view().up : block.view().down;
                 for (std::int64_t i = 0; i < side.rows; ++i) rows.push_back(side.row(i));
               };
               if (pool.shared() != nullptr) add(*pool.shared());
               if (pool.info().algebra == Algebra::kMixture) {
                 for (const auto& block : pool.blocks()) add(*block);
               }
               return table_of(rows, d);
             });
}

DeviceTablePtr DeviceTables::projection(Context& context, const Pool& pool) {
  const NumberType type = context.options.projection;
  const std::int64_t rows = latent_count(pool);
  return get(key(MemoryKind::kProjection, pool.digest(), variant(Which::kDown, type)),
             rows * table_stride(context.model.vocab, type) * bytes_of(type), [&] {
               // Straight to the device: the host's cache does not keep it.
               CacheEntry entry = pool_projection(context, pool);
               if (type == NumberType::kInt8) return table_of(std::move(entry.projection_int8));
               if (type != NumberType::kFloat32) return table_of(std::move(entry.projection_half));
               return table_of(entry.projection.view());
             });
}

DeviceTablePtr DeviceTables::gram(Context& context, const Pool& pool,
                                  std::span<const float> factors) {
  const std::int64_t rows = latent_count(pool);
  const NumberType type = factors.empty() ? NumberType::kFloat32 : NumberType::kInt8;
  return get(key(MemoryKind::kProjection, pool.digest(), variant(Which::kGram, type)),
             rows * padded_width(rows) * 4, [&] {
               Matrix<float> gram = pool_gram(context, pool);
               for (std::size_t i = 0; i < factors.size(); ++i) {
                 float* row = gram.row(static_cast<std::int64_t>(i));
                 for (std::size_t j = 0; j < factors.size(); ++j) row[j] /= factors[i] * factors[j];
               }
               return table_of(gram.view());
             });
}

DeviceTablePtr DeviceTables::head(Context& context) {
  if (head_) return head_;
  const std::int64_t d = padded_width(context.model.hidden);
  const std::int64_t vocab = context.model.vocab;
  head_ =
      get(key(MemoryKind::kHead, context.model.fingerprint, 0), d * padded_width(vocab) * 4, [&] {
        Matrix<float> transposed(d, vocab);
        const MatrixView<const float> weight = context.head->weight.view();
        context.pool.run(context.model.hidden, 16, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t v = 0; v < vocab; ++v) {
            for (std::int64_t c = begin; c < end; ++c) {
              transposed.row(c)[v] = weight.at(v, c);
            }
          }
        });
        return table_of(transposed.view());
      });
  return head_;
}

DeviceTablePtr DeviceTables::side(Context& context, const Pool& pool, bool up) {
  const PoolInfo& info = pool.info();
  const NumberType type = context.options.composition;
  const std::int64_t cols = info.rank * padded_width(info.hidden);
  return get(
      key(MemoryKind::kPoolCopy, pool.digest(), variant(up ? Which::kUp : Which::kDown, type)),
      info.adapters * table_stride(cols, type) * bytes_of(type),
      [&] { return table_of_adapters(pool, up, type); });
}

std::vector<DevicePairPtr> DeviceTables::composed(Context& context,
                                                  const std::vector<const Group*>& groups,
                                                  kernels::cuda::Stream stream) {
  std::vector<DevicePairPtr> pairs(groups.size());
  std::map<Digest, std::vector<std::size_t>> missing;  // by pool
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Lease& lease = *groups[i]->lease;
    MemoryKey wanted = key(MemoryKind::kComposed, lease.pool->digest(),
                           variant(Which::kDown, context.options.composition));
    wanted.detail = lease.mask_digest;
    pairs[i] = std::static_pointer_cast<const DevicePair>(memory_->find(wanted));
    if (!pairs[i]) missing[lease.pool->digest()].push_back(i);
  }
  for (const auto& [pool, positions] : missing) {
    std::vector<const Group*> together;
    for (const std::size_t i : positions) together.push_back(groups[i]);
    const std::vector<DevicePairPtr> made = make(context, together, stream);
    for (std::size_t k = 0; k < positions.size(); ++k) {
      MemoryKey wanted =
          key(MemoryKind::kComposed, pool, variant(Which::kDown, context.options.composition));
      wanted.detail = together[k]->lease->mask_digest;
      LoadedMemory loaded;
      loaded.value = made[k];
      loaded.bytes = made[k]->block.bytes();
      loaded.tier = MemoryTier::kDevice;
      pairs[positions[k]] =
          std::static_pointer_cast<const DevicePair>(memory_->put(wanted, std::move(loaded)));
    }
  }
  return pairs;
}

std::vector<DevicePairPtr> DeviceTables::make(Context& context,
                                              const std::vector<const Group*>& groups,
                                              kernels::cuda::Stream stream) {
  const Pool& pool = *groups[0]->lease->pool;
  const PoolInfo& info = pool.info();
  const std::int64_t width = padded_width(info.hidden);
  const std::int64_t cols = info.rank * width;
  const std::int64_t count = std::ssize(groups);
  const std::int64_t side_bytes = cols * static_cast<std::int64_t>(sizeof(float));
  std::vector<std::shared_ptr<DevicePair>> pairs;
  for (std::int64_t i = 0; i < count; ++i) {
    auto pair = std::make_shared<DevicePair>(device_, 2 * side_bytes);
    auto* const at = static_cast<float*>(pair->block.data());
    const auto rows = [&](float* data) {
      return DeviceRows{data, kernels::cuda::Element::kFloat32, info.rank, info.hidden, width, 1};
    };
    pair->down = rows(at);
    pair->up = rows(at + cols);
    pairs.push_back(std::move(pair));
  }
  runtime_->wait(stream);  // nobody reads the lists of the last ones any more
  sums_.reserve(count * side_bytes);
  for (const bool up : {false, true}) {
    const DeviceTablePtr from = side(context, pool, up);
    const HostCsr masks = mask_lists(groups, up, from->factors);
    HostLists lists;
    const PlacedCsr placed = lists.add(masks);
    const std::int64_t workspace_at = lists.bytes();
    const kernels::cuda::Element type = from->rows.type;
    const std::int64_t workspace =
        kernels::cuda::compose_workspace(type, {nullptr, nullptr, nullptr, count, masks.entries()});
    lists_.reserve(workspace_at + workspace);
    runtime_->load(lists_.as<void>(), lists.data(), lists.bytes());
    auto* const base = lists_.as<std::byte>();
    kernels::cuda::compose(kernels::cuda::DeviceComposeCsr{from->rows,
                                                           placed.on_device(base),
                                                           {sums_.as<float>(), count, cols, cols},
                                                           {base + workspace_at, workspace}},
                           stream);
    for (std::int64_t i = 0; i < count; ++i) {
      auto* const to = static_cast<float*>(pairs[static_cast<std::size_t>(i)]->block.data());
      runtime_->copy_rows({up ? to + cols : to, cols, sums_.as<float>() + i * cols, cols, 1, cols},
                          stream);
    }
    runtime_->wait(stream);
  }
  return {pairs.begin(), pairs.end()};
}

}  // namespace pema::engine
