/// The store: a folder with `registry.db` (SQLite), or with `registry.url`, which names a
/// PostgreSQL database in its place (docs/formats/postgresql.md), and `objects/` (content-addressed
/// files: adapter blocks, segments, indexes over them).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/adapter.h"
#include "pema/codebook.h"
#include "pema/digest.h"
#include "pema/ids.h"
#include "pema/index_record.h"
#include "pema/mask.h"
#include "pema/memory.h"
#include "pema/recall_index.h"
#include "pema/schedule.h"

namespace pema {

class MasterKey;  // pema/master_key.h

/// A base model that pools and segments of this store were made with.
struct ModelRecord {
  ModelId id;
  ModelInfo info;
  std::string path;  ///< where `pema init` found the file; only a hint
};

struct PoolRecord {
  PoolId id;
  std::string name;
  std::int64_t version = 0;  ///< 1, 2, ... per name
  Digest digest;
  PoolInfo info;
  Digest shared_object;               ///< zero when there is no shared adapter
  Digest gate_object;                 ///< zero when there is no gate
  std::vector<Digest> block_objects;  ///< in mask order
  BitMask retired;                    ///< adapters that new masks do not choose; size 0: none
};

/// Stored: never renumber.
enum class SegmentKind : std::uint8_t {
  kOwn = 0,     ///< one person's text
  kShared = 1,  ///< text that many profiles read
};

struct SegmentRecord {
  SegmentId id;
  std::string name;  ///< empty for a person's own segment
  SegmentKind kind = SegmentKind::kOwn;
  Digest digest;
  SegmentInfo info;
  std::int64_t bytes = 0;  ///< of the object file
  // A shared segment's name stands for a list of contents (pema/segment_list.h): what is above is
  // of one of them, of the first where nothing else is said.
  std::int64_t version = 1;       ///< of the list, one more whenever its contents change
  std::int64_t position = 0;      ///< rises through the list; 0 is the first, which profiles name
  std::int64_t contents = 1;      ///< of the list
  std::int64_t list_entries = 0;  ///< of all of them
  std::int64_t list_bytes = 0;
  /// Of an own segment in an encrypted store: the number of its object's key, and the key as it is
  /// stored, for load_segment. `digest` is then that of the encrypted file.
  std::int64_t data_key = 0;
  std::vector<std::byte> wrapped_key = {};
};

struct CodebookRecord {
  CodebookId id;
  std::string name;  ///< empty when it came with a segment
  Digest digest;
  CodebookInfo info;
  std::int64_t bytes = 0;     ///< of the object file
  std::int64_t segments = 0;  ///< that need it
};

/// One generation of one profile, as stored.
struct ProfileRecord {
  ProfileId id;
  std::string name;
  std::int64_t generation =
      0;        ///< 1 at enrolment, one more at each replacement; never reused for a name
  PoolId pool;  ///< none for a profile without adapters
  ProfileMask mask;
  LambdaSchedule schedule;
  std::vector<SegmentId> segments;  ///< what this profile may read, rising
};

/// What `enrol` is given. Names have 1 to 255 bytes of UTF-8 without control characters.
struct ProfileDraft {
  std::string name;
  PoolId pool;
  ProfileMask mask;
  LambdaSchedule schedule;
  std::vector<SegmentId> segments;
  /// New segments of the person's own, stored in the profile's transaction and readable by it.
  std::vector<std::shared_ptr<const Segment>> own_segments;
};

/// Who uses a pool version, or one adapter of it.
struct PoolUsers {
  std::int64_t profiles = 0;
  std::vector<std::string> names;  ///< the first of them, in name order
};

enum class OpenMode : std::uint8_t { kCreate, kReadWrite, kReadOnly };
enum class OnExisting : std::uint8_t { kRefuse, kReplace };

/// What a power cut may take of a store that is being written. A process that dies, also by kill
/// -9, takes nothing in either mode: only a call that had not returned may be missing.
enum class Durability : std::uint8_t {
  /// A call that returned is on the disk: one sync of the log per call.
  kDurable,
  /// A power cut may take the last calls, always from the end, never one of the middle; the store
  /// is
  /// whole in any case. For bulk work that can be repeated.
  kFast,
};

/// What the holder of a Store may do; each role includes those before it. Stored in the audit log:
/// never renumber.
enum class Role : std::uint8_t {
  kRead = 1,   ///< look up, load, verify, back up
  kEnrol = 2,  ///< also write profiles and segments, import
  kAdmin = 3,  ///< also everything else: models, pools, removal, erasure, keys
};
[[nodiscard]] std::string_view to_string(Role role) noexcept;

/// How a store is used by this process; nothing of it is stored.
struct StoreOptions {
  Durability durability = Durability::kDurable;
  /// Calls above it throw kPermission, before anything happens. For servers that sit on the
  /// library: whoever has the files can do without.
  Role role = Role::kAdmin;
  /// Of an encrypted store (pema/master_key.h). Without it pools, shared segments and backups can
  /// be used, and everything that is a person's throws kLocked.
  std::shared_ptr<const MasterKey> key = {};
  /// kCreate: where the new store's tables are made, postgresql://USER@HOST:PORT/DATABASE, instead
  /// of in registry.db; it is written into the folder, so it must hold no password (libpq takes one
  /// from PGPASSWORD or ~/.pgpass). Otherwise: the address to use in place of the folder's, to
  /// reach the same tables as another user or by another way. Every commit there is durable.
  std::string registry = {};
  /// Seconds since 1970, UTC, for expiry dates; empty: the system's clock.
  std::function<std::int64_t()> clock = {};
};

/// How much `verify` reads.
enum class VerifyDepth : std::uint8_t {
  kQuick,  ///< every row and reference; objects are there and as long as they should be
  kFull,   ///< also every index and every byte of every object
};

/// Where a damaged or missing thing was found.
struct Damage {
  std::string what;  ///< object digest, table or profile name
  std::string why;   ///< with the fix
};

struct AuditEvent;  // pema/audit.h
struct AuditHead;
struct AuditReport;
struct ErasureOptions;  // pema/erasure.h
struct ErasureReceipt;
struct ForgetDraft;  // pema/segment_list.h
struct ForgottenEntries;
struct MergeOptions;
struct MergedSegment;
struct BackupOptions;   // pema/backup.h
struct PoolCollection;  // pema/operating.h
struct RebaseOptions;
struct RebaseReport;
struct TenantLimits;
struct TenantRecord;
struct ExpiryOptions;
struct ExpiryReport;
struct ProfileSelection;
struct SelectionSums;
struct BackupRecord;
struct BackupFolder;
struct ScrubOptions;
struct ScrubReport;
/// Told what has left a store for good: digests of objects that no row names any more (segments,
/// codebooks, indexes), whose files are deleted, and of masks of removed or replaced generations.
/// Others may still use an equal mask. Called after the commit and before the writing call returns,
/// so that what somebody else keeps in memory can go too: give it MemoryManager::erase. What it
/// throws passes on; the removal has happened all the same.
using ErasureListener = std::function<void(std::span<const Digest>)>;

/// A store. Thread-safety: one thread at a time per Store; several processes may open the same
/// folder, one of them writing at a time (the others wait up to five seconds, then get kBusy).
/// Every writing call is one transaction: it happened entirely or not at all, and an error means
/// that it did not (remove_profile and remove_codebook may say that a file is still to be deleted:
/// see there). Objects are written to a temporary name, synced, renamed and their folders synced
/// before any row names them, in both modes of durability; they are deleted only after the commit
/// that dropped their last row is on the disk.
class Store {
 public:
  /// Throws kNotFound (no store there; create one with `pema init`), kAlreadyExists (kCreate on an
  /// existing store), kUnsupported (schema newer than this build, or an address and no libpq),
  /// kMismatch (the address leads to another store's tables), kLocked (encrypted with another
  /// key than the one given), kCorrupt, kIo.
  [[nodiscard]] static Store open(const std::string& folder, OpenMode mode,
                                  const StoreOptions& options = {});
  /// True when there is a store in `folder`, wherever its tables are. Thread-safety: reentrant.
  [[nodiscard]] static bool exists(const std::string& folder);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] const std::string& folder() const noexcept;

