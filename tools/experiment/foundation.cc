#include <chrono>
#include <cmath>

#include "pema/error.h"
#include "tools/experiment/methods.h"

namespace pema::tools {
namespace {

PoolInfo pool_info(const Workshop& shop, std::string recipe) {
  PoolInfo info;
  info.model = shop.model.fingerprint;
  info.site = shop.site;
  info.recipe = std::move(recipe);
  return info;
}

/// Trains the shared adapter and the pool over it, and stores both.
void train_main(Workshop& shop, std::span<const PersonMaterial* const> people,
                const MethodOptions& options, Foundation& foundation) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<train::PoolPerson> material;
  material.reserve(people.size());
  for (const PersonMaterial* person : people) {
    material.push_back({person->train.view(), person->dev.view()});
  }
  const train::PoolResult result =
      train::train_pool(shop.base(), material, options.pool, shop.progress);
  const std::string people_text = message("\"people\":", people.size());
  const auto recipe = [&](std::string_view method) {
    return message("{\"method\":\"", method, "\",", people_text,
                   ",\"seed\":", options.pool.joint.seed, "}");
  };
  foundation.shared = shop.store.put_pool(
      "shared", Pool(pool_info(shop, recipe("shared adapter")), result.shared, {}));
  foundation.main = shop.store.put_pool(
      "main", Pool(pool_info(shop, recipe("joint, hard masks, straight-through")), result.shared,
                   {result.adapters}));
  foundation.pool_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
  const SampleSet all = all_rows({people.begin(), people.end()}, &PersonMaterial::train);
  const auto segment = make_segment(shop.base(), all.view());
  PEMA_CHECK(segment != nullptr, kInvalidArgument, "the pool's people have no texts to learn from");
  return shop.store.put_segment(*segment, SegmentKind::kShared, std::string(kName));
}

}  // namespace

Foundation lay_foundation(Workshop& shop, std::span<const PersonMaterial* const> pool_people,
                          const MethodOptions& options) {
  Foundation foundation;
  const auto shared = shop.store.find_pool("shared");
  const auto main = shop.store.find_pool("main");
  if (shared && main) {
    foundation.shared = *shared;
    foundation.main = *main;
  } else {
    train_main(shop, pool_people, options, foundation);
  }
  foundation.random = random_pool(shop, foundation, options);
  foundation.memory = pool_memory(shop, pool_people);
  return foundation;
}

}  // namespace pema::tools
