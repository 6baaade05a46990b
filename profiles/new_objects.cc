#include "profiles/new_objects.h"

#include <exception>

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
  sqlite::Transaction transaction(registry_.database());
  for (const auto& [digest, file] : files_) registry_.doom(digest);
  transaction.commit();
}

void NewObjects::adopt() {
  for (const auto& [digest, file] : files_) {
    file->commit();
    registry_.keep(digest);
  }
  if (!files_.empty()) registry_.objects().settle();
}

}  // namespace pema::profiles
