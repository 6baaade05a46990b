/// What a receipt says of backups.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "pema/backup.h"
#include "pema/erasure.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {

using BackupPlaces = std::vector<ErasedPlace>;
using BackupStates = std::vector<std::pair<std::string, ErasureState>>;

inline BackupPlaces backup_places(const ErasureReceipt& receipt) {
  BackupPlaces places;
  for (const ErasedPlace& place : receipt.places) {
    if (place.place == ErasurePlace::kBackup) places.push_back(place);
  }
  return places;
}

/// Where each was, and what came of it.
inline BackupStates states(const BackupPlaces& places) {
  BackupStates states;
  for (const ErasedPlace& place : places) states.emplace_back(place.where, place.state);
  return states;
}

}  // namespace pema::test