  /// From now on tells `listener` of what this object erases, in the thread that erases; what
  /// other processes or objects erase it does not know. An empty one: nobody.
  void on_erasure(ErasureListener listener);

  /// Registers a base model, or returns the record with the same fingerprint (its path is then
  /// updated).
  ModelRecord put_model(const ModelInfo& info, const std::string& path);
  [[nodiscard]] std::vector<ModelRecord> models() const;

  /// Stores a pool as the next version of `name`. Equal blocks are stored once. A pool that equals
  /// the newest version of the name returns that version. Throws kNotFound when the base model is
  /// not registered.
  PoolRecord put_pool(const std::string& name, const Pool& pool);
  [[nodiscard]] std::vector<PoolRecord> pools() const;
  /// The newest version, or `version` when it is not 0.
  [[nodiscard]] std::optional<PoolRecord> find_pool(std::string_view name,
                                                    std::int64_t version = 0) const;
  [[nodiscard]] std::optional<PoolRecord> find_pool(PoolId id) const;
  /// Maps its objects after checking their digests. Throws kNotFound, kCorrupt (naming the object
  /// and the fix).
  [[nodiscard]] std::shared_ptr<const Pool> load_pool(PoolId id) const;
  /// The same for a record of this store. Reads object files alone, never the database, so that
  /// several threads may load while another one uses the store.
  [[nodiscard]] std::shared_ptr<const Pool> load_pool(const PoolRecord& record) const;

