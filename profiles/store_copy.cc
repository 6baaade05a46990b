#include "profiles/store_copy.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "pema/error.h"
#include "profiles/sqlite/transaction.h"
#include "src/core/atomic_file.h"
#include "src/core/file_system.h"
#include "src/core/object_file.h"
#include "src/core/pace.h"

namespace pema::profiles {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

/// One copy on its way.
class Copy {
 public:
  Copy(Registry& source, const std::string& target, const std::string& previous,
       const BackupOptions& options)
      : source_(source),
        target_(target),
        objects_(target + "/objects"),
        previous_(previous.empty() ? std::string() : previous + "/objects"),
        options_(options),
        pace_(options.bytes_per_second) {}

  CopySums run() {
    prepare();
    std::vector<NamedObject> named;
    {
      const DeletionLock lock(source_.objects().folder(), DeletionLock::Kind::kHold);
      sqlite::Transaction snapshot(source_.database(), sqlite::TransactionKind::kRead);
      named = source_.named_objects();
      source_.database().copy_to(unfinished(), [&](std::int64_t bytes, std::int64_t total) {
        sums_.registry_bytes = total;
        sums_.copied_bytes += bytes;
        pace_.spend(bytes);
        checkpoint(options_.progress, "copying registry.db", sums_.copied_bytes, total, "bytes");
      });
      copy_objects(named);
    }
    drop_others(named);
    finish();
    return sums_;
  }

 private:
  [[nodiscard]] std::string unfinished() const { return target_ + "/" + kUnfinishedRegistry; }
  [[nodiscard]] std::string registry() const { return target_ + "/registry.db"; }

  /// A copy that was cut short right at its end has its registry already: it is no store again
  /// before anything of it changes.
  void prepare() {
    make_folder(objects_.folder());
    make_folder(objects_.folder() + "/incoming");
    objects_.sweep();
    const int error = files_.unlink(registry());
    if (error == ENOENT) return;
    core::check_file(error, registry(), "deleting it");
    core::check_file(files_.sync_folder(target_), target_, "syncing it");
  }

  void copy_objects(const std::vector<NamedObject>& named) {
    sums_.objects = static_cast<std::int64_t>(named.size());
    std::int64_t done = 0;
    for (const NamedObject& object : named) {
      checkpoint(options_.progress, "copying objects", done++, sums_.objects, "objects");
      if (kept(object.digest)) continue;
      make_folder(core::folder_of(objects_.path(object.digest)));
      if (!previous_.folder().empty() && linked(previous_, object.digest)) continue;
      ++sums_.new_objects;
      if (options_.link_objects && linked(source_.objects(), object.digest)) continue;
      copy_object(object.digest);
    }
  }

  /// True when an earlier try copied it: files get their names only when they are whole.
  bool kept(const Digest& digest) const {
    return objects_.contains(digest) && objects_.size_problem(digest, -1).empty();
  }

  /// A second name for a file that looks whole; false where there is none to be had.
  bool linked(const ObjectFolder& from, const Digest& digest) {
    if (!from.contains(digest) || !from.size_problem(digest, -1).empty()) return false;
    const std::string path = objects_.path(digest);
    const int error = files_.link(from.path(digest), path);
    if (error == ENOSPC || error == EDQUOT || error == EIO || error == EROFS) {
      core::fail_file(error, path, "giving an object a second name");
    }
    return error == 0;
  }

  void copy_object(const Digest& digest) {
    const std::string from = source_.objects().path(digest);
    const auto file = core::MappedFile::open(from);
    core::AtomicFile out(objects_.path(digest), objects_.folder() + "/incoming");
    Sha256 hash;
    for (std::size_t at = 0; at < file->bytes().size(); at += kPieceBytes) {
      const auto piece =
          file->bytes().subspan(at, std::min(kPieceBytes, file->bytes().size() - at));
      hash.update(piece);
      out.write(piece);
      sums_.copied_bytes += static_cast<std::int64_t>(piece.size());
      pace_.spend(static_cast<std::int64_t>(piece.size()));
    }
    const Digest found = hash.finish();
    PEMA_CHECK(found == digest, kCorrupt, from, " is damaged: its SHA-256 is ", found.hex(),
               "; restore it from an earlier backup or store the object again, then copy again");
    out.commit();
  }

  /// Objects of an earlier try that the snapshot does not name: somebody may have left since.
  void drop_others(const std::vector<NamedObject>& named) {
    std::set<Digest> wanted;
    for (const NamedObject& object : named) wanted.insert(object.digest);
    for (const Digest& digest : objects_.all()) {
      if (!wanted.contains(digest)) objects_.remove(digest);
    }
  }

  void finish() {
    for (const auto& entry : std::filesystem::directory_iterator(objects_.folder())) {
      core::check_file(files_.sync_folder(entry.path().string()), entry.path().string(), "syncing");
    }
    core::check_file(files_.sync_folder(objects_.folder()), objects_.folder(), "syncing it");
    core::check_file(files_.sync_file(unfinished()), unfinished(), "syncing");
    core::check_file(files_.sync_folder(target_), target_, "syncing it");
    core::check_file(files_.rename(unfinished(), registry()), registry(), "naming it");
    core::check_file(files_.sync_folder(target_), target_, "syncing it");
  }

  Registry& source_;
  std::string target_;
  ObjectFolder objects_;
  ObjectFolder previous_;
  const BackupOptions& options_;
  core::Pace pace_;
  core::FileSystem& files_ = core::file_system();
  CopySums sums_;
};

}  // namespace

CopySums copy_store(Registry& source, const std::string& target, const std::string& previous,
                    const BackupOptions& options) {
  return Copy(source, target, previous, options).run();
}

}  // namespace pema::profiles
