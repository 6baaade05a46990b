#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <utility>

#include "pema/erasure.h"
#include "profiles/backup_search.h"
#include "profiles/sqlite/clean_memory.h"
#include "profiles/sqlite/page_gap.h"
#include "profiles/staging_folder.h"
#include "profiles/store_impl.h"

namespace pema {
namespace {

using profiles::Registry;

/// What the store does beside its registry.
struct Hooks {
  /// Digest of the person's mask, where somebody wants to know.
  std::function<std::vector<Digest>()> mask;
  /// Deletes files and tells who keeps content in memory.
  std::function<void(std::span<const Digest> masks)> finish;
  /// Whether she is still to be erased; empty: yes.
  std::function<bool(const ProfileRecord&)> still;
};

/// What a server keeps and no statement takes away.
ErasedPlace kept_by_server(ErasurePlace place, const char* note) {
  return {.place = place, .state = ErasureState::kKept, .note = note};
}

/// One profile on its way out of one store.
class Erasure {
 public:
  Erasure(const Hooks& hooks, Registry& registry, std::string_view name)
      : hooks_(hooks), registry_(registry), name_(name) {}

  ErasureReceipt run(const std::vector<std::string>& backups) {
    registry_.require(Role::kAdmin);
    clean_old_pages();
    if (!erase_rows()) return std::move(receipt_);
    sweep();
    add(log());
    add(free_space());
    add(files(ErasurePlace::kObjects, own_objects_));
    add(files(ErasurePlace::kIndexes, indexes_));
    add(keys());
    add(memory());
    for (ErasedPlace& place : profiles::BackupSearch(registry_, name_).run(backups)) {
      add(std::move(place));
    }
    profiles::sqlite::clear_dead_stack();
    return std::move(receipt_);
  }

 private:
  struct Object {
    Digest digest;
    std::int64_t bytes = 0;
  };

  void add(ErasedPlace place) { receipt_.places.push_back(std::move(place)); }

  /// Once in the life of a store that an older program wrote: every page anew.
  void clean_old_pages() {
    if (registry_.file() == nullptr || registry_.leaving("clean") != 0) return;
    registry_.file()->execute("VACUUM");
    registry_.write([&] { registry_.set_leaving("clean", 1); });
    swept_file_ = true;
  }

  /// False when it was not to be done after all.
  bool erase_rows() {
    bool removed = false;
    bool forgotten = false;
    bool wanted = false;
    registry_.write([&] { wanted = erase_rows(removed, forgotten); });
    if (!wanted) return false;
    // A name that was removed before leaves its hash alone.
    add({.place = ErasurePlace::kRows,
         .state = removed || forgotten ? ErasureState::kErased : ErasureState::kNothing,
         .items = (removed ? 1 : 0) + (forgotten ? 1 : 0)});
    return true;
  }

  /// Of one attempt: what an earlier one noted is forgotten.
  bool erase_rows(bool& removed, bool& forgotten) {
    receipt_ = {};
    own_objects_.clear();
    indexes_.clear();
    const std::set<Digest> doomed_before = doomed();
    const std::int64_t keys_before = doomed_keys();
    std::set<Digest> own;
    const std::optional<ProfileRecord> record = registry_.find_profile(name_);
    if (hooks_.still && (!record || !hooks_.still(*record))) return false;
    if (record) {
      receipt_.found = true;
      if (record->mask.size() > 0) receipt_.in_memory.push_back(record->mask.digest());
      own = own_digests(*record);
    }
    masks_ = hooks_.mask();
    removed = registry_.remove_profile(name_);
    forgotten = registry_.forget_removed_name(name_);
    if (registry_.file() != nullptr) registry_.set_leaving("log", 1);
    if (removed || forgotten) receipt_.event = registry_.note(AuditKind::kErased, 1);
    for (const Digest& digest : doomed()) {
      if (doomed_before.contains(digest)) continue;
      (own.contains(digest) ? own_objects_ : indexes_)
          .push_back({digest, registry_.objects().bytes(digest)});
      receipt_.in_memory.push_back(digest);
    }
    keys_ = doomed_keys() - keys_before;
    return true;
  }

  std::int64_t doomed_keys() {
    return registry_.database().integer("SELECT count(*) FROM doomed_key");
  }

  std::set<Digest> doomed() {
    std::set<Digest> objects;
    profiles::sql::Query row = registry_.database().query("SELECT object FROM doomed");
    while (row->step()) objects.insert(row->digest(0));
    return objects;
  }

  /// Of her own segments, and of the codebooks that came with them.
  std::set<Digest> own_digests(const ProfileRecord& record) {
    std::set<Digest> digests;
    for (const SegmentId id : record.segments) {
      const std::optional<SegmentRecord> segment = registry_.find_segment(id);
      if (!segment || segment->kind != SegmentKind::kOwn) continue;
      digests.insert(segment->digest);
      if (!segment->info.codebook.is_zero()) digests.insert(segment->info.codebook);
    }
    return digests;
  }

