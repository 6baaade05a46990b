#include "pema/erasure.h"

#include <algorithm>
#include <utility>

#include "pema/error.h"

namespace pema {

std::string_view to_string(ErasurePlace place) noexcept {
  switch (place) {
    case ErasurePlace::kRows:
      return "rows";
    case ErasurePlace::kLog:
      return "log";
    case ErasurePlace::kFreeSpace:
      return "free_space";
    case ErasurePlace::kObjects:
      return "objects";
    case ErasurePlace::kIndexes:
      return "indexes";
    case ErasurePlace::kKeys:
      return "keys";
    case ErasurePlace::kStoreMemory:
      return "store_memory";
    case ErasurePlace::kServingMemory:
      return "serving_memory";
    case ErasurePlace::kBackup:
      return "backup";
  }
  return "unknown";
}

std::string_view to_string(ErasureState state) noexcept {
  switch (state) {
    case ErasureState::kErased:
      return "erased";
    case ErasureState::kNothing:
      return "nothing";
    case ErasureState::kPending:
      return "pending";
    case ErasureState::kKept:
      return "kept";
    case ErasureState::kUnreachable:
      return "unreachable";
  }
  return "unknown";
}

bool ErasureReceipt::complete() const noexcept {
  return std::none_of(places.begin(), places.end(), [](const ErasedPlace& place) {
    return place.state != ErasureState::kErased && place.state != ErasureState::kNothing;
  });
}

void erase_from_memory(MemoryManager& memory, ErasureReceipt& receipt) {
  ErasedPlace place{.place = ErasurePlace::kServingMemory};
  for (const Digest& digest : receipt.in_memory) {
    const MemoryErasure erased = memory.erase(digest);
    place.items += erased.items;
    place.bytes += erased.bytes;
  }
  if (place.items > 0) place.state = ErasureState::kErased;
  // The store's listener may have erased it here already, so that what leases keep is asked of the
  // manager as a whole.
  const std::int64_t leased = memory.stats().erased_leased;
  if (leased > 0) {
    place.state = ErasureState::kPending;
    place.note = message(leased,
                         " bytes of what was erased, now or before, are leased and go when the "
                         "last lease on them ends");
  }
  receipt.places.push_back(std::move(place));
}

}  // namespace pema
