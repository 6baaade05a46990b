#include "pema/recall_index.h"

#include "kernels/parallel.h"
#include "src/memory/segment_index.h"

namespace pema {

OpenedRecallIndex open_recall_index(const std::string& path,
                                    std::span<const std::shared_ptr<const Segment>> segments,
                                    const RecallIndexOptions& options) {
  kernels::ThreadPool pool(options.threads);
  OpenedRecallIndex opened;
  opened.index = memory::SegmentIndex::open_or_build(path, {segments.begin(), segments.end()}, pool,
                                                     {.lists = options.lists,
                                                      .progress = options.progress,
                                                      .codes = options.codes,
                                                      .bytes_per_key = options.bytes_per_key,
                                                      .memory_budget = options.memory_budget},
                                                     opened.built);
  opened.bytes = opened.index->bytes();
  return opened;
}

}  // namespace pema
