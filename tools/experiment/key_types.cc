#include "tools/experiment/key_types.h"

#include "pema/error.h"
#include "tools/experiment/scoring.h"

namespace pema::tools {
namespace {

KeyChoice choice_of(const Foundation& foundation, KeyType type) {
  if (type != KeyType::kProductQuantised) return {type, nullptr};
  PEMA_CHECK(foundation.codebook != nullptr, kInvalidArgument,
             "the pool's people have too few texts for a codebook of product-quantised keys; take "
             "more people (--people), or leave pq out");
  return {type, foundation.codebook};
}

/// The person's profile under `method` with own keys of that type; its name.
std::string enrol(Workshop& shop, const Foundation& foundation, Method method,
                  const PersonMaterial& person, const MethodOptions& options,
                  const KeyChoice& choice) {
  // The method's own profiles have the masks and, in float32, all of it.
  (void)enrol_method(shop, foundation, method, person, options);
  if (choice.type == KeyType::kFloat32) return profile_name(method, person.key, options.refit);
  const std::string name = message(method_id(method), "_", to_string(choice.type), "/", person.key);
  if (shop.store.find_profile(name)) return refit_name(name, options.refit);
  const auto all = shop.store.find_profile(profile_name(method, person.key));
  const train::RefitMask mask = stored_masks(shop.store, method, person);
  RefitParts parts{{all->pool, mask.held_out, nullptr}, {all->pool, mask.all, nullptr}};
  add_own_segments(shop, parts, person, choice);
  store_both(shop, name, parts, {foundation.memory.id}, person.dev.view(), all->schedule.gate);
  return refit_name(name, options.refit);
}

double nll_of(Walk& walk, Method method, const KeyChoice& choice) {
  Workshop shop = walk.shop();
  double sum = 0;
  std::int64_t rows = 0;
  const std::string stage = message(method_id(method), ", own keys in ", to_string(choice.type));
  const auto people = walk.new_people();
  for (std::size_t i = 0; i < people.size(); ++i) {
    checkpoint(shop.progress, stage, static_cast<std::int64_t>(i), std::ssize(people), "people");
    const std::string name =
        enrol(shop, walk.foundation(), method, *people[i], walk.methods(), choice);
    const ScoredRows scored(people[i]->test.view(), shop.head, shop.threads);
    sum += scored.nll_sum(shop.engine, shop.leases.acquire(name).get());
    rows += scored.rows();
  }
  checkpoint(shop.progress, stage, std::ssize(people), std::ssize(people), "people");
  return sum / static_cast<double>(rows);
}

}  // namespace

nlohmann::ordered_json evaluate_key_types(Walk& walk, std::span<const KeyType> types,
                                          double base_nll) {
  const double plain = nll_of(walk, Method::kMasksMemory, {});
  const double plain_gate = nll_of(walk, Method::kMasksMemoryGate, {});
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const KeyType type : types) {
    Workshop shop = walk.shop();
    const KeyChoice choice = choice_of(walk.foundation(), type);
    SegmentInfo info;
    info.hidden = shop.model.hidden;
    info.keys = type;
    info.parts = choice.codebook != nullptr ? choice.codebook->info().parts : 0;
    const bool same = type == KeyType::kFloat32;
    const double nll = same ? plain : nll_of(walk, Method::kMasksMemory, choice);
    const double gate = same ? plain_gate : nll_of(walk, Method::kMasksMemoryGate, choice);
    results.push_back({{"keys", to_string(type)},
                       {"key_bytes", key_bytes(info)},
                       {"nll", nll},
                       {"gain", base_nll - nll},
                       {"worse_than_f32", nll - plain},
                       {"nll_gate", gate},
                       {"gain_gate", base_nll - gate},
                       {"worse_than_f32_gate", gate - plain_gate}});
  }
  return results;
}

}  // namespace pema::tools
