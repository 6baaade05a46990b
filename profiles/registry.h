/// The tables of registry.db together with the objects they name. Store adds transactions; the
/// functions that write expect one to be open.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pema/error.h"
#include "pema/store.h"
#include "profiles/audit_log.h"
#include "profiles/key_store.h"
#include "profiles/object_folder.h"
#include "profiles/open_tables.h"
#include "profiles/profile_batch.h"
#include "profiles/setting_table.h"
#include "profiles/sql/transaction.h"
#include "src/core/weak_shelf.h"

namespace pema::profiles {

/// An object that rows name.
struct NamedObject {
  Digest digest;
  std::int64_t bytes = -1;  ///< of its file as the row has it; -1 where no row says
};

/// Whether content that another name has already is stored under a new one.
enum class NameUse : std::uint8_t {
  kAny,     ///< the record that is there is returned, whatever its name
  kOnlyIt,  ///< it is: more will be appended to the new name alone
};

/// A store's folder, open. Thread-safety: one thread at a time.
class Registry {
 public:
  /// As Store::open.
  Registry(const std::string& folder, OpenMode mode, const StoreOptions& options = {});

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  [[nodiscard]] sql::Database& database() noexcept { return database_; }
  /// The database where it is the file registry.db, for what SQLite alone can do; null for tables
  /// in PostgreSQL.
  [[nodiscard]] sqlite::Database* file() noexcept { return tables_.file; }
  [[nodiscard]] const ObjectFolder& objects() const noexcept { return objects_; }

  /// Throws kPermission when the role of whoever opened the store does not include `role`, kIo when
  /// it was opened read-only: before anything is written, beside the database too. The one place
  /// where roles are enforced; every writing call of Store begins with it.
  void require(Role role) const;
  [[nodiscard]] Role role() const noexcept { return role_; }
  /// Seconds since 1970, UTC, by the clock with which the store was opened.
  [[nodiscard]] std::int64_t now() const;

  /// Runs `body` in a write transaction and commits it; again from its start where that may help,
  /// so `body` must give the same when it runs a second time. Throws as sql::run_transaction.
  void write(const std::function<void()>& body);
  /// Runs `body` on one state of the tables, as `write`.
  void read(const std::function<void()>& body);
  /// Every commit so far, also of other processes, survives a power cut once this returns.
  void sync_log();
  /// As Store::registry_bytes.
  [[nodiscard]] std::int64_t bytes();
  /// Moves what the log of registry.db holds into the file. False when somebody who reads keeps it.
  bool empty_log();

  // Base models (registry.cc).
  ModelRecord put_model(const ModelInfo& info, const std::string& path);
  [[nodiscard]] std::vector<ModelRecord> models();
  [[nodiscard]] std::optional<ModelRecord> find_model(const Digest& fingerprint);
  /// Throws kNotFound, naming the fingerprint and what `thing` needs it.
  [[nodiscard]] ModelRecord require_model(const Digest& fingerprint, std::string_view thing);

  // Pools (registry_pools.cc).
  /// Stores the pool's objects; call it before put_pool, outside of the transaction.
  void put_pool_objects(const Pool& pool);
  /// The next version of `name`, or the newest when it equals `pool`. Objects that went missing
  /// since put_pool_objects are written again.
  PoolRecord put_pool(const std::string& name, const Pool& pool);
  [[nodiscard]] std::vector<PoolRecord> pools();
  [[nodiscard]] std::optional<PoolRecord> find_pool(std::string_view name, std::int64_t version);
  [[nodiscard]] std::optional<PoolRecord> find_pool(PoolId id);
  /// Any version of any name with this content.
  [[nodiscard]] std::optional<PoolRecord> find_pool(const Digest& digest);
  [[nodiscard]] std::shared_ptr<const Pool> load_pool(const PoolRecord& record);

  // Codebooks (registry_codebooks.cc).
  void put_codebook_object(const Codebook& codebook);
  /// An empty name keeps what name there is.
  CodebookRecord put_codebook(const Codebook& codebook, const std::string& name);
  [[nodiscard]] std::vector<CodebookRecord> codebooks();
  [[nodiscard]] std::optional<CodebookRecord> find_codebook(std::string_view name);
  [[nodiscard]] std::optional<CodebookRecord> find_codebook(const Digest& digest);
  [[nodiscard]] std::shared_ptr<const Codebook> load_codebook(const Digest& digest);
  bool remove_codebook(std::string_view name);
  /// Removes codebook `id` and dooms its object when it has no name and no segment needs it.
  void drop_unneeded_codebook(CodebookId id);

