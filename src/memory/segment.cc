#include <cmath>
#include <limits>
#include <utility>

#include <cereal/types/array.hpp>

#include "kernels/key_codes.h"
#include "pema/error.h"
#include "pema/memory.h"
#include "src/core/checked_math.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"
#include "src/memory/unit_vector.h"

namespace pema {
namespace {

constexpr const char* kFix = "; restore the file from a backup or store the segment again";

/// Metadata of a segment. Sections: keys [n, d] f32, tokens [n] i32.
struct SegmentMeta {
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

bool in_range(const SegmentMeta& meta) {
  return meta.site <= static_cast<std::uint8_t>(FeatureSite::kPreNorm) && meta.hidden >= 1 &&
         meta.hidden <= Segment::kMaxHidden && meta.vocab >= 1 &&
         meta.vocab <= std::numeric_limits<std::int32_t>::max() && meta.entries >= 0;
}

/// Throws `code` for the first entry whose key is no unit vector or whose token is outside [0, V).
void check_entries(MatrixView<const float> keys, std::span<const std::int32_t> tokens,
                   std::int64_t vocab, ErrorCode code, const std::string& name, const char* fix) {
  for (std::int64_t i = 0; i < keys.rows; ++i) {
    const std::int32_t token = tokens[static_cast<std::size_t>(i)];
    if (!memory::is_unit(keys.row_span(i))) {
      fail(code, name, ": the key of entry ", i, " is no finite unit vector (its length is ",
           memory::norm(keys.row_span(i)), ")", fix);
    }
    if (token < 0 || token >= vocab) {
      fail(code, name, ": the token of entry ", i, " is ", token, ", outside [0, ", vocab, ")",
           fix);
    }
  }
}

}  // namespace

std::shared_ptr<const Segment> Segment::make(SegmentInfo info, MatrixView<const float> keys,
                                             std::span<const std::int32_t> tokens) {
  info.entries = keys.rows;
  const SegmentMeta meta{info.model.bytes, static_cast<std::uint8_t>(info.site), info.hidden,
                         info.vocab, info.entries};
  PEMA_CHECK(in_range(meta), kInvalidArgument, "a segment of ", info.entries, " keys of width ",
             info.hidden, " over a vocabulary of ", info.vocab,
             " cannot be made; the width is in [1, ", kMaxHidden, "], the vocabulary in [1, 2^31)");
  PEMA_CHECK(keys.cols == info.hidden && keys.stride >= keys.cols &&
                 static_cast<std::int64_t>(tokens.size()) == keys.rows &&
                 (keys.rows == 0 || keys.data != nullptr),
             kInvalidArgument, "shapes disagree: keys [", keys.rows, ", ", keys.cols, "], tokens [",
             tokens.size(), "], width ", info.hidden);
  check_entries(keys, tokens, info.vocab, ErrorCode::kInvalidArgument, "segment",
                "; make keys with make_recall_keys");
  std::vector<float> packed;
  if (keys.stride != keys.cols && keys.rows > 1) {
    packed.reserve(static_cast<std::size_t>(keys.rows * keys.cols));
    for (std::int64_t i = 0; i < keys.rows; ++i) {
      packed.insert(packed.end(), keys.row(i), keys.row(i) + keys.cols);
    }
    keys = {packed.data(), keys.rows, keys.cols};
  }
  const std::span<const float> values{keys.data, static_cast<std::size_t>(keys.rows * keys.cols)};
  const std::span<const std::byte> sections[] = {std::as_bytes(values), std::as_bytes(tokens)};
  return from_bytes(
      core::build_object(core::ObjectKind::kSegment, core::encode_metadata(meta), sections));
}

std::shared_ptr<const Segment> Segment::from_bytes(std::vector<std::byte> bytes) {
  const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return adopt(*owner, sha256(*owner), owner, "segment in memory");
}

std::shared_ptr<const Segment> Segment::open(const std::string& path, const Digest& expected) {
  const core::MappedObject object = core::open_object(path, core::ObjectKind::kSegment, expected);
  return adopt(object.file->bytes(), expected, object.file, path);
}

std::shared_ptr<const Segment> Segment::adopt(std::span<const std::byte> bytes,
                                              const Digest& digest,
                                              std::shared_ptr<const void> owner,
                                              const std::string& name) {
  const core::ObjectParts parts = core::parse_object(bytes, core::ObjectKind::kSegment, name);
  const auto meta = core::decode_metadata<SegmentMeta>(parts.meta, name);
  PEMA_CHECK(in_range(meta), kCorrupt, name, ": ", meta.entries, " keys of width ", meta.hidden,
             " over a vocabulary of ", meta.vocab, " are outside the limits", kFix);
  const std::int64_t key_bytes = core::checked_multiply(
      core::checked_multiply(meta.entries, meta.hidden, name.c_str()), sizeof(float), name.c_str());
  const std::int64_t sizes[] = {key_bytes, 4 * meta.entries};
  PEMA_CHECK(parts.sections.size() == 2, kCorrupt, name, ": has ", parts.sections.size(),
             " sections instead of 2", kFix);
  for (std::size_t i = 0; i < 2; ++i) {
    PEMA_CHECK(static_cast<std::int64_t>(parts.sections[i].size()) == sizes[i], kCorrupt, name,
               ": section ", i, " has ", parts.sections[i].size(), " bytes instead of ", sizes[i],
               kFix);
  }
  std::shared_ptr<Segment> segment(new Segment);
  segment->info_.model.bytes = meta.model;
  segment->info_.site = static_cast<FeatureSite>(meta.site);
  segment->info_.hidden = meta.hidden;
  segment->info_.vocab = meta.vocab;
  segment->info_.entries = meta.entries;
  segment->keys_ = {reinterpret_cast<const float*>(parts.sections[0].data()), meta.entries,
                    meta.hidden};
  segment->tokens_ = {reinterpret_cast<const std::int32_t*>(parts.sections[1].data()),
                      static_cast<std::size_t>(meta.entries)};
  check_entries(segment->keys_, segment->tokens_, meta.vocab, ErrorCode::kCorrupt, name, kFix);
  segment->digest_ = digest;
  segment->bytes_ = bytes;
  segment->owner_ = std::move(owner);
  return segment;
}

const kernels::KeyCodes& Segment::codes() const {
  std::call_once(codes_once_, [&] { codes_ = std::make_shared<const kernels::KeyCodes>(keys_); });
  return *codes_;
}

std::vector<std::byte> Segment::serialise() const { return {bytes_.begin(), bytes_.end()}; }

}  // namespace pema
