#include "profiles/store_copy.h"

#include <cerrno>

#include "pema/error.h"
#include "profiles/sql/transaction.h"
#include "src/core/file_system.h"

namespace pema::profiles {
namespace {

/// One copy on its way.
class Copy {
 public:
  Copy(Registry& source, const std::string& target, const std::string& previous,
       const BackupOptions& options)
      : source_(source),
        target_(target),
        options_(options),
        pace_(options.bytes_per_second),
        objects_(source.objects(), target, previous, options.link_objects, pace_, options.progress,
                 sums_) {}

  CopySums run() {
    PEMA_CHECK(
        source_.file() != nullptr, kUnsupported, source_.folder(),
        ": tables in PostgreSQL are backed up by PostgreSQL: pg_dump or base backups, and "
        "then the folder objects; `pema store copy` makes a store of its own folder from it");
    prepare();
    std::vector<NamedObject> named;
    {
      const DeletionLock lock(source_.objects().folder(), DeletionLock::Kind::kHold);
      const sql::Transaction snapshot(source_.database(), sql::TransactionKind::kRead);
      named = source_.named_objects();
      source_.file()->copy_to(unfinished(), [&](std::int64_t bytes, std::int64_t total) {
        sums_.registry_bytes = total;
        sums_.copied_bytes += bytes;
        pace_.spend(bytes);
        checkpoint(options_.progress, "copying registry.db", sums_.copied_bytes, total, "bytes");
      });
      objects_.copy(named);
    }
    objects_.drop_others(named);
    objects_.sync();
    name_registry(target_);
    return sums_;
  }

 private:
  [[nodiscard]] std::string unfinished() const { return target_ + "/" + kUnfinishedRegistry; }
  [[nodiscard]] std::string registry() const { return target_ + "/registry.db"; }

  /// A copy that was cut short right at its end has its registry already: it is no store again
  /// before anything of it changes.
  void prepare() {
    objects_.prepare();
    const int error = core::file_system().unlink(registry());
    if (error == ENOENT) return;
    core::check_file(error, registry(), "deleting it");
    core::check_file(core::file_system().sync_folder(target_), target_, "syncing it");
  }

  Registry& source_;
  std::string target_;
  const BackupOptions& options_;
  CopySums sums_;
  core::Pace pace_;
  ObjectCopy objects_;
};

}  // namespace

CopySums copy_store(Registry& source, const std::string& target, const std::string& previous,
                    const BackupOptions& options) {
  return Copy(source, target, previous, options).run();
}

void name_registry(const std::string& target) {
  core::FileSystem& files = core::file_system();
  const std::string unfinished = target + "/" + kUnfinishedRegistry;
  const std::string registry = target + "/registry.db";
  core::check_file(files.sync_file(unfinished), unfinished, "syncing");
  core::check_file(files.sync_folder(target), target, "syncing it");
  core::check_file(files.rename(unfinished, registry), registry, "naming it");
  core::check_file(files.sync_folder(target), target, "syncing it");
}

}  // namespace pema::profiles
