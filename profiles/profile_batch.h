/// Drafts of profiles, checked and encoded, until they are written in one go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pema/store.h"
#include "profiles/profile_row.h"
#include "profiles/retired_adapters.h"
#include "profiles/sql/database.h"
#include "profiles/tenant_ledger.h"

namespace pema::profiles {

class Registry;

/// What drafts refer to is looked up and checked once for all that say the same, also across
/// batches. Thread-safety: as its Registry.
class ProfileBatch {
 public:
  /// `registry` must outlive the batch.
  explicit ProfileBatch(Registry& registry) : registry_(registry) {}

  /// Checks and encodes a draft. Its own segments are stored, which needs a transaction; without
  /// such, tables are only read. Of one name twice, the draft with the higher order is the later
  /// one. Throws as Store::put_profile; the batch is then as before.
  void add(const ProfileDraft& draft, std::int64_t order);
  void add(const ProfileDraft& draft) { add(draft, size()); }
  /// Writes what was added, in the order of names, and what that means for settings, segments and
  /// readers elsewhere. Expects a transaction. Throws kAlreadyExists (kRefuse), kNotFound when a
  /// segment went since it was added.
  void write(OnExisting on_existing);
  /// Forgets what was added.
  void clear() noexcept;
  /// Forgets what was added after the first `size` drafts.
  void shrink(std::int64_t size) noexcept;
  /// Forgets also what it learnt: for a transaction that did not last, in which pools, segments or
  /// settings may have been made whose numbers others will get.
  void forget() noexcept;

  [[nodiscard]] std::int64_t size() const noexcept { return std::ssize(entries_); }
  /// Memory that the drafts added so far take.
  [[nodiscard]] std::int64_t bytes() const noexcept;

 private:
  struct Use {
    Setting setting;
    Digest model;              ///< of pool and segments; zero: neither
    std::int64_t waiting = 0;  ///< entries that have it
  };
  struct Entry {
    std::size_t at = 0;  ///< of its token and name in bytes_, which the row follows
    std::uint32_t name_bytes = 0;
    std::uint32_t token_bytes = 0;  ///< of what stands for the name, before it; 0: the name itself
    std::uint32_t data_bytes = 0;
    std::int64_t order = 0;
    std::size_t segments_at = 0;  ///< in segments_: those that the setting does not hold
    std::uint32_t segments = 0;
    Use* use = nullptr;
  };
  struct SegmentFacts {
    Digest model;
    SegmentKind kind = SegmentKind::kOwn;
  };
  struct Rights {
    std::vector<SegmentId> common;  ///< of the setting
    std::vector<SegmentId> beside;
  };

  [[nodiscard]] static std::string_view text_of(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] std::string_view name_of(const Entry& entry) const noexcept {
    return text_of(std::span(bytes_).subspan(entry.at + entry.token_bytes, entry.name_bytes));
  }
  /// What stands for the name in tables.
  [[nodiscard]] std::string_view stored_name_of(const Entry& entry) const noexcept {
    if (entry.token_bytes == 0) return name_of(entry);
    return text_of(std::span(bytes_).subspan(entry.at, entry.token_bytes));
  }
  /// What it may read beside its setting.
  [[nodiscard]] std::span<const SegmentId> segments_of(const Entry& entry) const noexcept {
    return std::span(segments_).subspan(entry.segments_at, entry.segments);
  }
  [[nodiscard]] std::span<const std::byte> data_of(const Entry& entry) const noexcept {
    return std::span(bytes_).subspan(entry.at + entry.token_bytes + entry.name_bytes,
                                     entry.data_bytes);
  }

  /// Splits what the draft may read; stores its own segments.
  void sort_rights(const ProfileDraft& draft);
  Use& use_for(const ProfileDraft& draft, const LambdaSchedule& schedule);
  Use& make_use(const ProfileDraft& draft, const LambdaSchedule& schedule);
  Use& bare_use(const ProfileDraft& draft);
  /// Base model of pool and common segments, which must agree.
  Digest check_common(const ProfileDraft& draft);
  Digest check_pool(const ProfileDraft& draft);
  void check_model(const ProfileDraft& draft, Digest& model, const Digest& other) const;
  const PoolRecord& find_pool(const ProfileDraft& draft);
  SegmentFacts find_segment(const ProfileDraft& draft, SegmentId id);