  /// Removes pool versions that no profile names, but for the newest of each name, and deletes
  /// their files that nothing else names. With `dry_run` only says what would go; that can be done
  /// read-only. Who mapped such a pool keeps it. Throws kIo when a file cannot be deleted: the
  /// versions are gone then, and the next opening for writing tries again.
  PoolCollection collect_pools(bool dry_run);
  /// Retires an adapter, or brings it back: masks that are new from now on may not select it (a
  /// kInvalidArgument from put_profile and its like; training leaves it out), profiles that select
  /// it already keep it and may be written again. Holds for every version of the pool's name that
  /// has the same adapter at the same place, also for later ones. The number of versions that this
  /// changed. Throws kNotFound, kInvalidArgument, kCorrupt (an adapter cannot be compared).
  std::int64_t retire_adapter(PoolId pool, std::int64_t adapter, bool retired = true);

  /// Stores a codebook under a name, which stays until it is removed; one that came with a segment
  /// gets the name. The same content under the same name returns the record. Throws kAlreadyExists
  /// when the name or the content has another, kNotFound when the base model is not registered.
  CodebookRecord put_codebook(const Codebook& codebook, const std::string& name);
  [[nodiscard]] std::vector<CodebookRecord> codebooks() const;
  [[nodiscard]] std::optional<CodebookRecord> find_codebook(std::string_view name) const;
  [[nodiscard]] std::optional<CodebookRecord> find_codebook(const Digest& digest) const;
  /// Maps it once, however many segments need it. Throws kNotFound, kCorrupt (naming the object and
  /// the fix).
  [[nodiscard]] std::shared_ptr<const Codebook> load_codebook(const Digest& digest) const;
  /// Removes a codebook and its file. False when there is none of that name. Throws
  /// kInvalidArgument while segments need it.
  bool remove_codebook(std::string_view name);

  /// Stores a segment, and its codebook where that is not here, without a name: it goes with the
  /// last segment that needs it. Equal content of the same kind returns the existing record. A
  /// shared segment
  /// needs a name that is not taken by other content (kAlreadyExists); a list that begins with this
  /// content is not other. Throws kNotFound when the base model is not registered.
  SegmentRecord put_segment(const Segment& segment, SegmentKind kind, const std::string& name = {});
  /// Appends to the list that a shared segment's name stands for; whoever may read the name reads
  /// it from the next lease on, no profile is written. Content that the list has already changes
  /// nothing. Throws kNotFound, kInvalidArgument (a person's own segment), kMismatch (another base
  /// model, site, width, type or codebook of keys).
  SegmentRecord append_segment(SegmentId id, const Segment& segment);
  /// The contents of a segment in their order, from one state of the store: one unless something
  /// was appended. Nothing when there is no such segment.
  [[nodiscard]] std::vector<SegmentRecord> segment_list(SegmentId id) const;
  /// All of them, loaded. Throws as load_segment.
  [[nodiscard]] std::vector<std::shared_ptr<const Segment>> load_list(SegmentId id) const;
  /// Makes neighbours of a list one content, in any process and at any time: searches find the same
  /// bits before and after, leases keep what they have, indexes over merged contents go. Throws
  /// kNotFound, kInvalidArgument (own, options), kBusy (others change the list again and again),
  /// kInterrupted; what was merged before stays.
  MergedSegment merge_segment(SegmentId id, const MergeOptions& options);
  /// Takes entries out of a shared segment, by writing its contents anew without them: when it
  /// returns they are in no file of the store (backups aside) unless the result says so. The right
  /// to read stays what it is, indexes over the old contents go, leases keep the old ones until
  /// they end. Throws kNotFound, kInvalidArgument (own; entries that it does not have; nothing
  /// named), kMismatch (`like` of another kind; another version), kBusy as merge_segment.
  ForgottenEntries forget_entries(SegmentId id, const ForgetDraft& draft);
  [[nodiscard]] std::vector<SegmentRecord> segments(std::optional<SegmentKind> kind = {}) const;
  [[nodiscard]] std::optional<SegmentRecord> find_segment(SegmentId id) const;
  [[nodiscard]] std::optional<SegmentRecord> find_segment(std::string_view name) const;
  /// With its codebook. Throws kNotFound, kCorrupt (naming the object and the fix).
  [[nodiscard]] std::shared_ptr<const Segment> load_segment(SegmentId id) const;
  /// As load_pool of a record.
  [[nodiscard]] std::shared_ptr<const Segment> load_segment(const SegmentRecord& record) const;
  /// Removes a segment that no profile reads, its file, and every index that holds it. False when
  /// there was none. Throws kInvalidArgument while profiles read it.
  bool remove_segment(SegmentId id);