  /// The rows are gone already: an error here is told by the receipt.
  void sweep() {
    try {
      hooks_.finish(masks_);
      // What killed writers were making may be hers too.
      registry_.objects().sweep();
      profiles::StagingFolder::sweep(registry_.folder());
    } catch (const Error& error) {
      sweep_error_ = error.what();
    }
  }

  ErasedPlace files(ErasurePlace place, const std::vector<Object>& objects) {
    ErasedPlace entry{.place = place};
    for (const Object& object : objects) {
      ++entry.items;
      entry.bytes += object.bytes;
      if (!registry_.objects().contains(object.digest)) {
        if (entry.state == ErasureState::kNothing) entry.state = ErasureState::kErased;
      } else if (registry_.names_object(object.digest)) {
        entry.state = ErasureState::kKept;
        entry.note = "a shared segment has the same content; remove it as well if it is hers";
      } else {
        entry.state = ErasureState::kPending;
        entry.note = sweep_error_.empty()
                         ? "a backup is being written; the next writing call deletes the files"
                         : sweep_error_;
      }
    }
    return entry;
  }

  ErasedPlace keys() {
    ErasedPlace entry{.place = ErasurePlace::kKeys, .items = keys_};
    if (doomed_keys() > 0) {
      entry.state = ErasureState::kPending;
      entry.note =
          "keys.db is missing, or somebody who reads it keeps its log; the next writing "
          "call or finish_erasures deletes the keys";
    } else if (keys_ > 0) {
      entry.state = ErasureState::kErased;
      entry.note =
          "what backups of the store have of her cannot be read any more; delete her keys "
          "from backups of keys.db as well, by making a new one in their place";
    }
    return entry;
  }

  ErasedPlace log() {
    if (registry_.file() == nullptr) {
      return kept_by_server(ErasurePlace::kLog,
                            "PostgreSQL's write-ahead log holds the deleted rows until it is "
                            "recycled, its archive and base backups as long as they are kept");
    }
    if (registry_.empty_erased_log()) {
      return {.place = ErasurePlace::kLog, .state = ErasureState::kErased};
    }
    return {.place = ErasurePlace::kLog,
            .state = ErasureState::kPending,
            .note =
                "somebody who reads the store keeps its log; when that has ended, the next "
                "opening for writing, the next erasure or finish_erasures empties it"};
  }

  ErasedPlace free_space() {
    if (registry_.file() == nullptr) {
      return kept_by_server(ErasurePlace::kFreeSpace,
                            "deleted rows stay in PostgreSQL's pages until others take their room; "
                            "VACUUM FULL profile, profile_name writes the tables anew");
    }
    ErasedPlace entry{.place = ErasurePlace::kFreeSpace, .state = ErasureState::kErased};
    entry.note = swept_file_
                     ? "the whole file was written anew, once, because an older program had "
                       "written it"
                     : "deleted rows and unused room in pages are zeroed as they are written";
    std::error_code absent;
    if (std::filesystem::file_size(registry_.database().path(), absent) >=
        profiles::sqlite::kMostCleanBytes) {
      entry.state = ErasureState::kPending;
      entry.note = "unused room in pages of so large a file is not zeroed; run VACUUM on it";
    }
    return entry;
  }

  ErasedPlace memory() {
    if (registry_.file() == nullptr) {
      return kept_by_server(ErasurePlace::kStoreMemory,
                            "freed memory of libpq is not zeroed; it goes with the process");
    }
    ErasedPlace entry{.place = ErasurePlace::kStoreMemory, .state = ErasureState::kErased};
    entry.note = "a ProfileReader forgets her as soon as it looks anybody up or is refreshed";
    try {
      registry_.file()->renew();
      if (registry_.has_keys()) registry_.keys().renew();
    } catch (const Error& error) {
      entry.state = ErasureState::kPending;
      entry.note = message("until this Store is closed: ", error.what());
    }
    if (!profiles::sqlite::use_clean_memory()) {
      entry.state = ErasureState::kKept;
      entry.note =
          "freed memory of SQLite is not zeroed, because the program used SQLite before it "
          "opened a store; it goes with the process";
    }
    return entry;
  }

  const Hooks& hooks_;
  Registry& registry_;
  std::string_view name_;
  std::vector<Digest> masks_;
  std::int64_t keys_ = 0;
  ErasureReceipt receipt_;
  std::vector<Object> own_objects_;
  std::vector<Object> indexes_;
  std::string sweep_error_;
  bool swept_file_ = false;
};

}  // namespace

ErasureReceipt Store::Impl::erase(std::string_view name, const ErasureOptions& options,
                                  const std::function<bool(const ProfileRecord&)>& still) {
  const Hooks hooks{.mask = [&] { return mask_of(name); },
                    .finish = [&](std::span<const Digest> masks) { finish_erasure(masks); },
                    .still = still};
  return Erasure(hooks, registry, name).run(options.backups);
}

ErasureReceipt Store::erase_profile(std::string_view name, const ErasureOptions& options) {
  return impl_->erase(name, options);
}

bool Store::finish_erasures() {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  impl_->finish_erasure();
  const bool keys = registry.sweep_keys();
  const bool files = registry.database().integer("SELECT count(*) FROM doomed") == 0;
  return registry.empty_erased_log() && files && keys;
}

}  // namespace pema
