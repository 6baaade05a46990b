// The file of an index by product codes (docs/formats/index.md).
#include <algorithm>
#include <array>
#include <cereal/types/array.hpp>
#include <cmath>

#include "pema/codebook.h"
#include "pema/error.h"
#include "src/core/checked_math.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"
#include "src/memory/index_sections.h"
#include "src/memory/learn_rotation.h"
#include "src/memory/segment_index.h"

namespace pema::memory {
namespace {

constexpr std::int64_t kBlock = kernels::ProductLists::kBlock;
constexpr std::int64_t kCentroids = kernels::ProductSpace::kCentroids;
constexpr std::int64_t kMeasures = std::ssize(kProductShares) * std::ssize(kRecallLevels);
static_assert(sizeof(IndexMeasure) == 24);

/// Metadata. Sections: directory (digests [segments] of 32 bytes, sizes [segments] i64, list_start
/// [lists + 1] i64, measures [shares, levels] of i64, f64 and i64), numbers, codes, ids.
struct ProductIndexMeta {
  std::int64_t cols = 0;
  std::int64_t segments = 0;
  std::int64_t lists = 0;
  std::int64_t blocks = 0;
  std::int64_t parts = 0;
  std::array<std::uint8_t, 32> payload{};  ///< SHA-256 of the sections, one after the other

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(cols, segments, lists, blocks, parts, payload);
  }
};

template <typename T>
std::span<const T> view(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

bool in_range(const ProductIndexMeta& meta) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  return meta.cols >= 1 && meta.cols <= kWidestRotation && meta.segments >= 1 &&
         meta.segments < kMost && meta.lists >= 0 && meta.lists < kMost &&
         meta.blocks >= meta.lists && meta.blocks < kMost / kBlock && meta.parts >= 1 &&
         meta.parts <= Codebook::kMaxParts &&
         (meta.parts - 1) * ((meta.cols + meta.parts - 1) / meta.parts) < meta.cols;
}

ProductIndexMeta read_meta(const core::ObjectParts& parts, const std::string& name) {
  const auto meta = core::decode_metadata<ProductIndexMeta>(parts.meta, name);
  PEMA_CHECK(in_range(meta) && parts.sections.size() == 4, kCorrupt, name, ": ", meta.lists,
             " lists of ", meta.blocks, " blocks of width ", meta.cols, " in ", meta.parts,
             " parts over ", meta.segments, " segments are outside the limits", kRebuildFix);
  return meta;
}

/// What of an index is written.
struct Pieces {
  std::vector<std::byte> directory;
  std::span<const std::byte> numbers;
  std::span<const std::byte> codes;
  std::span<const std::byte> ids;

  [[nodiscard]] std::array<std::span<const std::byte>, 4> sections() const {
    return {directory, numbers, codes, ids};
  }
};

Pieces pieces_of(const SegmentIndex& index, std::span<const IndexMeasure> measures) {
  const kernels::ProductLists& lists = index.product();
  Pieces out;
  std::vector<std::int64_t> sizes;
  for (std::int32_t s = 0; s < std::ssize(index.digests()); ++s) {
    append<std::uint8_t>(out.directory, index.digests()[static_cast<std::size_t>(s)].bytes);
    sizes.push_back(index.size_of(s));
  }
  append<std::int64_t>(out.directory, sizes);
  append<std::int64_t>(out.directory, lists.list_start);
  append<IndexMeasure>(out.directory, measures);
  // Centroids, rotation, centroids of parts and terms lie one after the other, as do segments and
  // rows.
  out.numbers =
      std::as_bytes(std::span(lists.centroids.data(), lists.terms.data() + lists.terms.size()));
  out.codes = std::as_bytes(lists.codes);
  out.ids = std::as_bytes(std::span(lists.segment.data(), 2 * lists.segment.size()));
  return out;
}

std::vector<std::byte> meta_of(const SegmentIndex& index, const Pieces& pieces) {
  const kernels::ProductLists& lists = index.product();
  ProductIndexMeta meta;
  meta.cols = lists.cols;
  meta.segments = std::ssize(index.digests());
  meta.lists = lists.lists();
  meta.blocks = lists.blocks();
  meta.parts = lists.space.parts;
  meta.payload = core::payload_digest(pieces.sections()).bytes;
  return core::encode_metadata(meta);
}

}  // namespace

std::int64_t parts_in_file(std::span<const std::byte> bytes, const std::string& name) {
  return read_meta(core::parse_object(bytes, core::ObjectKind::kProductIndex, name), name).parts;
}

std::vector<std::byte> SegmentIndex::serialise_product() const {
  const Pieces pieces = pieces_of(*this, measures_);
  return core::build_object(core::ObjectKind::kProductIndex, meta_of(*this, pieces),
                            pieces.sections());
}

void SegmentIndex::write_product(const std::string& path) const {
  const Pieces pieces = pieces_of(*this, measures_);
  core::write_object(path, core::ObjectKind::kProductIndex, meta_of(*this, pieces),
                     pieces.sections());
}

void SegmentIndex::read_product(std::span<const std::byte> bytes, const Segments* segments,
                                const std::string& name) {
  kind_ = IndexCodes::kProduct;
  const core::ObjectParts parts = core::parse_object(bytes, core::ObjectKind::kProductIndex, name);
  const ProductIndexMeta meta = read_meta(parts, name);
  const std::int64_t places = meta.blocks * kBlock;
  const std::int64_t sizes[] = {40 * meta.segments + 8 * (meta.lists + 1) + 24 * kMeasures,
                                4 * ((meta.lists + meta.cols + kCentroids) * meta.cols + places),
                                meta.parts * places, 8 * places};
  check_sections(parts, sizes, meta.payload, name);
  std::span<const std::byte> directory = parts.sections[0];
  const auto digests = take<Digest>(directory, meta.segments);
  const auto entries = take<std::int64_t>(directory, meta.segments);
  list_start_ = take<std::int64_t>(directory, meta.lists + 1);
  measures_ = take<IndexMeasure>(directory, kMeasures);
  for (const IndexMeasure& measure : measures_) {
    PEMA_CHECK(measure.probes >= 0 && measure.probes <= meta.lists &&
                   std::isfinite(measure.looked_at) && measure.looked_at >= 0 &&
                   measure.shortlist >= 0 && measure.shortlist <= kLongestShortlist,
               kCorrupt, name, ": a measured cost makes no sense", kRebuildFix);
  }
  know_segments(segments, digests, entries, meta.cols, name);
  auto numbers = view<float>(parts.sections[1]);
  auto codes = view<std::uint8_t>(parts.sections[2]);
  auto ids = view<std::int32_t>(parts.sections[3]);
  PEMA_CHECK(
      std::all_of(numbers.begin(), numbers.end(), [](float v) { return std::abs(v) <= 1e6F; }),
      kCorrupt, name, ": a number is not finite, or far too large", kRebuildFix);
  if (owner_ == nullptr) {
    const auto copy = std::make_shared<ProductArrays>();
    copy->numbers.assign(numbers.begin(), numbers.end());
    copy->codes.assign(codes.begin(), codes.end());
    copy->ids.assign(ids.begin(), ids.end());
    numbers = copy->numbers;
    codes = copy->codes;
    ids = copy->ids;
    owner_ = copy;
  }
  set_product_views(numbers, codes, ids, meta.cols, meta.parts);
  check_keys(meta.blocks, name);
}

}  // namespace pema::memory
