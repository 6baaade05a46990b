// Segments made of other segments' entries, whose keys stay as they are stored.
#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "kernels/key_rows.h"
#include "pema/error.h"
#include "pema/segment_edit.h"
#include "src/memory/segment_object.h"

namespace pema {
namespace {

constexpr std::int64_t kBlock = kernels::KeyRows::kBlock;

/// How a key lies in its section: `groups` runs of `unit` bytes, one in each row of a block of
/// `keys`.
struct KeyLayout {
  std::int64_t groups = 1;
  std::int64_t unit = 0;
  std::int64_t keys = 1;

  [[nodiscard]] std::int64_t place(std::int64_t entry, std::int64_t group) const noexcept {
    return ((entry / keys * groups + group) * keys + entry % keys) * unit;
  }
  [[nodiscard]] std::int64_t key_bytes() const noexcept { return groups * unit; }
};

KeyLayout layout_of(const SegmentInfo& info) {
  switch (info.keys) {
    case KeyType::kFloat16:
      return {1, 2 * info.hidden, 1};
    case KeyType::kInt8:
      return {(info.hidden + 1) / 2, 2, kBlock};
    case KeyType::kProductQuantised:
      return {info.parts, 1, kBlock};
    case KeyType::kFloat32:
      break;
  }
  return {1, 4 * info.hidden, 1};
}

void check_piece(const SegmentPiece& piece, std::size_t number, const SegmentInfo& first) {
  PEMA_CHECK(piece.segment != nullptr, kInvalidArgument, "piece ", number, " of a segment is null");
  check_same_kind(first, piece.segment->info(), "the pieces before");
  const auto& out = piece.without;
  const bool rises =
      std::adjacent_find(out.begin(), out.end(), std::greater_equal<>()) == out.end();
  PEMA_CHECK(
      rises && (out.empty() || (out.front() >= 0 && out.back() < piece.segment->info().entries)),
      kInvalidArgument, "the entries to leave out of piece ", number, " must rise and be in [0, ",
      piece.segment->info().entries, ")");
}

/// The sections of a segment that is being put together.
struct Joined {
  SegmentInfo info;
  KeyLayout layout;
  std::vector<std::byte> keys;
  std::vector<float> scales;
  std::vector<std::int32_t> tokens;

  /// Entries [begin, end) of `from`.
  void add(const memory::SegmentParts& from, std::int64_t begin, std::int64_t end) {
    if (begin == end) return;
    for (std::int64_t g = 0; g < layout.groups; ++g) add_group(from, begin, end, g);
    const auto range = [&](const auto& list) { return list.subspan(at(begin), at(end - begin)); };
    if (!from.scales.empty()) {
      const auto some = range(from.scales);
      scales.insert(scales.end(), some.begin(), some.end());
    }
    const auto some = range(from.tokens);
    tokens.insert(tokens.end(), some.begin(), some.end());
  }

 private:
  [[nodiscard]] static std::size_t at(std::int64_t place) {
    return static_cast<std::size_t>(place);
  }

  /// What lies side by side in both is copied at once.
  void add_group(const memory::SegmentParts& from, std::int64_t begin, std::int64_t end,
                 std::int64_t group) {
    const std::int64_t first = std::ssize(tokens);
    const std::int64_t side = layout.keys == 1 ? end - begin : layout.keys;
    for (std::int64_t entry = begin; entry < end;) {
      const std::int64_t to = first + entry - begin;
      const std::int64_t run =
          layout.keys == 1 ? side : std::min({end - entry, side - entry % side, side - to % side});
      std::memcpy(keys.data() + layout.place(to, group),
                  from.keys.data() + layout.place(entry, group), at(run * layout.unit));
      entry += run;
    }
  }
};

/// One entry as bytes: its key as it is stored, its scale, its token.
class StoredEntries {
 public:
  explicit StoredEntries(const Segment& segment)
      : parts_(memory::parse_segment(segment.bytes(), "a segment")),
        layout_(layout_of(segment.info())),
        buffer_(static_cast<std::size_t>(layout_.key_bytes()) + 8) {}

