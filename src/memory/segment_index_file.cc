#include <algorithm>
#include <array>
#include <cereal/types/array.hpp>
#include <cmath>

#include "pema/error.h"
#include "src/core/checked_math.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"
#include "src/memory/index_sections.h"
#include "src/memory/segment_index.h"

namespace pema::memory {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::int64_t kBlock = kernels::ListCodes::kBlock;
constexpr std::size_t kMeasures = std::size(kMeasuredShares) * std::size(kRecallLevels);

/// Metadata of an index. Sections: directory (digests [segments] of 32 bytes, sizes [segments] i64,
/// list_start [lists + 1] i64, measures [shares, levels] of i64 and f64), centroids with numbers,
/// codes, ids.
struct IndexMeta {
  std::uint32_t version = kVersion;
  std::int64_t cols = 0;
  std::int64_t segments = 0;
  std::int64_t lists = 0;
  std::int64_t blocks = 0;
  std::array<std::uint8_t, 32> payload{};  ///< SHA-256 of the sections, one after the other

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(version, cols, segments, lists, blocks, payload);
  }
};

/// An IndexMeasure without a shortlist.
struct StoredMeasure {
  std::int64_t probes = 0;
  double looked_at = 0;
};
static_assert(sizeof(StoredMeasure) == 16);

/// Of unit vectors all numbers are small; larger ones would make bounds that are no numbers.
constexpr float kLargest = 1e6F;

bool positive_and_small(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return v >= 0 && v <= kLargest; });
}

}  // namespace

std::vector<std::byte> SegmentIndex::serialise() const {
  if (kind_ == IndexCodes::kProduct) return serialise_product();
  std::vector<std::byte> directory;
  for (const Digest& digest : digests_) append<std::uint8_t>(directory, digest.bytes);
  append<std::int64_t>(directory, sizes_);
  append<std::int64_t>(directory, list_start_);
  for (const IndexMeasure& measure : measures_) {
    const StoredMeasure stored{measure.probes, measure.looked_at};
    append<StoredMeasure>(directory, {&stored, 1});
  }
  std::vector<std::byte> numbers;
  append<float>(numbers, centroids_);
  append<float>(numbers, numbers_);
  const std::span<const std::byte> sections[] = {
      directory, numbers, std::as_bytes(std::span(code_bytes_)), std::as_bytes(std::span(ids_))};
  IndexMeta meta;
  meta.cols = codes_.cols;
  meta.segments = std::ssize(digests_);
  meta.lists = codes_.lists();
  meta.blocks = codes_.blocks();
  meta.payload = core::payload_digest(sections).bytes;
  return core::build_object(core::ObjectKind::kSegmentIndex, core::encode_metadata(meta), sections);
}

std::shared_ptr<const SegmentIndex> SegmentIndex::from_bytes(std::span<const std::byte> bytes,
                                                             const Segments& segments,
                                                             const std::string& name) {
  return read(bytes, &segments, name, nullptr);
}

std::shared_ptr<const SegmentIndex> SegmentIndex::from_bytes(std::span<const std::byte> bytes,
                                                             const std::string& name) {
  return read(bytes, nullptr, name, nullptr);
}

std::shared_ptr<SegmentIndex> SegmentIndex::read(std::span<const std::byte> bytes,
                                                 const Segments* segments, const std::string& name,
                                                 std::shared_ptr<const void> owner) {
  std::shared_ptr<SegmentIndex> index(new SegmentIndex);
  if (core::claims_kind(bytes, core::ObjectKind::kProductIndex)) {
    index->owner_ = std::move(owner);
    index->read_product(bytes, segments, name);
  } else {
    index->read_int8(bytes, segments, name);
  }
  index->set_budget(0);
  return index;
}

void SegmentIndex::read_int8(std::span<const std::byte> bytes, const Segments* segments,
                             const std::string& name) {
  const core::ObjectParts parts = core::parse_object(bytes, core::ObjectKind::kSegmentIndex, name);
  const auto meta = core::decode_metadata<IndexMeta>(parts.meta, name);
  PEMA_CHECK(meta.version <= kVersion, kUnsupported, name, ": an index of version ", meta.version,
             ", this build reads ", kVersion, kRebuildFix);
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  PEMA_CHECK(
      meta.version == kVersion && meta.cols >= 1 && meta.cols <= kernels::ListCodes::kMaxCols &&
          meta.segments >= 1 && meta.segments < kMost && meta.lists >= 0 && meta.lists < kMost &&
          meta.blocks >= meta.lists && meta.blocks < kMost / kBlock && parts.sections.size() == 4,
      kCorrupt, name, ": ", meta.lists, " lists of ", meta.blocks, " blocks of width ", meta.cols,
      " over ", meta.segments, " segments are outside the limits", kRebuildFix);
  const std::int64_t places = meta.blocks * kBlock;
  const std::int64_t sizes[] = {
      40 * meta.segments + 8 * (meta.lists + 1) + 16 * static_cast<std::int64_t>(kMeasures),
      4 * (meta.lists * meta.cols + 3 * places), (meta.cols + 3) / 4 * 4 * places, 8 * places};
  check_sections(parts, sizes, meta.payload, name);
  std::span<const std::byte> directory = parts.sections[0];
  const auto digests = take<Digest>(directory, meta.segments);
  const auto entries = take<std::int64_t>(directory, meta.segments);
  list_start_ = take<std::int64_t>(directory, meta.lists + 1);
  const auto measures = take<StoredMeasure>(directory, kMeasures);
  for (const auto& [probes, looked_at] : measures) {
    PEMA_CHECK(probes >= 0 && probes <= meta.lists && std::isfinite(looked_at) && looked_at >= 0,
               kCorrupt, name, ": a measured cost makes no sense", kRebuildFix);
    measures_.push_back({probes, looked_at, 0});
  }
  codes_.cols = meta.cols;
  know_segments(segments, digests, entries, meta.cols, name);
  std::span<const std::byte> numbers = parts.sections[1];
  centroids_ = take<float>(numbers, meta.lists * meta.cols);
  numbers_ = take<float>(numbers, 3 * places);
  std::span<const std::byte> codes = parts.sections[2];
  code_bytes_ = take<std::uint8_t>(codes, sizes[2]);
  std::span<const std::byte> ids = parts.sections[3];
  ids_ = take<std::int32_t>(ids, 2 * places);
  set_views();
  check_lists(meta.blocks, name);
}