  /// An index over segments (pema/recall_index.h), as an object of the store, under a name. One
  /// that is there, whole and of the same segments and options, is left alone; otherwise it is
  /// built, in the place of the old one, and `built` says why. It is never needed, and goes with
  /// the first of its segments that is erased. Segments that come later are not in it. Options that
  /// name neither codes nor a budget keep the codes of the index that is there. Throws
  /// kNotFound (pool, segment; also one that was erased while it was built), kInvalidArgument
  /// (name, recall, options, nothing to index), and as open_recall_index; nothing is stored then.
  BuiltRecallIndex build_index(const RecallIndexDraft& draft,
                               const RecallIndexOptions& options = {});
  [[nodiscard]] std::vector<RecallIndexRecord> indexes() const;  ///< by name
  [[nodiscard]] std::optional<RecallIndexRecord> find_index(std::string_view name) const;
  /// Digests of the segments that it holds, rising.
  [[nodiscard]] std::vector<Digest> index_segments(RecallIndexId id) const;
  /// What build_index would take now, by rising digest. Throws kNotFound.
  [[nodiscard]] std::vector<SegmentRecord> segments_to_index(const RecallIndexDraft& draft) const;
  /// What builds an index again as it was asked for.
  [[nodiscard]] RecallIndexDraft draft_of(const RecallIndexRecord& index) const;
  /// The indexes that hold any of `segments`, in the order in which they were made.
  [[nodiscard]] std::vector<IndexCover> covering_indexes(std::span<const Digest> segments) const;
  /// Without its segments. Reads the object file alone, as load_pool of a record. Throws kNotFound,
  /// kCorrupt, kUnsupported.
  [[nodiscard]] std::shared_ptr<const RecallIndex> load_index(
      const RecallIndexRecord& record) const;
  /// Removes an index and its file. False when there is none of that name.
  bool remove_index(std::string_view name);