  /// Lives until the next call.
  [[nodiscard]] std::string_view of(std::int64_t entry) {
    std::byte* out = buffer_.data();
    for (std::int64_t g = 0; g < layout_.groups; ++g) {
      std::memcpy(out, parts_.keys.data() + layout_.place(entry, g),
                  static_cast<std::size_t>(layout_.unit));
      out += layout_.unit;
    }
    const auto at = static_cast<std::size_t>(entry);
    const float scale = parts_.scales.empty() ? 0.0F : parts_.scales[at];
    std::memcpy(out, &scale, 4);
    std::memcpy(out + 4, &parts_.tokens[at], 4);
    return {reinterpret_cast<const char*>(buffer_.data()), buffer_.size()};
  }

 private:
  memory::SegmentParts parts_;
  KeyLayout layout_;
  std::vector<std::byte> buffer_;
};

}  // namespace

void check_same_kind(const SegmentInfo& list, const SegmentInfo& info, std::string_view name) {
  const auto kind = [](const SegmentInfo& of) {
    return message(to_string(of.keys), " keys of width ", of.hidden, " at ", to_string(of.site),
                   ", ", of.vocab, " words, base model ", of.model.short_hex(),
                   of.codebook.is_zero() ? "" : ", codebook " + of.codebook.short_hex());
  };
  const bool same = list.model == info.model && list.site == info.site &&
                    list.hidden == info.hidden && list.vocab == info.vocab &&
                    list.keys == info.keys && list.codebook == info.codebook;
  PEMA_CHECK(same, kMismatch, "what is joined must be of one kind: ", name, ": ", kind(list),
             "; the other: ", kind(info), "; make it with the same model, site and type of keys");
}

std::shared_ptr<const Segment> join_segments(std::span<const SegmentPiece> pieces) {
  PEMA_CHECK(!pieces.empty() && pieces[0].segment != nullptr, kInvalidArgument,
             "a segment of no pieces cannot be made");
  Joined joined;
  joined.info = pieces[0].segment->info();
  joined.info.entries = 0;
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    check_piece(pieces[p], p, pieces[0].segment->info());
    joined.info.entries += pieces[p].segment->info().entries - std::ssize(pieces[p].without);
  }
  joined.layout = layout_of(joined.info);
  joined.keys.resize(
      static_cast<std::size_t>(memory::key_section_bytes(joined.info, "a joined segment")));
  joined.tokens.reserve(static_cast<std::size_t>(joined.info.entries));
  for (const SegmentPiece& piece : pieces) {
    const memory::SegmentParts parts = memory::parse_segment(piece.segment->bytes(), "a segment");
    std::int64_t begin = 0;
    for (const std::int64_t out : piece.without) {
      joined.add(parts, begin, out);
      begin = out + 1;
    }
    joined.add(parts, begin, parts.info.entries);
  }
  std::vector<std::byte> bytes =
      memory::build_segment(joined.info, joined.keys, joined.scales, joined.tokens);
  joined.keys = {};
  return Segment::from_bytes(std::move(bytes),
                             [&](const Digest&) { return pieces[0].segment->codebook(); });
}

std::vector<std::int64_t> equal_entries(const Segment& segment, const Segment& like) {
  check_same_kind(segment.info(), like.info(), "the segment");
  const std::hash<std::string_view> hash;
  StoredEntries sought(like);
  std::unordered_multimap<std::size_t, std::int64_t> places;
  for (std::int64_t i = 0; i < like.info().entries; ++i) places.emplace(hash(sought.of(i)), i);
  std::vector<std::int64_t> equal;
  StoredEntries entries(segment);
  for (std::int64_t i = 0; i < segment.info().entries; ++i) {
    const std::string_view entry = entries.of(i);
    const auto [first, last] = places.equal_range(hash(entry));
    if (std::any_of(first, last, [&](const auto& at) { return sought.of(at.second) == entry; })) {
      equal.push_back(i);
    }
  }
  return equal;
}

}  // namespace pema
