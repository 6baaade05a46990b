#include "pema/memory_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "kernels/tiled_rows.h"
#include "pema/error.h"
#include "src/core/object_file.h"
#include "src/engine/index_choice.h"
#include "src/engine/memory_size.h"

namespace pema {
namespace {

constexpr std::array kTypes = {NumberType::kFloat32, NumberType::kFloat16, NumberType::kBFloat16,
                               NumberType::kInt8};

/// One pool, and what would be made from it.
struct PoolSizes {
  PoolRecord record;
  std::int64_t bytes = 0;
  std::int64_t shared_rank = 0;
  std::int64_t vocab = 0;
  std::int64_t readers = 0;
  std::map<Digest, std::int64_t> composed;  ///< bytes, by mask
};

struct SegmentSizes {
  std::vector<SegmentRecord> contents;
  std::int64_t readers = 0;
};

struct IndexSizes {
  RecallIndexRecord record;
  std::int64_t readers = 0;
};

std::vector<std::span<const std::byte>> sections_of(const core::MappedFile& file,
                                                    const std::string& path) {
  return core::parse_object(file.bytes(), core::ObjectKind::kAdapterBlock, path).sections;
}

/// Reads headers; pages of the payload are left alone.
std::int64_t payload_bytes(const Store& store, const Digest& object) {
  const std::string path = store.object_path(object);
  const auto file = core::MappedFile::open(path);
  std::int64_t bytes = 0;
  for (const auto& section : sections_of(*file, path)) bytes += std::ssize(section);
  return bytes;
}

std::int64_t rows_of_shared(const Store& store, const PoolRecord& record) {
  if (record.shared_object.is_zero()) return 0;
  const std::string path = store.object_path(record.shared_object);
  const auto file = core::MappedFile::open(path);
  const auto sections = sections_of(*file, path);
  return sections.empty() ? 0 : std::ssize(sections[0]) / (4 * record.info.hidden);
}

std::int64_t composed_bytes(const PoolInfo& info, const ProfileMask& mask) {
  std::int64_t rows = info.rank;
  if (info.algebra == Algebra::kMixture) {
    const auto chosen = mask.soft()
                            ? std::count_if(mask.down_weights.begin(), mask.down_weights.end(),
                                            [](float weight) { return weight != 0.0F; })
                            : mask.down.popcount();
    rows *= chosen;
  }
  return 4 * (2 * rows * info.hidden + rows);
}

/// Everything that profiles need, each once.
class Gatherer {
 public:
  Gatherer(const Store& store, const IndexChoice& choice) : store_(store), choice_(choice) {
    for (const ModelRecord& model : store.models()) {
      vocab_[model.info.fingerprint] = model.info.vocab;
    }
  }

  void add(const ProfileRecord& profile, MemoryPlan& plan) {
    ++plan.profiles;
    std::int64_t lease = 0;
    if (profile.pool) {
      PoolSizes& pool = pool_of(profile);
      ++pool.readers;
      lease += pool.bytes;
      if (!profile.mask.none()) {
        pool.composed[profile.mask.digest()] = composed_bytes(pool.record.info, profile.mask);
      }
    }
    std::vector<SegmentRecord> records;
    for (const SegmentId id : profile.segments) {
      SegmentSizes& segment = segment_of(profile, id);
      ++segment.readers;
      for (const SegmentRecord& content : segment.contents) {
        lease += engine::segment_memory_bytes(content);
        records.push_back(content);
      }
    }
    if (const auto index = engine::choose_index(store_, records, choice_)) {
      IndexSizes& sizes = indexes_[index->id.value];
      sizes.record = *index;
      ++sizes.readers;
    }
    if (lease > plan.largest_lease || plan.profiles == 1) {
      plan.largest_lease = lease;
      plan.largest_profile = profile.name;
    }
  }

  [[nodiscard]] const auto& pools() const noexcept { return pools_; }
  [[nodiscard]] const auto& segments() const noexcept { return segments_; }
  [[nodiscard]] const auto& indexes() const noexcept { return indexes_; }

 private:
  PoolSizes& pool_of(const ProfileRecord& profile) {
    const auto [found, fresh] = pools_.try_emplace(profile.pool.value);
    PoolSizes& pool = found->second;
    if (!fresh) return pool;
    std::optional<PoolRecord> record = store_.find_pool(profile.pool);
    PEMA_CHECK(record.has_value(), kCorrupt, "profile '", profile.name, "' names a pool that ",
               store_.folder(), " does not hold; run pema verify and restore a backup");
    pool.record = *std::move(record);
    for (const Digest& block : pool.record.block_objects) {
      pool.bytes += payload_bytes(store_, block);
    }
    if (!pool.record.shared_object.is_zero()) {
      pool.bytes += payload_bytes(store_, pool.record.shared_object);
      pool.shared_rank = rows_of_shared(store_, pool.record);
    }
    pool.vocab = vocab_[pool.record.info.model];
    return pool;
  }

  SegmentSizes& segment_of(const ProfileRecord& profile, SegmentId id) {
    const auto [found, fresh] = segments_.try_emplace(id.value);
    if (fresh) {
      found->second.contents = store_.segment_list(id);
      PEMA_CHECK(!found->second.contents.empty(), kCorrupt, "profile '", profile.name,
                 "' names a segment that ", store_.folder(),
                 " does not hold; run pema verify and restore a backup");
    }
    return found->second;
  }