  /// Writes one profile. Throws kAlreadyExists (kRefuse and the name is taken), kNotFound (pool,
  /// segment), kInvalidArgument (mask longer than the pool, sides that do not fit the algebra, bad
  /// name or schedule, a gate that the pool does not have), kMismatch (pool and segments of
  /// different base models). The schedule is stored quantised. A replacement removes own segments
  /// that it leaves without a reader.
  ProfileRecord put_profile(const ProfileDraft& draft,
                            OnExisting on_existing = OnExisting::kRefuse);
  /// All of them in one transaction; several thousand per call is the efficient size. Millions:
  /// pema/bulk_enrolment.h.
  void put_profiles(std::span<const ProfileDraft> drafts,
                    OnExisting on_existing = OnExisting::kRefuse);
  /// Many look-ups: pema/profile_reader.h.
  [[nodiscard]] std::optional<ProfileRecord> find_profile(std::string_view name) const;
  /// Profiles in name order after `after`, at most `limit`.
  [[nodiscard]] std::vector<ProfileRecord> profiles(std::string_view after = {},
                                                    std::int64_t limit = 1000) const;
  /// Profiles in the order of their numbers after `after`, at most `limit`, without names. A page
  /// takes as long at the end as at the beginning, here and in `profiles`.
  [[nodiscard]] std::vector<ProfileRecord> profiles_by_number(ProfileId after,
                                                              std::int64_t limit = 1000) const;
  /// Calls `visit` with all profiles of a pool version, a block at a time, in the order of their
  /// numbers and without names, from one state of the store, until it returns false. The records
  /// live until it returns.
  void visit_profiles(PoolId pool,
                      const std::function<bool(std::span<const ProfileRecord>)>& visit) const;
  /// Names by number, empty for numbers that nobody has. Reads all names of the store once.
  [[nodiscard]] std::vector<std::string> profile_names(std::span<const ProfileId> ids) const;
  /// Who has masks over a pool version, or, with `adapter`, masks that select that adapter on
  /// either side (a soft weight other than 0). At most `limit` names after `after`. Without
  /// `adapter` the count costs nothing, with it the profiles of the pool are read once. Throws
  /// kInvalidArgument on an adapter that the pool does not have, kNotFound.
  [[nodiscard]] PoolUsers pool_users(PoolId pool, std::optional<std::int64_t> adapter = {},
                                     std::string_view after = {}, std::int64_t limit = 1000) const;
  [[nodiscard]] std::int64_t profile_count() const;
  /// Brings profiles to another version of their pool, in large transactions: masks get its width,
  /// new adapters unselected, and what is computed stays the same, bit for bit (reduced precision
  /// apart: docs/decisions/0019-operating.md). Each gets its next generation. All of `names`, which
  /// must exist; empty: all profiles over older versions of the pool's name. A version whose
  /// adapters are not the first ones of `to`, or whose shared adapter or settings are others, is a
  /// kMismatch before anything is written; profiles that are weighed by their pool's gate stay
  /// where `to` has another one, and are in the report. After an interruption the same call goes
  /// on.
  RebaseReport rebase_profiles(PoolId to, std::span<const std::string> names,
                               const RebaseOptions& options);

  /// Sets a tenant's limits in place of those it had, and counts what it has (reading its profiles
  /// once); limits that are all absent end the counting. Less than it has is allowed: then it
  /// cannot grow. Whoever would exceed a limit gets kQuota, and nothing of the call is written.
  /// Throws kInvalidArgument (name, negative limit).
  TenantRecord set_tenant(const std::string& name, const TenantLimits& limits);
  [[nodiscard]] std::vector<TenantRecord> tenants() const;  ///< with limits, by name

  /// Sets or takes away the time (seconds since 1970) from which on `expire` erases a profile.
  /// Throws kNotFound, kInvalidArgument (a time before 1970).
  void set_expiry(std::string_view name, std::optional<std::int64_t> expires);
  [[nodiscard]] std::optional<std::int64_t> expiry(ProfileId id) const;
  /// Erases people whose date is over, each as erase_profile does. Names are looked up by reading
  /// all names once. Throws as erase_profile, kInterrupted; who was erased before stays erased.
  ExpiryReport expire(const ExpiryOptions& options);

  /// Removes a profile, and its own segments that nobody else reads, with their files. False when
  /// there was none. While a backup runs their files stay; the next writing call or opening for
  /// writing deletes them. Throws kIo when a file cannot be deleted: the profile is gone then, and
  /// the next opening for writing tries again.
  bool remove_profile(std::string_view name);
  /// remove_profile, and then everything else that is hers: the hash of her name, the log, what
  /// pages keep of deleted rows, what this Store has of her in memory. The receipt names each place
  /// and what is left to do; an absent name gives one too, so that a removed person can be erased
  /// afterwards. Memory managers and their leases are the caller's (erase_from_memory). Backups are
  /// looked through, those that the store knows (backup_folders) and those that `options` name, and
  /// are not changed. The first erasure in a store that an older program wrote rewrites registry.db
  /// once. Throws as remove_profile, but tells of files that cannot be deleted, and of backups that
  /// cannot be looked through, in the receipt.
  ErasureReceipt erase_profile(std::string_view name, const ErasureOptions& options);
  /// Does what receipts left pending, as far as nobody stands in the way. True when nothing is
  /// left. So does every opening for writing. Throws kIo.
  bool finish_erasures();

