#include "pema/recall_index.h"

#include "kernels/parallel.h"
#include "src/core/object_file.h"
#include "src/memory/segment_index.h"

namespace pema {

OpenedRecallIndex open_recall_index(const std::string& path,
                                    std::span<const std::shared_ptr<const Segment>> segments,
                                    const RecallIndexOptions& options) {
  kernels::ThreadPool pool(options.threads);
  OpenedRecallIndex opened;
  opened.index = memory::SegmentIndex::open_or_build(
      path, {segments.begin(), segments.end()}, pool,
      {.lists = options.lists, .progress = options.progress}, opened.built);
  opened.bytes = opened.index->bytes();
  return opened;
}

std::shared_ptr<const RecallIndex> read_recall_index(const std::string& path) {
  return memory::SegmentIndex::from_bytes(core::MappedFile::open(path)->bytes(), path);
}

RecallIndexInfo describe(const RecallIndex& index) {
  RecallIndexInfo info;
  info.hidden = index.codes().cols;
  info.entries = index.entries();
  info.lists = index.codes().lists();
  info.bytes = index.bytes();
  info.segments.assign(index.digests().begin(), index.digests().end());
  return info;
}

}  // namespace pema