  // Of a write (profile_batch_write.cc).
  void number_settings();
  void write_entries(OnExisting on_existing);
  /// The same in few round trips (profile_batch_many.cc).
  void write_many(OnExisting on_existing);
  [[nodiscard]] std::vector<std::int64_t> numbers_of(std::span<const Entry* const> entries);
  void insert_many(std::span<const Entry* const> entries);
  void replace_many(std::span<const Entry* const> entries);
  [[nodiscard]] std::vector<std::int64_t> new_generations(std::span<const Entry* const> entries);
  void count_segments(const Entry& entry);
  [[noreturn]] static void refuse_existing(std::string_view name);
  void replace(const Entry& entry);
  /// Counts out the row that `entry` replaces.
  void take_back(const Entry& entry, std::int64_t id, std::int64_t setting,
                 std::span<const std::byte> data);
  /// The entry's row as it is stored: in an encrypted store sealed under key `key` or, where that
  /// is 0 or gone, a new one. Valid until the next call.
  [[nodiscard]] std::span<const std::byte> stored_data(const Entry& entry, std::int64_t id,
                                                       std::int64_t key);
  void count_readers();

  // What others want to know of a write (profile_batch_watch.cc).
  /// Throws kNotFound when a pool is gone that was there when a draft was added.
  void begin_watch();
  /// `entry` was written as profile `id`. Throws as check_retired.
  void watch_new(const Entry& entry, std::int64_t id);
  /// `entry` takes the place of a row, as it is before it is sealed; call it before any segment
  /// goes. Throws as check_retired.
  void watch_replaced(const Entry& entry, std::int64_t setting, std::span<const std::byte> before);
  /// Throws kInvalidArgument when `entry` selects a retired adapter that `before` (null: a new
  /// profile) did not.
  void check_retired(const Entry& entry, const ProfileMask* before) const;
  [[nodiscard]] std::vector<const Entry*> in_name_order() const;
  /// Brings what will be written soon: in the order of names it lies all over the memory.
  void fetch_ahead(std::span<const Entry* const> order, std::size_t at) const noexcept;

  Registry& registry_;
  std::vector<std::byte> bytes_;
  std::vector<SegmentId> segments_;
  std::vector<Entry> entries_;

  // Learnt from drafts and kept: pools, shared segments and settings do not change.
  std::unordered_map<PoolId, PoolRecord> pools_;
  std::unordered_map<SegmentId, SegmentFacts> shared_;
  std::unordered_map<std::string_view, Use*> uses_;  ///< keys live in keys_
  std::deque<std::string> keys_;
  std::deque<Use> use_rows_;
  std::vector<Use*> waiting_uses_;
  std::int64_t epoch_ = 0;  ///< of the settings' numbers
  std::int64_t settings_there_ = -1;

  // Of one draft, kept for their memory.
  Rights rights_;
  std::vector<std::byte> key_;

  // Of one write.
  std::map<SegmentId, std::int64_t> readers_;       ///< that came
  std::map<SegmentId, std::int64_t> left_readers_;  ///< that went, as negative numbers
  std::map<std::int64_t, std::int64_t> left_settings_;
  std::vector<std::int64_t> changed_;  ///< profiles that were there before
  std::vector<std::byte> sealed_;      ///< stored_data
  std::optional<RetiredAdapters> retired_;
  std::optional<TenantLedger> tenants_;
  bool watching_ = false;
};

/// Notes that profiles which readers may have kept are other ones now. Expects a transaction.
void note_changes(sql::Database& database, std::span<const std::int64_t> profiles);

/// Key of a removed name: enough to recognise it, and not the name.
[[nodiscard]] std::vector<std::byte> name_hash(std::string_view name);

}  // namespace pema::profiles
