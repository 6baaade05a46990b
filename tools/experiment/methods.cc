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
    {"shared_shared_memory", "shared + shared memory"},
    {"masks_shared_memory", "shared + masks + shared memory"},
    {"shared_own_memory", "shared + own memory"},
    {"shared_memory", "shared + memory"},
    {"shared_gate", "shared adapter only, gate"},
    {"masks_gate", "shared + masks, gate"},
    {"shared_shared_memory_gate", "shared + shared memory, gate"},
    {"masks_shared_memory_gate", "shared + masks + shared memory, gate"},
    {"shared_own_memory_gate", "shared + own memory, gate"},
    {"shared_memory_gate", "shared + memory, gate"},
    {"masks_memory_gate", "shared + masks + memory, gate"},
}};

ProfileMask first_adapter() {
  ProfileMask mask;
  mask.down = BitMask::from_indices(1, std::vector<std::int64_t>{0});
  return mask;
}

/// Two pools that belong to one person: one adapter each, alone or on top of the shared one.
RefitParts own_adapters(Workshop& shop, const std::string& name, const Pool* shared,
                        const PersonMaterial& person, std::int64_t rank,
                        const train::OptimiserOptions& options) {
  std::shared_ptr<const AdapterBlock> base_block;
  if (shared != nullptr) base_block = shared->shared_block();
  const train::RefitAdapter adapter =
      train::refit_adapter(shop.base(), person.train.view(), person.dev.view(), base_block.get(),
                           rank, options, shop.progress);
  PoolInfo info;
  info.model = shop.model.fingerprint;
  info.site = shop.site;
  const auto store = [&](const std::shared_ptr<const AdapterBlock>& block, bool refit) {
    const PoolRecord pool =
        shop.store.put_pool(refit_name(name, refit), Pool(info, base_block, {block}));
    return PersonParts{pool.id, first_adapter(), nullptr};
  };
  return {store(adapter.held_out, false), store(adapter.all, true)};
}

}  // namespace

MethodParts method_parts(Method method) {
  const auto parts = [&](bool masks, bool own, bool shared, Method ungated) {
    return MethodParts{masks, own, shared, ungated};
  };
  switch (method) {
    case Method::kShared:
    case Method::kSharedGate:
      return parts(false, false, false, Method::kShared);
    case Method::kMasks:
    case Method::kMasksGate:
      return parts(true, false, false, Method::kMasks);
    case Method::kSharedSharedMemory:
    case Method::kSharedSharedMemoryGate:
      return parts(false, false, true, Method::kSharedSharedMemory);
    case Method::kMasksSharedMemory:
    case Method::kMasksSharedMemoryGate:
      return parts(true, false, true, Method::kMasksSharedMemory);
    case Method::kSharedOwnMemory:
    case Method::kSharedOwnMemoryGate:
      return parts(false, true, false, Method::kSharedOwnMemory);
    case Method::kSharedMemory:
    case Method::kSharedMemoryGate:
      return parts(false, true, true, Method::kSharedMemory);
    case Method::kMasksMemory:
    case Method::kMasksMemoryGate:
      return parts(true, true, true, Method::kMasksMemory);
    default:
      return parts(false, false, false, method);
  }
}

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

std::string profile_name(Method method, std::string_view person, bool refit) {
  return refit_name(message(method_id(method), "/", person), refit);
}

