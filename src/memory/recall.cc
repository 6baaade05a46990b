#include "pema/error.h"
#include "pema/memory.h"
#include "src/memory/search.h"

namespace pema {

std::vector<Neighbour> recall(std::span<const std::shared_ptr<const Segment>> segments,
                              std::span<const float> query, std::int64_t k) {
  kernels::ThreadPool here(1);
  const memory::SearchRow row{segments, query, k};
  return memory::search({&row, 1}, here).front();
}

}  // namespace pema