  // Segments (registry_segments.cc).
  /// Stores the segment's object and that of its codebook, if they are not there and whole. Own
  /// segments of an encrypted store are left to put_segment.
  void put_segment_object(const Segment& segment, SegmentKind kind);
  SegmentRecord put_segment(const Segment& segment, SegmentKind kind, const std::string& name,
                            NameUse use = NameUse::kAny);
  [[nodiscard]] std::vector<SegmentRecord> segments(std::optional<SegmentKind> kind);
  [[nodiscard]] std::optional<SegmentRecord> find_segment(SegmentId id);
  [[nodiscard]] std::optional<SegmentRecord> find_segment(std::string_view name);
  [[nodiscard]] std::shared_ptr<const Segment> load_segment(const SegmentRecord& record);
  /// Removes a segment that nobody reads, with the indexes that hold it.
  bool remove_segment(SegmentId id);
  /// Counts readers up and down. Own segments that this leaves without a reader are removed, with
  /// the indexes that hold them; objects are doomed when no row names them any more.
  void change_readers(const std::map<SegmentId, std::int64_t>& changes);
  /// True when a pool, a segment, a codebook or an index names the object.
  [[nodiscard]] bool names_object(const Digest& digest);

  // Lists of shared segments (registry_parts.cc).
  /// As Store::segment_list; expects a transaction where the answer must be of one state.
  [[nodiscard]] std::vector<SegmentRecord> segment_list(SegmentId id);
  /// segment_list of a shared segment. Throws kNotFound, kInvalidArgument, saying that others
  /// cannot be `done`.
  [[nodiscard]] std::vector<SegmentRecord> require_list(SegmentId id, std::string_view done);
  /// Appends content whose object is there.
  void append_part(SegmentId id, const Segment& segment);
  /// Puts `next`, whose object is there, in the place of the content at `position`; null takes it
  /// away (the first one cannot go). Drops indexes over the old content and dooms its object, where
  /// it has no other row.
  void replace_content(const SegmentRecord& content, const Segment* next);
  /// Counts a change of its contents.
  void bump_version(SegmentId id);
  /// True when a segment or a part of one has this content.
  [[nodiscard]] bool has_content(const Digest& digest);
  /// The segments that have it, in the order of their numbers.
  [[nodiscard]] std::vector<SegmentRecord> segments_with(const Digest& digest);

  // Objects (registry_objects.cc).
  /// What rows name, each once, rising.
  [[nodiscard]] std::vector<NamedObject> named_objects();
  /// Deletes the files of doomed objects that no row names, in a transaction of its own. While a
  /// backup runs they stay, and stay doomed. Throws kIo for the first one that cannot be deleted,
  /// after all others; it stays doomed.
  void sweep_doomed();
  /// sweep_doomed after a write that has happened: what fails is left to the next sweep, because
  /// the caller would take an error for a write that did not happen.
  void tidy() noexcept;
  /// Objects that no row names any more since the last call, whoever deletes their files.
  [[nodiscard]] std::vector<Digest> take_gone();
  /// Dooms those of the objects that no row names, and sweeps.
  void drop_unnamed(std::span<const Digest> objects);

  // Index files (registry_indexes.cc).
  /// What an index over `draft`'s scope takes now: each content once, by rising digest, without
  /// product-quantised segments. Throws kNotFound.
  [[nodiscard]] std::vector<SegmentRecord> segments_to_index(const RecallIndexDraft& draft);
  /// In the place of one of the same name; expects the object to be there. `segments` [n] are those
  /// that it holds. Throws kNotFound when one of them is gone.
  RecallIndexRecord put_index(const RecallIndexRecord& record, std::span<const Digest> segments);
  [[nodiscard]] std::vector<RecallIndexRecord> indexes();
  [[nodiscard]] std::optional<RecallIndexRecord> find_index(std::string_view name);
  [[nodiscard]] std::vector<Digest> index_segments(RecallIndexId id);
  /// What builds the same index again.
  [[nodiscard]] RecallIndexDraft draft_of(const RecallIndexRecord& index);
  [[nodiscard]] std::vector<IndexCover> covering_indexes(std::span<const Digest> segments);
  bool remove_index(std::string_view name);
  /// Removes the indexes that hold a segment of which no row is left.
  void drop_indexes_of(const Digest& segment);
  /// Notes an object whose last row goes.
  void doom(const Digest& object);
  /// Takes it back: a row names the object again.
  void keep(const Digest& object);

