#include "tools/experiment/methods.h"

#include "pema/error.h"

namespace pema::tools {
namespace {

struct MethodText {
  std::string_view id;
  std::string_view label;
};

constexpr std::array<MethodText, kAllMethods.size()> kTexts = {{
    {"base", "base model"},
    {"own_adapter", "own adapter r 8, no pool"},
    {"shared", "shared adapter only"},
    {"random_separate", "shared + masks, untrained pool"},
    {"masks", "shared + masks"},
    {"shared_own_adapter", "shared + own adapter r 8"},
    {"masks_memory", "shared + masks + memory"},
}};

ProfileMask first_adapter() {
  ProfileMask mask;
  mask.down = BitMask::from_indices(1, std::vector<std::int64_t>{0});
  return mask;
}

/// A pool that belongs to one person: one adapter, alone or on top of the shared one.
PoolId own_pool(Workshop& shop, const std::string& name, const Pool* shared,
                const PersonMaterial& person, std::int64_t rank,
                const train::OptimiserOptions& options) {
  if (const auto found = shop.store.find_pool(name)) return found->id;
  std::shared_ptr<const AdapterBlock> base_block;
  if (shared != nullptr) base_block = shared->shared_block();
  const auto block = train::train_adapter(shop.base(), person.train.view(), person.dev.view(),
                                          base_block.get(), rank, options, shop.progress);
  PoolInfo info;
  info.model = shop.model.fingerprint;
  info.site = shop.site;
  return shop.store.put_pool(name, Pool(info, base_block, {block})).id;
}

}  // namespace

std::string_view method_id(Method method) { return kTexts.at(static_cast<std::size_t>(method)).id; }

std::string_view method_label(Method method) {
  return kTexts.at(static_cast<std::size_t>(method)).label;
}

Method parse_method(std::string_view id) {
  std::string known;
  for (const Method method : kAllMethods) {
    if (id == method_id(method)) return method;
    known += known.empty() ? "" : ", ";
    known += method_id(method);
  }
  fail(ErrorCode::kInvalidArgument, "'", id, "' is no method; there are: ", known);
}

std::string profile_name(Method method, std::string_view person) {
  return message(method_id(method), "/", person);
}

MethodOptions seeded_methods(std::uint64_t seed) {
  MethodOptions methods;
  methods.seed = seed;
  methods.pool.shared.seed = seed;
  methods.pool.joint.seed = seed;
  methods.own.seed = seed;
  methods.mask.optimiser.seed = seed;
  methods.random_mask.optimiser.seed = seed;
  return methods;
}

bool enrol_method(Workshop& shop, const Foundation& foundation, Method method,
                  const PersonMaterial& person, const MethodOptions& options) {
  if (method == Method::kBase) return false;
  const std::string name = profile_name(method, person.key);
  if (shop.store.find_profile(name)) return false;

  const auto keep = [&](PoolId pool, const ProfileMask& mask) {
    store_profile(shop, name, pool, mask, nullptr, {}, person.dev.view(), OnExisting::kRefuse);
  };
  EnrolOptions enrol;
  enrol.own_segment = false;
  switch (method) {
    case Method::kOwnAdapter:
      keep(own_pool(shop, name, nullptr, person, options.own_rank, options.own), first_adapter());
      break;
    case Method::kSharedOwnAdapter: {
      const auto shared = shop.store.load_pool(foundation.shared.id);
      keep(own_pool(shop, name, shared.get(), person, options.own_rank, options.own),
           first_adapter());
      break;
    }
    case Method::kShared:
      keep(foundation.shared.id, {});
      break;
    case Method::kRandomSeparate:
      enrol.mask = options.random_mask;
      enrol_person(shop, name, foundation.random, person, enrol);
      break;
    case Method::kMasks:
      enrol.mask = options.mask;
      enrol_person(shop, name, foundation.main, person, enrol);
      break;
    case Method::kMasksMemory: {
      // The mask is the one of `masks`: learning it again would give the same bits.
      enrol_method(shop, foundation, Method::kMasks, person, options);
      const auto masks = shop.store.find_profile(profile_name(Method::kMasks, person.key));
      PEMA_ASSERT(masks.has_value());
      const auto own = make_segment(shop.base(), person.train.view());
      store_profile(shop, name, foundation.main.id, masks->mask, own, {foundation.memory.id},
                    person.dev.view(), OnExisting::kRefuse);
      break;
    }
    case Method::kBase:
      break;
  }
  return true;
}

}  // namespace pema::tools
