#include "src/memory/look_closer.h"

#include <algorithm>

#include "kernels/key_codes.h"
#include "kernels/product_list_search.h"
#include "src/memory/segment_index.h"

namespace pema::memory {
namespace {

/// A key that a row wants to know the distance of.
struct Wanted {
  std::int32_t segment = 0;
  std::int32_t row = 0;
  std::int32_t asker = 0;
};

bool before(const Wanted& a, const Wanted& b) {
  if (a.segment != b.segment) return a.segment < b.segment;
  return a.row != b.row ? a.row < b.row : a.asker < b.asker;
}

/// Reads keys that come in the order of the files.
class KeyStream {
 public:
  KeyStream(const SeenPages& seen, std::int64_t cols)
      : seen_(seen), buffer_(static_cast<std::size_t>(cols)) {}

  const float* key(const Wanted& wanted) {
    if (wanted.segment == segment_ && wanted.row == row_) return key_;
    // A new window of the file, or the one that was mapped for the key before?
    const Segment& segment = seen_.segment(wanted.segment);
    const FilePlace place = segment.place_in_file(wanted.row);
    const std::int64_t windows = place.last / PageAllowance::kWindow -
                                 std::max(place.first / PageAllowance::kWindow,
                                          wanted.segment == segment_ ? mapped_ + 1 : 0) +
                                 1;
    if (windows > 0) seen_.touch(wanted.segment, windows * PageAllowance::kWindow);
    segment_ = wanted.segment;
    row_ = wanted.row;
    mapped_ = place.last / PageAllowance::kWindow;
    key_ = SegmentIndex::key_of(segment, row_, buffer_.data());
    return key_;
  }

 private:
  const SeenPages& seen_;
  std::vector<float> buffer_;
  const float* key_ = nullptr;
  std::int32_t segment_ = -1;
  std::int32_t row_ = -1;
  std::int64_t mapped_ = -1;  // the last window
};

}  // namespace

std::vector<std::vector<kernels::NearKey>> nearest_by_codes(const kernels::ProductLists& lists,
                                                            std::span<const kernels::ListRow> rows,
                                                            const SeenPages& seen,
                                                            kernels::ThreadPool& pool) {
  const auto found = kernels::shortlists(lists, rows, pool);
  std::vector<Wanted> wanted;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (const kernels::ListedKey& key : found[r]) {
      const auto place = static_cast<std::size_t>(key.place);
      wanted.push_back({lists.segment[place], lists.row[place], static_cast<std::int32_t>(r)});
    }
  }
  std::sort(wanted.begin(), wanted.end(), before);
  std::vector<float> distances(wanted.size());
  pool.run(std::ssize(wanted), 1, [&](std::int64_t begin, std::int64_t end) {
    KeyStream stream(seen, lists.cols);
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      distances[i] = kernels::squared_distance(
          rows[static_cast<std::size_t>(wanted[i].asker)].query, stream.key(wanted[i]), lists.cols);
    }
  });
  std::vector<std::vector<kernels::NearKey>> result(rows.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto r = static_cast<std::size_t>(wanted[i].asker);
    result[r].push_back(
        {distances[i], rows[r].place[static_cast<std::size_t>(wanted[i].segment)], wanted[i].row});
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto count = std::min(std::ssize(result[r]), rows[r].count);
    std::partial_sort(result[r].begin(), result[r].begin() + count, result[r].end(),
                      kernels::nearer);
    result[r].resize(static_cast<std::size_t>(count));
  }
  return result;
}

}  // namespace pema::memory