  const Store& store_;
  const IndexChoice& choice_;
  std::map<Digest, std::int64_t> vocab_;
  std::map<std::int64_t, PoolSizes> pools_;
  std::map<std::int64_t, SegmentSizes> segments_;
  std::map<std::int64_t, IndexSizes> indexes_;
};

std::string pool_name(const PoolRecord& record) {
  return message(record.name, " v", record.version);
}

std::int64_t projection_bytes(const PoolSizes& pool, NumberType type) {
  const PoolInfo& info = pool.record.info;
  return bytes_of(type) * (pool.shared_rank + info.adapters * info.rank) * pool.vocab;
}

void add_pools(const Gatherer& found, const MemoryPlanOptions& options, MemoryPlan& plan) {
  for (const auto& [id, pool] : found.pools()) {
    const PoolInfo& info = pool.record.info;
    const auto add = [&, &sizes = pool](MemoryKind kind, std::int64_t bytes) {
      plan.items.push_back(
          {kind, pool_name(sizes.record), sizes.record.digest, bytes, sizes.readers, false});
    };
    add(MemoryKind::kPool, pool.bytes);
    if (info.algebra == Algebra::kMixture) {
      add(MemoryKind::kProjection, projection_bytes(pool, options.projection));
    } else {
      add(MemoryKind::kPoolCopy,
          2 * kernels::TiledRows::bytes(info.adapters, info.rank * info.hidden,
                                        options.composition));
    }
    std::int64_t composed = 0;
    for (const auto& [mask, bytes] : pool.composed) composed += bytes;
    if (composed > 0) add(MemoryKind::kComposed, composed);
    plan.masks += std::ssize(pool.composed);
  }
}

/// "handbook", "handbook, part 3" of what was appended, the digest of a person's own.
std::string segment_name(const SegmentRecord& content, std::size_t place) {
  if (content.name.empty()) return content.digest.short_hex();
  return place == 0 ? content.name : message(content.name, ", part ", place + 1);
}

void add_segments(const Gatherer& found, MemoryPlan& plan) {
  for (const auto& [id, segment] : found.segments()) {
    for (std::size_t i = 0; i < segment.contents.size(); ++i) {
      const SegmentRecord& content = segment.contents[i];
      plan.items.push_back({MemoryKind::kSegment, segment_name(content, i), content.digest,
                            engine::segment_memory_bytes(content), segment.readers, false});
    }
  }
}

void add_indexes(const Gatherer& found, MemoryPlan& plan) {
  for (const auto& [id, index] : found.indexes()) {
    const RecallIndexRecord& record = index.record;
    plan.items.push_back({MemoryKind::kIndex, record.name, record.digest, record.memory_bytes,
                          index.readers, false});
  }
}

/// Whether a lease cannot do without it.
bool needed(MemoryKind kind) { return kind == MemoryKind::kPool || kind == MemoryKind::kSegment; }

int turn(MemoryKind kind) {
  if (needed(kind)) return 0;
  return kind == MemoryKind::kIndex ? 1 : 2;
}

void decide(MemoryPlan& plan) {
  std::stable_sort(plan.items.begin(), plan.items.end(),
                   [](const PlannedMemory& a, const PlannedMemory& b) {
                     return std::tuple(turn(a.kind), -a.readers, a.bytes) <
                            std::tuple(turn(b.kind), -b.readers, b.bytes);
                   });
  for (PlannedMemory& item : plan.items) {
    plan.bytes += item.bytes;
    item.fits = plan.fitting_bytes + item.bytes <= plan.budget_bytes;
    if (item.fits) plan.fitting_bytes += item.bytes;
  }
}

void decide_made(const Gatherer& found, MemoryPlan& plan) {
  std::int64_t mapped = 0;
  std::set<Digest> kept;
  std::int64_t room = plan.budget_bytes - plan.fitting_bytes;
  for (const PlannedMemory& item : plan.items) {
    if (!item.fits) continue;
    if (needed(item.kind)) mapped += item.bytes;
    if (item.kind == MemoryKind::kComposed) kept.insert(item.digest);
  }
  for (const auto& [id, pool] : found.pools()) {
    for (const auto& [mask, bytes] : pool.composed) {
      const bool with_all = kept.contains(pool.record.digest);
      if (!with_all && bytes > room) continue;
      ++plan.fitting_masks;
      if (!with_all) room -= bytes;
    }
    if (pool.record.info.algebra != Algebra::kMixture) continue;
    for (const NumberType type : kTypes) {
      const std::int64_t bytes = projection_bytes(pool, type);
      plan.projections.push_back(
          {pool_name(pool.record), type, bytes, mapped + bytes <= plan.budget_bytes});
    }
  }
}

}  // namespace

MemoryPlan plan_memory(const Store& store, std::span<const std::string> names,
                       const MemoryPlanOptions& options) {
  PEMA_CHECK(options.budget_bytes >= 0, kInvalidArgument, "a budget of ", options.budget_bytes,
             " bytes cannot be");
  MemoryPlan plan;
  plan.budget_bytes = options.budget_bytes;
  Gatherer found(store, options.indexes);
  for (const std::string& name : names) {
    const std::optional<ProfileRecord> profile = store.find_profile(name);
    PEMA_CHECK(profile.has_value(), kNotFound, "there is no profile '", name, "' in ",
               store.folder(), "; `pema profile ls` shows those there are");
    found.add(*profile, plan);
  }
  if (names.empty()) {
    std::string after;
    for (;;) {
      const std::vector<ProfileRecord> page = store.profiles(after);
      if (page.empty()) break;
      for (const ProfileRecord& profile : page) found.add(profile, plan);
      after = page.back().name;
    }
  }
  add_pools(found, options, plan);
  add_segments(found, plan);
  add_indexes(found, plan);
  decide(plan);
  decide_made(found, plan);
  return plan;
}

}  // namespace pema