void SegmentIndex::know_segments(const Segments* segments, std::span<const Digest> digests,
                                 std::span<const std::int64_t> entries, std::int64_t cols,
                                 const std::string& name) {
  if (segments == nullptr) {
    name_digests(digests, entries, name);
    return;
  }
  adopt_segments(*segments, digests, entries, name);
  PEMA_CHECK(segments_[0]->info().hidden == cols, kCorrupt, name,
             ": its width is not that of its segments", kRebuildFix);
}

void SegmentIndex::name_digests(std::span<const Digest> digests,
                                std::span<const std::int64_t> entries, const std::string& name) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  segments_.resize(digests.size());
  digests_.assign(digests.begin(), digests.end());
  sizes_.assign(entries.begin(), entries.end());
  for (std::size_t s = 0; s < digests.size(); ++s) {
    PEMA_CHECK(entries[s] >= 0 && entries[s] < kMost && entries_ < kMost, kCorrupt, name,
               ": a segment's number of keys makes no sense", kRebuildFix);
    entries_ += entries[s];
    PEMA_CHECK(by_digest_.emplace(digests[s], static_cast<std::int32_t>(s)).second, kCorrupt, name,
               ": it names a segment twice", kRebuildFix);
  }
}

void SegmentIndex::adopt_segments(const Segments& segments, std::span<const Digest> digests,
                                  std::span<const std::int64_t> entries, const std::string& name) {
  std::unordered_map<Digest, std::shared_ptr<const Segment>> known;
  for (const auto& segment : segments) {
    PEMA_CHECK(segment != nullptr, kInvalidArgument, "a segment of an index is null");
    if (segment->info().keys != KeyType::kProductQuantised) {
      known.emplace(segment->digest(), segment);
    }
  }
  for (const Digest& digest : digests) {
    const auto found = known.find(digest);
    PEMA_CHECK(found != known.end(), kMismatch, name, ": made when there was a segment ",
               digest.short_hex(), ", which is gone; build the index again");
    segments_.push_back(found->second);
  }
  PEMA_CHECK(digests.size() == known.size(), kMismatch, name, ": made for ", digests.size(),
             " segments, there are ", known.size(), " now; build the index again");
  name_segments();
  PEMA_CHECK(std::equal(sizes_.begin(), sizes_.end(), entries.begin(), entries.end()), kCorrupt,
             name, ": a segment's number of keys is wrong", kRebuildFix);
  for (const std::int64_t size : sizes_) entries_ += size;
}

void SegmentIndex::check_lists(std::int64_t blocks, const std::string& name) const {
  PEMA_CHECK(
      positive_and_small(numbers_) && std::all_of(centroids_.begin(), centroids_.end(),
                                                  [](float v) { return std::abs(v) <= kLargest; }),
      kCorrupt, name, ": a number is not finite, far too large, or negative", kRebuildFix);
  check_keys(blocks, name);
}

void SegmentIndex::check_keys(std::int64_t blocks, const std::string& name) const {
  PEMA_CHECK(list_start_.front() == 0 && list_start_.back() == blocks &&
                 std::is_sorted(list_start_.begin(), list_start_.end()),
             kCorrupt, name, ": its lists overlap", kRebuildFix);
  const std::size_t places = lists().segment.size();
  std::int64_t keys = 0;
  for (std::size_t place = 0; place < places; ++place) {
    const std::int32_t segment = lists().segment[place];
    if (segment == -1) continue;
    const std::int32_t row = lists().row[place];
    PEMA_CHECK(segment >= 0 && segment < std::ssize(sizes_) && row >= 0 && row < size_of(segment),
               kCorrupt, name, ": it names key ", row, " of segment ", segment,
               ", which does not exist", kRebuildFix);
    ++keys;
  }
  PEMA_CHECK(keys == entries_, kCorrupt, name, ": it has ", keys, " keys, its segments have ",
             entries_, kRebuildFix);
}

}  // namespace pema::memory