  /// Writes one profile with everything it needs (pool, segments unless `with_segments` is false)
  /// as one file, atomically. Throws kNotFound, kCorrupt, kIo, kDiskFull.
  void export_profile(std::string_view name, const std::string& path,
                      bool with_segments = true) const;
  /// Reads a bundle and stores its profile under its own name, or `rename` when not empty. Objects
  /// already here are not written again. Throws kMismatch when the bundle was made for a base model
  /// that is not registered here (naming both fingerprints), kCorrupt on damaged bytes,
  /// kAlreadyExists. Nothing is stored on failure, but complete objects may stay for the next try.
  ProfileRecord import_profile(const std::string& path, const std::string& rename = {},
                               OnExisting on_existing = OnExisting::kRefuse);

  /// Writes many profiles with all that they need as one file (docs/formats/selection.md),
  /// atomically and in one pass. Throws kNotFound (a name, or nobody at all), kCorrupt, kIo,
  /// kDiskFull. Meanwhile no object file is deleted.
  SelectionSums export_profiles(const ProfileSelection& selection, const std::string& path) const;
  /// Reads such a file, checks all of it, and stores its profiles in one transaction: a damaged
  /// file, one taken name (kRefuse), a quota, and nothing is stored. Throws as import_profile and
  /// put_profiles.
  SelectionSums import_profiles(const std::string& path,
                                OnExisting on_existing = OnExisting::kRefuse);

  /// Encrypts what will be written about people from now on, with StoreOptions::key: names, masks,
  /// schedules, rights and own segments (docs/formats/keys.md). Pools and shared segments stay
  /// plain. Profiles are then listed in an order that is not that of names. Other processes open
  /// the store again. Throws kUnsupported when somebody is in it, kInvalidArgument without a key,
  /// kAlreadyExists.
  void encrypt();
  [[nodiscard]] bool encrypted() const noexcept;
  /// What StoreOptions::key was, for others who open the same store; null for none.
  [[nodiscard]] std::shared_ptr<const MasterKey> master_key() const noexcept;
  /// Wraps the key of every person by `fresh`, all or none: a call that was cut short changed
  /// nothing. The old master key opens nothing from then on, but old copies of keys.db. The number
  /// of keys. Throws kLocked, kUnsupported (the store is not encrypted).
  std::int64_t rotate_master_key(std::shared_ptr<const MasterKey> fresh);

  /// What happened, without names: events after `after`, at most `limit`. Throws kCorrupt.
  [[nodiscard]] std::vector<AuditEvent> audit(std::int64_t after = 0,
                                              std::int64_t limit = 1000) const;
  /// Compares every hash of the log, its length, and, unless its sequence is 0, that it still has
  /// the event `noted`.
  [[nodiscard]] AuditReport verify_audit(const AuditHead& noted) const;

  /// Checks the database and the objects that rows name. Returns what is wrong; empty when nothing
  /// is. Whoever writes meanwhile does not disturb it.
  [[nodiscard]] std::vector<Damage> verify(VerifyDepth depth = VerifyDepth::kFull) const;
  /// Reads every object once and compares it with its digest, slowly if asked to, and deletes files
  /// that no row names. Where it stopped (by `bytes`, or asked to by its progress) is kept in the
  /// store's folder; the next call goes on there. Throws kIo when the store was opened read-only.
  ScrubReport scrub(const ScrubOptions& options);
  /// Copies the store, as it is at this moment, into a folder of backups (pema/backup.h) while
  /// others read and write it; what an earlier backup there has is not copied again. Meanwhile the
  /// log grows by what is written, and no object file is deleted. Throws kBusy (another backup is
  /// being written there), kCorrupt (an object is damaged: a backup would only keep the damage),
  /// kNotFound, kDiskFull, kIo, kInterrupted; what was copied serves the next try. The store notes
  /// the folder, for receipts of erasures; that it could not is no error (BackupRecord::unnoted).
  BackupRecord backup(const std::string& folder, const BackupOptions& options) const;
  /// Where backups of the store are, as far as it knows, by path.
  [[nodiscard]] std::vector<BackupFolder> backup_folders() const;
  /// Takes a folder whose backups are gone for good from the list, so that receipts of erasures
  /// need not wait for it; touches nothing in it. False when the list does not have it. The next
  /// backup there puts it back.
  bool forget_backup_folder(const std::string& path);
  /// Path of an object's file.
  [[nodiscard]] std::string object_path(const Digest& digest) const;
  /// Bytes of registry.db after a checkpoint of its log; in PostgreSQL of the tables, indexes
  /// included.
  [[nodiscard]] std::int64_t registry_bytes();

 private:
  friend class BulkEnrolment;
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pema