  // Profiles (registry_profiles.cc).
  /// Stores the objects of the drafts' own segments. Throws kInvalidArgument when one is null.
  void put_own_segment_objects(std::span<const ProfileDraft> drafts);
  /// Takes away again those that no row names, for a write that failed; never throws.
  void drop_own_segment_objects(std::span<const ProfileDraft> drafts) noexcept;
  /// Stores the drafts' own segments; expects their objects to be there already.
  void put_profiles(std::span<const ProfileDraft> drafts, OnExisting on_existing);
  /// Says that the transaction of the last put_profiles was committed, so that what was learnt in
  /// it holds.
  void settle() noexcept {
    batch_in_doubt_ = false;
    sealed_.clear();
  }
  [[nodiscard]] std::optional<ProfileRecord> find_profile(std::string_view name);
  [[nodiscard]] std::vector<ProfileRecord> profiles(std::string_view after, std::int64_t limit);
  [[nodiscard]] std::int64_t profile_count();
  // The next six: registry_scan.cc.
  [[nodiscard]] std::vector<ProfileRecord> profiles_by_number(ProfileId after, std::int64_t limit);
  void visit_profiles(PoolId pool,
                      const std::function<bool(std::span<const ProfileRecord>)>& visit);
  [[nodiscard]] std::vector<std::string> profile_names(std::span<const ProfileId> ids);
  /// Calls `visit` with every profile whose name begins with `prefix`, until it returns false; in
  /// name order, in an encrypted store in its own, reading everybody there. Reads page by page:
  /// expects a transaction where one state is wanted.
  void visit_names(std::string_view prefix, const std::function<bool(const ProfileRecord&)>& visit);
  [[nodiscard]] PoolUsers pool_users(PoolId pool, std::string_view after, std::int64_t limit);
  [[nodiscard]] PoolUsers adapter_users(PoolId pool, std::int64_t adapter, std::string_view after,
                                        std::int64_t limit);
  bool remove_profile(std::string_view name);
  [[nodiscard]] SettingTable& settings() noexcept { return settings_; }
  /// The generation of a new profile: after the removed one of that name and those of the erased,
  /// or 1. `stored` is its stored_name.
  [[nodiscard]] std::int64_t next_generation(std::string_view stored);
  /// Fills `record` from a row of `profile`, which in an encrypted store has the name too;
  /// otherwise the name stays. False when the key was erased. Throws kCorrupt, naming `what`;
  /// kLocked.
  [[nodiscard]] bool read_row(std::int64_t id, std::int64_t generation, std::int64_t setting,
                              std::span<const std::byte> data, std::string_view what,
                              ProfileRecord& record);
  /// Throws kCorrupt when `stored`, whose row was read into `record`, is not what stands for the
  /// name in it.
  void check_stored_name(std::string_view stored, const ProfileRecord& record);
  /// Counts down the readers of what a row of `profile` may read, as it is before it is sealed.
  void drop_readers(std::int64_t setting, std::span<const std::byte> data, std::string_view what,
                    std::map<SegmentId, std::int64_t>& readers);