std::string refit_name(const std::string& name, bool refit) {
  return refit ? name : name + "/held_out";
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

void store_both(Workshop& shop, const std::string& name, const RefitParts& parts,
                const std::vector<SegmentId>& shared, const Samples& dev, bool gate) {
  const LambdaSchedule schedule = tune_lambdas(shop, parts.held_out, shared, dev, gate);
  shop.store.put_profiles(
      std::array{make_draft(refit_name(name, false), parts.held_out, shared, schedule),
                 make_draft(name, parts.all, shared, schedule)});
}

train::RefitMask stored_masks(const Store& store, Method method, const PersonMaterial& person) {
  const auto held_out = store.find_profile(profile_name(method, person.key, false));
  const auto all = store.find_profile(profile_name(method, person.key));
  PEMA_ASSERT(held_out.has_value() && all.has_value());
  return {held_out->mask, all->mask};
}

void add_own_segments(Workshop& shop, RefitParts& parts, const PersonMaterial& person,
                      const KeyChoice& choice) {
  parts.held_out.own = make_segment(shop.base(), person.train.view(), choice);
  parts.all.own = make_segment(shop.base(), older_rows(person).view(), choice);
}

namespace {

/// A method that joins masks and memories, from the person's profiles under `masks`: learning the
/// masks again would give the same bits.
void enrol_parts(Workshop& shop, const Foundation& foundation, const std::string& name,
                 const MethodParts& parts, const PersonMaterial& person,
                 const MethodOptions& options) {
  train::RefitMask mask;
  if (parts.masks) {
    enrol_method(shop, foundation, Method::kMasks, person, options);
    mask = stored_masks(shop.store, Method::kMasks, person);
  }
  std::vector<SegmentId> shared;
  if (parts.shared_memory) shared.push_back(foundation.memory.id);
  const PoolId pool = parts.masks ? foundation.main.id : foundation.shared.id;
  RefitParts both{{pool, mask.held_out, nullptr}, {pool, mask.all, nullptr}};
  if (parts.own_memory) add_own_segments(shop, both, person);
  store_both(shop, name, both, shared, person.dev.view());
}

/// The same profiles under the gate; their lambdas stay for the day the gate is switched off.
void enrol_gated(Workshop& shop, const Foundation& foundation, const std::string& name,
                 Method ungated, const PersonMaterial& person, const MethodOptions& options) {
  enrol_method(shop, foundation, ungated, person, options);
  std::vector<ProfileDraft> drafts;
  for (const bool refit : {false, true}) {
    const auto plain = shop.store.find_profile(profile_name(ungated, person.key, refit));
    PEMA_ASSERT(plain.has_value());
    ProfileDraft& draft = drafts.emplace_back();
    draft.name = refit_name(name, refit);
    draft.pool = method_parts(ungated).masks ? foundation.main_gate.id : foundation.shared_gate.id;
    draft.mask = plain->mask;
    draft.schedule = plain->schedule;
    draft.schedule.gate = true;
    draft.segments = plain->segments;
  }
  shop.store.put_profiles(drafts);
}

}  // namespace

bool enrol_method(Workshop& shop, const Foundation& foundation, Method method,
                  const PersonMaterial& person, const MethodOptions& options) {
  if (method == Method::kBase) return false;
  const std::string name = profile_name(method, person.key);
  if (shop.store.find_profile(name)) return false;

  const auto keep = [&](const RefitParts& parts) {
    store_both(shop, name, parts, {}, person.dev.view());
  };
  const auto learn = [&](const PoolRecord& pool, const train::MaskOptions& recipe) {
    const train::RefitMask mask = learn_person_mask(shop, pool, person, recipe);
    keep({{pool.id, mask.held_out, nullptr}, {pool.id, mask.all, nullptr}});
  };
  const MethodParts parts = method_parts(method);
  if (parts.ungated != method) {
    enrol_gated(shop, foundation, name, parts.ungated, person, options);
    return true;
  }
  switch (method) {
    case Method::kOwnAdapter:
      keep(own_adapters(shop, name, nullptr, person, options.own_rank, options.own));
      break;
    case Method::kSharedOwnAdapter: {
      const auto shared = shop.store.load_pool(foundation.shared.id);
      keep(own_adapters(shop, name, shared.get(), person, options.own_rank, options.own));
      break;
    }
    case Method::kShared:
      keep({{foundation.shared.id, {}, nullptr}, {foundation.shared.id, {}, nullptr}});
      break;
    case Method::kRandomSeparate:
      learn(foundation.random, options.random_mask);
      break;
    case Method::kMasks:
      learn(foundation.main, options.mask);
      break;
    case Method::kBase:
      break;
    default:
      enrol_parts(shop, foundation, name, parts, person, options);
  }
  return true;
}

}  // namespace pema::tools
