#include "profiles/new_objects.h"

#include <exception>

#include "pema/error.h"

namespace pema::profiles {

NewObjects::~NewObjects() {
  if (!announced_ || settled_) return;
  std::vector<Digest> digests;
  for (const auto& item : files_) digests.push_back(item.first);
  files_.clear();
  try {
    registry_.drop_unnamed(digests);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): they stay doomed
  }
}

void NewObjects::add(const Segment& segment) {
  files_.emplace_back(segment.digest(),
                      registry_.objects().stage(segment.digest(), segment.bytes()));
}

void NewObjects::announce() {
  if (files_.empty()) return;
  announced_ = true;  // also a commit that failed may come back
  registry_.write([&] {
    for (const auto& [digest, file] : files_) registry_.doom(digest);
  });
}

void NewObjects::adopt() {
  for (const auto& [digest, file] : files_) {
    if (!named_) {
      file->commit();
    } else {
      // The transaction runs again; before it had the lock somebody may have swept.
      PEMA_CHECK(registry_.objects().contains(digest), kBusy, registry_.folder(), ": object ",
                 digest.short_hex(), " was swept while its row was written; try again");
    }
    registry_.keep(digest);
  }
  named_ = true;
  if (!files_.empty()) registry_.objects().settle();
}

}  // namespace pema::profiles
