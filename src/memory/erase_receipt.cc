#include <utility>

#include "pema/erasure.h"
#include "pema/error.h"

namespace pema {

void erase_from_memory(MemoryManager& memory, ErasureReceipt& receipt) {
  ErasedPlace place{.place = ErasurePlace::kServingMemory};
  std::int64_t leased = 0;
  for (const Digest& digest : receipt.in_memory) {
    const MemoryErasure erased = memory.erase(digest);
    place.items += erased.items;
    place.bytes += erased.bytes;
    leased += erased.leased_bytes;
  }
  if (place.items > 0) place.state = ErasureState::kErased;
  if (leased > 0) {
    place.state = ErasureState::kPending;
    place.note = message(leased, " bytes are leased and go when the last lease on them ends");
  }
  receipt.places.push_back(std::move(place));
}

}  // namespace pema
