// The only file of the engine that reads the store. Rows are read under a lock, for a Store is for
// one thread at a time; object files are mapped and checked without it.
#include <algorithm>
#include <iterator>
#include <mutex>

#include "pema/engine.h"
#include "pema/error.h"
#include "pema/memory_manager.h"
#include "pema/profile_reader.h"
#include "src/core/weak_shelf.h"
#include "src/engine/index_choice.h"
#include "src/engine/memory_size.h"

namespace pema {
namespace {

/// What a profile's row and the rows that it names say.
struct Rows {
  ProfileRecord profile;
  std::optional<PoolRecord> pool;
  std::vector<SegmentRecord> segments;  ///< every content of their lists
  std::optional<RecallIndexRecord> index;
  std::string missing;  ///< what is wrong when a row is not there; otherwise empty

  /// Whether `other` names the same objects.
  [[nodiscard]] bool same(const Rows& other) const {
    return profile.generation == other.profile.generation &&
           std::equal(segments.begin(), segments.end(), other.segments.begin(),
                      other.segments.end(), [](const SegmentRecord& a, const SegmentRecord& b) {
                        return a.id == b.id && a.version == b.version;
                      });
  }
};

}  // namespace

struct LeaseBook::Impl {
  const Store& store;
  ModelInfo model;
  std::shared_ptr<MemoryManager> memory;
  IndexChoice choice;
  std::mutex store_mutex;
  ProfileReader reader;
  core::WeakShelf<Pool> pools;
  core::WeakShelf<Segment> segments;
  core::WeakShelf<RecallIndex> indexes;

  void check_model(const ProfileRecord& profile, const Digest& made_for, const char* what) const {
    PEMA_CHECK(made_for == model.fingerprint, kMismatch, "profile '", profile.name, "': its ", what,
               " was made for base model ", made_for.hex(), ", but ", model.fingerprint.hex(), " (",
               model.name, ") is loaded; load that model or enrol the profile again");
  }

  /// As it is now: the reader holds no snapshot between two profiles, or it would hold up the
  /// erasure of a third one.
  ProfileRecord require_profile(std::string_view name) {
    ProfileRecord profile;
    bool found = false;
    try {
      found = reader.find(name, profile);
    } catch (const Error&) {
      reader.release();
      throw;
    }
    reader.release();
    PEMA_CHECK(found, kNotFound, "there is no profile '", name, "' in ", store.folder(),
               "; `pema profile ls` shows those there are");
    return profile;
  }

  /// The rows that a profile names; nothing in the place of one that is gone.
  Rows rows_of(ProfileRecord profile) const {
    Rows rows{std::move(profile), {}, {}, {}, {}};
    const auto missing = [&](const char* what, std::int64_t id) {
      rows.missing =
          message("profile '", rows.profile.name, "' names ", what, " ", id, ", which ",
                  store.folder(), " does not hold; run pema verify and restore a backup");
    };
    if (rows.profile.pool) {
      rows.pool = store.find_pool(rows.profile.pool);
      if (!rows.pool) missing("pool", rows.profile.pool.value);
    }
    for (const SegmentId id : rows.profile.segments) {
      std::vector<SegmentRecord> list = store.segment_list(id);
      if (list.empty()) missing("segment", id.value);
      std::move(list.begin(), list.end(), std::back_inserter(rows.segments));
    }
    rows.index = engine::choose_index(store, rows.segments, choice);
    return rows;
  }

  Rows read_rows(std::string_view name) {
    const std::lock_guard lock(store_mutex);
    Rows rows = rows_of(require_profile(name));
    // Each row is a transaction of its own. When another connection replaced the profile between
    // them, a segment's number may be gone, or by now be somebody else's.
    for (ProfileRecord now = require_profile(name); now.generation != rows.profile.generation;
         now = require_profile(name)) {
      rows = rows_of(std::move(now));
    }
    if (!rows.missing.empty()) fail(ErrorCode::kCorrupt, rows.missing);
    if (rows.pool) check_model(rows.profile, rows.pool->info.model, "pool");
    for (const SegmentRecord& record : rows.segments) {
      check_model(rows.profile, record.info.model, "segment");
    }
    return rows;
  }

  MemoryRequest request_of(const PoolRecord& record) const {
    MemoryRequest request;
    request.key = {.kind = MemoryKind::kPool, .digest = record.digest};
    request.load = [this, &record] {
      std::shared_ptr<const Pool> pool = store.load_pool(record);
      LoadedMemory loaded;
      loaded.bytes = pool->bytes();
      loaded.tier = MemoryTier::kDisk;
      loaded.value = std::move(pool);
      return loaded;
    };
    const PoolInfo& info = record.info;  // the shared adapter's rank is known only in its object
    request.bytes = info.adapters * (2 * info.rank * info.hidden + 1) *
                    static_cast<std::int64_t>(sizeof(float));
    return request;
  }

  MemoryRequest request_of(const SegmentRecord& record) const {
    MemoryRequest request;
    request.key = {.kind = MemoryKind::kSegment, .digest = record.digest};
    request.bytes = engine::segment_memory_bytes(record);
    request.load = [this, &record] {
      LoadedMemory loaded;
      loaded.value = store.load_segment(record);
      loaded.code_bytes = engine::segment_code_bytes(record.info);
      loaded.bytes = engine::segment_memory_bytes(record);
      loaded.tier = MemoryTier::kDisk;
      return loaded;
    };
    return request;
  }

