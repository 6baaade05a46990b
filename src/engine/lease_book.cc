// The only file of the engine that reads the store.
#include <map>

#include "pema/engine.h"
#include "pema/error.h"

namespace pema {
namespace {

/// What is mapped already, by content, as long as a lease holds it.
template <typename T>
class WeakShelf {
 public:
  template <typename Load>
  std::shared_ptr<const T> get(const Digest& digest, const Load& load) {
    std::weak_ptr<const T>& slot = shelf_[digest];
    std::shared_ptr<const T> held = slot.lock();
    if (!held) {
      held = load();
      slot = held;
    }
    return held;
  }
  /// Forgets what nobody holds any more.
  void sweep() {
    std::erase_if(shelf_, [](const auto& item) { return item.second.expired(); });
  }

 private:
  std::map<Digest, std::weak_ptr<const T>> shelf_;
};

}  // namespace

struct LeaseBook::Impl {
  const Store& store;
  ModelInfo model;
  WeakShelf<Pool> pools;
  WeakShelf<Segment> segments;

  void check_model(const ProfileRecord& profile, const Digest& made_for, const char* what) const {
    PEMA_CHECK(made_for == model.fingerprint, kMismatch, "profile '", profile.name, "': its ", what,
               " was made for base model ", made_for.hex(), ", but ", model.fingerprint.hex(), " (",
               model.name, ") is loaded; load that model or enrol the profile again");
  }

  void add_pool(const ProfileRecord& profile, Lease& lease) {
    const std::optional<PoolRecord> record = store.find_pool(profile.pool);
    PEMA_CHECK(record.has_value(), kCorrupt, "profile '", profile.name, "' names pool ",
               profile.pool.value, ", which ", store.folder(),
               " does not hold; run pema verify and restore a backup");
    check_model(profile, record->info.model, "pool");
    lease.pool = pools.get(record->digest, [&] { return store.load_pool(profile.pool); });
    if (profile.schedule.gate) lease.gate = lease.pool->gate();
  }

  void add_segment(const ProfileRecord& profile, SegmentId id, Lease& lease) {
    const std::optional<SegmentRecord> record = store.find_segment(id);
    PEMA_CHECK(record.has_value(), kCorrupt, "profile '", profile.name, "' names segment ",
               id.value, ", which ", store.folder(),
               " does not hold; run pema verify and restore a backup");
    check_model(profile, record->info.model, "segment");
    auto& list = record->kind == SegmentKind::kOwn ? lease.own : lease.shared;
    list.push_back(segments.get(record->digest, [&] { return store.load_segment(id); }));
  }
};

LeaseBook::LeaseBook(const Store& store, const ModelInfo& model)
    : impl_(new Impl{store, model, {}, {}}) {}

LeaseBook::~LeaseBook() = default;

std::shared_ptr<const Lease> LeaseBook::acquire(std::string_view name) {
  const std::optional<ProfileRecord> profile = impl_->store.find_profile(name);
  PEMA_CHECK(profile.has_value(), kNotFound, "there is no profile '", name, "' in ",
             impl_->store.folder(), "; `pema profile list` shows those there are");
  impl_->pools.sweep();
  impl_->segments.sweep();
  auto lease = std::make_shared<Lease>();
  lease->profile = profile->id;
  lease->name = profile->name;
  lease->generation = profile->generation;
  lease->mask = profile->mask;
  lease->mask_digest = profile->mask.digest();
  lease->schedule = profile->schedule;
  if (profile->pool) impl_->add_pool(*profile, *lease);
  PEMA_CHECK(!profile->schedule.gate || lease->gate != nullptr, kCorrupt, "profile '",
             profile->name,
             "' is weighed by its pool's gate, and its pool has none; run pema "
             "verify, or switch the gate off with `pema profile set --no-gate`");
  for (const SegmentId id : profile->segments) impl_->add_segment(*profile, id, *lease);
  return lease;
}

}  // namespace pema
