#include "src/memory/segment_object.h"

#include <array>
#include <limits>

#include <cereal/types/array.hpp>

#include "kernels/key_rows.h"
#include "pema/codebook.h"
#include "pema/error.h"
#include "src/core/checked_math.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"

namespace pema::memory {
namespace {

constexpr const char* kFix = "; restore the file from a backup or store the segment again";

/// Metadata of a segment in float32. Sections: keys [n, d] f32, tokens [n] i32.
struct PlainMeta {
  std::array<std::uint8_t, 32> model{};
  std::uint8_t site = 0;
  std::int64_t hidden = 0;
  std::int64_t vocab = 0;
  std::int64_t entries = 0;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(model, site, hidden, vocab, entries);
  }
};

/// Of one with rounded keys. Sections: keys, scales (of int8), tokens.
struct RoundedMeta {
  PlainMeta plain;
  std::uint8_t keys = 0;
  std::int64_t parts = 0;
  std::array<std::uint8_t, 32> codebook{};

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(plain, keys, parts, codebook);
  }
};

PlainMeta plain_meta(const SegmentInfo& info) {
  return {info.model.bytes, static_cast<std::uint8_t>(info.site), info.hidden, info.vocab,
          info.entries};
}

SegmentInfo info_of(const RoundedMeta& meta) {
  SegmentInfo info;
  info.model.bytes = meta.plain.model;
  info.site = static_cast<FeatureSite>(meta.plain.site);
  info.hidden = meta.plain.hidden;
  info.vocab = meta.plain.vocab;
  info.entries = meta.plain.entries;
  info.keys = static_cast<KeyType>(meta.keys);
  info.codebook.bytes = meta.codebook;
  info.parts = meta.parts;
  return info;
}

void check_length(std::span<const std::byte> section, std::size_t number, std::int64_t expected,
                  const std::string& name) {
  PEMA_CHECK(static_cast<std::int64_t>(section.size()) == expected, kCorrupt, name, ": section ",
             number, " has ", section.size(), " bytes instead of ", expected, kFix);
}

}  // namespace

bool in_range(const SegmentInfo& info) noexcept {
  const bool quantised = info.keys == KeyType::kProductQuantised;
  const bool sizes = info.hidden >= 1 && info.hidden <= Segment::kMaxHidden && info.vocab >= 1 &&
                     info.vocab <= std::numeric_limits<std::int32_t>::max() && info.entries >= 0;
  return sizes && info.site <= FeatureSite::kPreNorm && info.keys <= KeyType::kProductQuantised &&
         info.codebook.is_zero() == !quantised && info.parts >= (quantised ? 1 : 0) &&
         info.parts <= (quantised ? Codebook::kMaxParts : 0);
}

std::int64_t key_section_bytes(const SegmentInfo& info, const std::string& name) {
  constexpr std::int64_t kBlock = kernels::KeyRows::kBlock;
  // n is at most 2^63 - 1 and the quotient far below it.
  const std::int64_t padded = core::checked_multiply(
      info.entries / kBlock + (info.entries % kBlock != 0 ? 1 : 0), kBlock, name.c_str());
  switch (info.keys) {
    case KeyType::kFloat16:
      return core::checked_multiply(info.entries, 2 * info.hidden, name.c_str());
    case KeyType::kInt8:
      return core::checked_multiply(padded, info.hidden + info.hidden % 2, name.c_str());
    case KeyType::kProductQuantised:
      return core::checked_multiply(padded, info.parts, name.c_str());
    case KeyType::kFloat32:
      break;
  }
  return core::checked_multiply(info.entries, 4 * info.hidden, name.c_str());
}

SegmentParts parse_segment(std::span<const std::byte> bytes, const std::string& name) {
  const bool rounded = core::claims_kind(bytes, core::ObjectKind::kRoundedSegment);
  const core::ObjectParts parts = core::parse_object(
      bytes, rounded ? core::ObjectKind::kRoundedSegment : core::ObjectKind::kSegment, name);
  RoundedMeta meta;
  if (rounded) {
    meta = core::decode_metadata<RoundedMeta>(parts.meta, name);
  } else {
    meta.plain = core::decode_metadata<PlainMeta>(parts.meta, name);
  }
  SegmentParts segment;
  segment.info = info_of(meta);
  PEMA_CHECK(in_range(segment.info) && (segment.info.keys != KeyType::kFloat32) == rounded,
             kCorrupt, name, ": ", meta.plain.entries, " keys of width ", meta.plain.hidden,
             " and type ", static_cast<int>(meta.keys), " in ", meta.parts,
             " parts over a vocabulary of ", meta.plain.vocab, " are outside the limits", kFix);
  const std::size_t count = rounded ? 3 : 2;
  PEMA_CHECK(parts.sections.size() == count, kCorrupt, name, ": has ", parts.sections.size(),
             " sections instead of ", count, kFix);
  const std::int64_t entries = segment.info.entries;
  check_length(parts.sections[0], 0, key_section_bytes(segment.info, name), name);
  const std::int64_t column = core::checked_multiply(entries, 4, name.c_str());
  if (rounded) {
    const bool scaled = segment.info.keys == KeyType::kInt8;
    check_length(parts.sections[1], 1, scaled ? column : 0, name);
    segment.scales = {reinterpret_cast<const float*>(parts.sections[1].data()),
                      static_cast<std::size_t>(scaled ? entries : 0)};
  }
  check_length(parts.sections[count - 1], count - 1, column, name);
  segment.keys = parts.sections[0];
  segment.tokens = {reinterpret_cast<const std::int32_t*>(parts.sections[count - 1].data()),
                    static_cast<std::size_t>(entries)};
  return segment;
}

std::vector<std::byte> build_segment(const SegmentInfo& info, std::span<const std::byte> keys,
                                     std::span<const float> scales,
                                     std::span<const std::int32_t> tokens) {
  if (info.keys == KeyType::kFloat32) {
    const std::span<const std::byte> sections[] = {keys, std::as_bytes(tokens)};
    return core::build_object(core::ObjectKind::kSegment, core::encode_metadata(plain_meta(info)),
                              sections);
  }
  const RoundedMeta meta{plain_meta(info), static_cast<std::uint8_t>(info.keys), info.parts,
                         info.codebook.bytes};
  const std::span<const std::byte> sections[] = {keys, std::as_bytes(scales),
                                                 std::as_bytes(tokens)};
  return core::build_object(core::ObjectKind::kRoundedSegment, core::encode_metadata(meta),
                            sections);
}

}  // namespace pema::memory
