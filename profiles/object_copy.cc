#include "profiles/object_copy.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "pema/error.h"
#include "src/core/atomic_file.h"
#include "src/core/file_system.h"
#include "src/core/object_file.h"

namespace pema::profiles {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

}  // namespace

ObjectCopy::ObjectCopy(const ObjectFolder& source, const std::string& target,
                       const std::string& previous, bool link, core::Pace& pace, Progress* progress,
                       CopySums& sums)
    : source_(source),
      objects_(target + "/objects"),
      previous_(previous.empty() ? std::string() : previous + "/objects"),
      link_(link),
      pace_(pace),
      progress_(progress),
      sums_(sums) {}

void ObjectCopy::prepare() const {
  make_folder(objects_.folder());
  make_folder(objects_.folder() + "/incoming");
  objects_.sweep();
}

void ObjectCopy::copy(std::span<const NamedObject> named) {
  sums_.objects = std::ssize(named);
  std::int64_t done = 0;
  for (const NamedObject& object : named) {
    checkpoint(progress_, "copying objects", done++, sums_.objects, "objects");
    if (kept(object.digest)) continue;
    make_folder(core::folder_of(objects_.path(object.digest)));
    if (!previous_.folder().empty() && linked(previous_, object.digest)) continue;
    ++sums_.new_objects;
    if (link_ && linked(source_, object.digest)) continue;
    copy_object(object.digest);
  }
}

/// True when an earlier try copied it: files get their names only when they are whole.
bool ObjectCopy::kept(const Digest& digest) const {
  return objects_.contains(digest) && objects_.size_problem(digest, -1).empty();
}

/// A second name for a file that looks whole; false where there is none to be had.
bool ObjectCopy::linked(const ObjectFolder& from, const Digest& digest) const {
  if (!from.contains(digest) || !from.size_problem(digest, -1).empty()) return false;
  const std::string path = objects_.path(digest);
  const int error = core::file_system().link(from.path(digest), path);
  if (error == ENOSPC || error == EDQUOT || error == EIO || error == EROFS) {
    core::fail_file(error, path, "giving an object a second name");
  }
  return error == 0;
}

void ObjectCopy::copy_object(const Digest& digest) {
  const std::string from = source_.path(digest);
  const auto file = core::MappedFile::open(from);
  core::AtomicFile out(objects_.path(digest), objects_.folder() + "/incoming");
  Sha256 hash;
  for (std::size_t at = 0; at < file->bytes().size(); at += kPieceBytes) {
    const auto piece = file->bytes().subspan(at, std::min(kPieceBytes, file->bytes().size() - at));
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

void ObjectCopy::drop_others(std::span<const NamedObject> named) const {
  std::set<Digest> wanted;
  for (const NamedObject& object : named) wanted.insert(object.digest);
  for (const Digest& digest : objects_.all()) {
    if (!wanted.contains(digest)) objects_.remove(digest);
  }
}

void ObjectCopy::sync() const {
  core::FileSystem& files = core::file_system();
  for (const auto& entry : std::filesystem::directory_iterator(objects_.folder())) {
    core::check_file(files.sync_folder(entry.path().string()), entry.path().string(), "syncing");
  }
  core::check_file(files.sync_folder(objects_.folder()), objects_.folder(), "syncing it");
}

}  // namespace pema::profiles
