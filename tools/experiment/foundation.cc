#include <chrono>
#include <functional>

#include "pema/error.h"
#include "tools/experiment/methods.h"
#include "tools/experiment/pool_gate.h"
#include "tools/experiment/pool_rows.h"

namespace pema::tools {
namespace {

PoolInfo pool_info(const Workshop& shop, std::string recipe) {
  PoolInfo info;
  info.model = shop.model.fingerprint;
  info.site = shop.site;
  info.recipe = std::move(recipe);
  return info;
}

/// The stored pool of this name, or what `train` makes of it; the seconds are those of `train`.
TrainedPool find_or_train(Workshop& shop, const std::string& name,
                          const std::function<Pool()>& train) {
  if (const auto found = shop.store.find_pool(name)) return {*found, 0};
  const auto start = std::chrono::steady_clock::now();
  TrainedPool trained{shop.store.put_pool(name, train()), 0};
  trained.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return trained;
}

std::string recipe_of(std::string_view method, std::span<const PersonMaterial* const> people,
                      const MethodOptions& options) {
  return message("{\"method\":\"", method, "\",\"people\":", people.size(),
                 ",\"seed\":", options.pool.joint.seed, "}");
}

PoolRecord random_pool(Workshop& shop, const Foundation& foundation, const MethodOptions& options) {
  if (const auto found = shop.store.find_pool("random_separate")) return *found;
  const auto shared = shop.store.load_pool(foundation.shared.id);
  PoolInfo info = pool_info(shop, "{\"method\":\"untrained\"}");
  info.algebra = Algebra::kSeparate;
  info.mask_scale = options.random_mask_scale;
  const auto block = train::random_adapters(options.random_adapters, options.random_rank,
                                            shop.model.hidden, options.seed);
  return shop.store.put_pool("random_separate", Pool(info, shared->shared_block(), {block}));
}

SegmentRecord pool_memory(Workshop& shop, std::span<const PersonMaterial* const> people) {
  constexpr std::string_view kName = "pool-people";
  if (const auto found = shop.store.find_segment(kName)) return *found;
  const SampleSet all = PoolRows(people, PoolParts::kTrainAndTest).train();
  const auto segment = make_segment(shop.base(), all.view());
  PEMA_CHECK(segment != nullptr, kInvalidArgument, "the pool's people have no texts to learn from");
  return shop.store.put_segment(*segment, SegmentKind::kShared, std::string(kName));
}

/// Of the pool people's keys, learnt and stored unless the store has it; null where they are too
/// few.
std::shared_ptr<const Codebook> pool_codebook(Workshop& shop,
                                              std::span<const PersonMaterial* const> people) {
  constexpr std::string_view kName = "pool-people";
  if (const auto found = shop.store.find_codebook(kName)) {
    return shop.store.load_codebook(found->digest);
  }
  const auto codebook = learn_pool_codebook(shop, people, PoolParts::kTrainAndTest);
  if (codebook != nullptr) (void)shop.store.put_codebook(*codebook, std::string(kName));
  return codebook;
}

}  // namespace

TrainedPool train_shared(Workshop& shop, std::span<const PersonMaterial* const> pool_people,
                         const MethodOptions& options) {
  return find_or_train(shop, "shared", [&] {
    train::PoolOptions only_shared = options.pool;
    only_shared.adapters = 0;
    only_shared.k = 0;
    const PoolRows rows(pool_people, PoolParts::kTrainAndTest);
    const train::PoolResult result =
        train::train_pool(shop.base(), rows.people(), only_shared, shop.progress);
    return Pool(pool_info(shop, recipe_of("shared adapter", pool_people, options)), result.shared,
                {});
  });
}

TrainedPool train_main(Workshop& shop, const PoolRecord& shared,
                       std::span<const PersonMaterial* const> pool_people,
                       const MethodOptions& options) {
  return find_or_train(shop, "main", [&] {
    const auto block = shop.store.load_pool(shared.id)->shared_block();
    const PoolRows rows(pool_people, PoolParts::kTrainAndTest);
    const train::PoolResult result =
        train::train_pool(shop.base(), rows.people(), options.pool, shop.progress, block);
    return Pool(
        pool_info(shop, recipe_of("joint, hard masks, straight-through", pool_people, options)),
        result.shared, {result.adapters});
  });
}

GatedPools train_gate(Workshop& shop, const PoolRecord& shared, const PoolRecord& main,
                      std::span<const PersonMaterial* const> pool_people,
                      const MethodOptions& options) {
  const TrainedPool gated = find_or_train(shop, "shared_gate", [&] {
    const auto codebook = pool_codebook(shop, pool_people);
    return add_gate(shop, *shop.store.load_pool(shared.id), pool_people,
                    {PoolParts::kTrainAndTest, {}, codebook, options.gate});
  });
  const TrainedPool over = find_or_train(shop, "main_gate", [&] {
    const auto pool = shop.store.load_pool(main.id);
    return Pool(pool->info(), pool->shared_block(), {pool->blocks().begin(), pool->blocks().end()},
                shop.store.load_pool(gated.pool.id)->gate());
  });
  return {gated.pool, over.pool, gated.seconds};
}

Foundation lay_foundation(Workshop& shop, const PoolRecord& shared, const PoolRecord& main,
                          const GatedPools& gated,
                          std::span<const PersonMaterial* const> pool_people,
                          const MethodOptions& options) {
  Foundation foundation;
  foundation.shared = shared;
  foundation.main = main;
  foundation.shared_gate = gated.shared;
  foundation.main_gate = gated.main;
  foundation.random = random_pool(shop, foundation, options);
  foundation.memory = pool_memory(shop, pool_people);
  foundation.codebook = pool_codebook(shop, pool_people);
  return foundation;
}

}  // namespace pema::tools