  MemoryRequest request_of(const RecallIndexRecord& record) const {
    MemoryRequest request;
    request.key = {.kind = MemoryKind::kIndex, .digest = record.digest};
    request.bytes = record.memory_bytes;
    request.load = [this, &record] {
      LoadedMemory loaded;
      loaded.value = store.load_index(record);
      loaded.bytes = record.memory_bytes;
      return loaded;
    };
    return request;
  }

  /// The index that was chosen for the rows. A lease can do without: what goes wrong is told in it.
  LeaseIndex open_index(const Rows& rows) {
    LeaseIndex lease;
    if (!rows.index) {
      if (choice.use == IndexChoice::Use::kNamed && !rows.segments.empty()) {
        lease.trouble = message("index '", choice.name, "' holds no segment of profile '",
                                rows.profile.name, "'; they are scanned");
      }
      return lease;
    }
    const RecallIndexRecord& record = *rows.index;
    try {
      lease.index = memory ? memory->acquire_as<RecallIndex>(request_of(record))
                           : indexes.get(record.digest, [&] { return store.load_index(record); });
      lease.name = record.name;
      lease.wanted_recall = choice.wanted_recall.value_or(record.wanted_recall);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInternal) throw;
      const std::lock_guard lock(store_mutex);
      const auto now = store.find_index(record.name);
      // Removed meanwhile, or built anew: no trouble, the next lease will know.
      if (!now || now->digest != record.digest) return lease;
      lease.trouble = message("index '", record.name, "' is not used: ", error.what());
      lease.cause = error.code();
    }
    return lease;
  }

  std::shared_ptr<const Lease> open(const Rows& rows) {
    const ProfileRecord& profile = rows.profile;
    auto lease = std::make_shared<Lease>();
    lease->profile = profile.id;
    lease->name = profile.name;
    lease->generation = profile.generation;
    lease->mask = profile.mask;
    lease->mask_digest = profile.mask.digest();
    lease->schedule = profile.schedule;
    if (rows.pool) {
      lease->pool = memory
                        ? memory->acquire_as<Pool>(request_of(*rows.pool))
                        : pools.get(rows.pool->digest, [&] { return store.load_pool(*rows.pool); });
      if (profile.schedule.gate) lease->gate = lease->pool->gate();
    }
    PEMA_CHECK(!profile.schedule.gate || lease->gate != nullptr, kCorrupt, "profile '",
               profile.name,
               "' is weighed by its pool's gate, and its pool has none; run pema verify, or switch "
               "the gate off with `pema profile set --no-gate`");
    for (const SegmentRecord& record : rows.segments) {
      const bool own = record.kind == SegmentKind::kOwn;
      auto& list = own ? lease->own : lease->shared;
      if (!own && record.position == 0) lease->lists.push_back({record.id, record.version, 0});
      if (!own) ++lease->lists.back().contents;
      list.push_back(memory
                         ? memory->acquire_as<Segment>(request_of(record))
                         : segments.get(record.digest, [&] { return store.load_segment(record); }));
    }
    lease->index = open_index(rows);
    return lease;
  }
};

LeaseBook::LeaseBook(const Store& store, const ModelInfo& model,
                     std::shared_ptr<MemoryManager> memory, IndexChoice indexes)
    : impl_(new Impl{store,
                     model,
                     std::move(memory),
                     std::move(indexes),
                     {},
                     ProfileReader::open(store.folder(), {.key = store.master_key()}),
                     {},
                     {},
                     {}}) {
  const double wanted = impl_->choice.wanted_recall.value_or(1.0);
  PEMA_CHECK(wanted > 0.0 && wanted <= 1.0, kInvalidArgument, "a wanted recall of ", wanted,
             " makes no sense; use one in (0, 1]");
}

LeaseBook::~LeaseBook() = default;

std::shared_ptr<const Lease> LeaseBook::acquire(std::string_view name) {
  impl_->pools.sweep();
  impl_->segments.sweep();
  impl_->indexes.sweep();
  for (;;) {
    const Rows rows = impl_->read_rows(name);
    try {
      return impl_->open(rows);
    } catch (const Error& error) {
      // Another process may have replaced or removed the profile, or changed a list that it reads,
      // and their objects, meanwhile.
      if (error.code() != ErrorCode::kNotFound) throw;
      if (impl_->read_rows(name).same(rows)) throw;
    }
  }
}

std::int64_t LeaseBook::prefetch(std::span<const std::string> names) {
  if (!impl_->memory) return 0;
  std::int64_t there = 0;
  for (const std::string& name : names) {
    const Rows rows = impl_->read_rows(name);
    std::vector<MemoryRequest> requests;
    if (rows.pool) requests.push_back(impl_->request_of(*rows.pool));
    for (const SegmentRecord& record : rows.segments) {
      requests.push_back(impl_->request_of(record));
    }
    if (rows.index) requests.push_back(impl_->request_of(*rows.index));
    const MemoryPrefetch done = impl_->memory->prefetch(requests);
    there += done.loaded + done.held;
  }
  return there;
}

}  // namespace pema
