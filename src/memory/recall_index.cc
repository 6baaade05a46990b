#include "pema/recall_index.h"

#include "kernels/parallel.h"
#include "pema/error.h"
#include "src/core/object_file.h"
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

std::shared_ptr<const RecallIndex> read_recall_index(const std::string& path) {
  return memory::SegmentIndex::open(path);
}

std::optional<RecallIndexCodes> codes_in_file(const std::string& path) {
  try {
    const auto file = core::MappedFile::open(path);
    if (core::claims_kind(file->bytes(), core::ObjectKind::kProductIndex)) {
      return RecallIndexCodes{IndexCodes::kProduct, memory::parts_in_file(file->bytes(), path)};
    }
    if (core::claims_kind(file->bytes(), core::ObjectKind::kSegmentIndex)) {
      return RecallIndexCodes{};
    }
  } catch (const Error&) {
    // Who opens the file as an index says what is wrong with it.
    return std::nullopt;
  }
  return std::nullopt;
}

bool codes_suit(const RecallIndexCodes& codes, std::int64_t hidden, std::int64_t entries,
                const RecallIndexOptions& options) {
  memory::check_options(options.lists, options.bytes_per_key, options.memory_budget);
  if (options.codes != IndexCodes::kAuto && options.codes != codes.codes) return false;
  if (options.codes == IndexCodes::kProduct &&
      memory::parts_for(hidden, options.bytes_per_key) != codes.bytes_per_key) {
    return false;
  }
  return options.memory_budget == 0 ||
         entries * memory::key_code_bytes(hidden, codes.codes, codes.bytes_per_key) <=
             options.memory_budget / 2;
}

RecallIndexInfo describe(const RecallIndex& index) {
  RecallIndexInfo info;
  info.hidden = index.lists().cols;
  info.entries = index.entries();
  info.lists = index.lists().lists();
  info.bytes = index.bytes();
  info.segments.assign(index.digests().begin(), index.digests().end());
  return info;
}

}  // namespace pema