  // Encryption (registry_keys.cc).
  [[nodiscard]] bool encrypted() const noexcept { return mark_.has_value(); }
  /// As Store::encrypt.
  void encrypt(const std::shared_ptr<const MasterKey>& master);
  /// As Store::rotate_master_key.
  std::int64_t rotate(const std::shared_ptr<const MasterKey>& fresh);
  /// Throws kLocked when keys.db is missing.
  [[nodiscard]] KeyStore& keys();
  [[nodiscard]] bool has_keys() const noexcept { return keys_ != nullptr; }
  /// What stands for `name` in tables: itself, or its token in an encrypted store. Throws kLocked.
  [[nodiscard]] std::string stored_name(std::string_view name);
  /// A transaction of keys.db for keys of rows that are about to be written; null in a plain store.
  /// Commit it before theirs: a key that no row came to need opens nothing. Throws kLocked.
  [[nodiscard]] std::unique_ptr<sql::Transaction> begin_keys();
  /// Notes that a key is to be deleted; expects the transaction that drops what it opens.
  void doom_key(std::int64_t id);
  /// Deletes doomed keys. False when somebody who reads keeps the log of keys.db.
  bool sweep_keys();
  /// Objects that put_segment encrypted and wrote since the last call: for drop_unnamed.
  [[nodiscard]] std::vector<Digest> take_sealed_objects() { return std::exchange(sealed_, {}); }

  // People who left (registry_leaving.cc).
  /// The last generation that an erased name may have had; 0 when nobody was erased.
  [[nodiscard]] std::int64_t generation_floor();
  /// Drops the hash of a removed name, whose generation the floor takes over. True when there was
  /// one. Expects a transaction.
  bool forget_removed_name(std::string_view name);
  /// A number of table `leaving`.
  [[nodiscard]] std::int64_t leaving(std::string_view name);
  void set_leaving(std::string_view name, std::int64_t value);
  /// Appends to the audit log, under the role of whoever opened the store. Expects the transaction
  /// of what it tells of.
  AuditHead note(AuditKind kind, std::int64_t count) {
    return append_event(database_, kind, role_, count);
  }
  /// Empties the log when it holds erased rows. False when somebody who reads keeps it.
  bool empty_erased_log();

  // Checks (store_verify.cc).
  [[nodiscard]] std::vector<Damage> verify(VerifyDepth depth);

 private:
  /// Deletes the files of doomed objects that no row names; the first error. Expects a transaction.
  std::optional<Error> delete_doomed();
  /// Nothing where it has readers or a kind behind `last`.
  void drop_unread_segment(SegmentId id, SegmentKind last);
  /// Removes what was appended to a segment.
  void drop_parts(SegmentId id);
  void require_segments_stay(std::span<const Digest> segments, std::string_view name);
  [[nodiscard]] std::vector<SegmentId> segments_of_profiles(const RecallIndexDraft& draft);
  [[nodiscard]] std::string keys_path() const { return folder_ + "/keys.db"; }
  void open_keys(OpenMode mode, std::shared_ptr<const MasterKey> master);
  /// A record with the wrapped key of its object, where that has one.
  [[nodiscard]] SegmentRecord with_key(SegmentRecord record);
  /// Of kProfileColumns; nothing when the key was erased.
  [[nodiscard]] std::optional<ProfileRecord> read_profile(const sql::Query& row);
  /// As profile_names, in an encrypted store.
  [[nodiscard]] std::vector<std::string> sealed_names(std::span<const ProfileId> ids);
  /// Adds the name of a profile, unless its key was erased.
  void add_name(PoolUsers& users, std::int64_t id, std::string stored);

  std::string folder_;
  Role role_;
  std::function<std::int64_t()> clock_;
  OpenTables tables_;
  sql::Database& database_ = *tables_.database;
  ObjectFolder objects_;
  SettingTable settings_{database_};
  ProfileBatch batch_{*this};
  bool batch_in_doubt_ = false;
  bool in_doubt_ = false;  ///< the last write transaction may not have lasted
  std::optional<StoreMark> mark_;
  std::unique_ptr<KeyStore> keys_;
  std::vector<Digest> sealed_;
  core::WeakShelf<Codebook> loaded_codebooks_;  ///< segments are loaded from several threads
  std::vector<Digest> doomed_;                  ///< by this object, since the last sweep
  std::vector<Digest> gone_;
};

/// Throws kInvalidArgument when a text is longer than the store keeps.
void check_text(std::string_view text, std::string_view what);

/// Reads a stored enum. Throws kCorrupt when the value is above `last`.
template <typename Enum>
[[nodiscard]] Enum stored_enum(std::int64_t value, Enum last, std::string_view what) {
  PEMA_CHECK(value >= 0 && value <= static_cast<std::int64_t>(last), kCorrupt,
             "registry.db: ", what, " ", value, " is unknown; restore registry.db from a backup");
  return static_cast<Enum>(value);
}

}  // namespace pema::profiles
