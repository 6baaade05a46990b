#include <bit>
#include <cstring>
#include <utility>

#include "pema/error.h"
#include "profiles/bundle_meta.h"
#include "profiles/mask_check.h"
#include "profiles/name.h"
#include "profiles/profile_codec.h"
#include "profiles/selection.h"

namespace pema::profiles {
namespace {

constexpr std::size_t kEndBytes = 34;  // type, length, digest
constexpr std::string_view kMagic = "PEMASEL1";

[[noreturn]] void refuse(const std::string& origin, const std::string& why) {
  fail(ErrorCode::kCorrupt, origin, ": the selection is damaged (", why, "); export it again");
}

std::string take_text(ByteReader& reader, std::int64_t most) {
  const std::int64_t size = reader.varint();
  if (size > most) reader.refuse("a text is longer than any");
  const std::span<const std::byte> bytes = reader.take(size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> take_counted(ByteReader& reader) { return reader.take(reader.varint()); }

double take_double(ByteReader& reader) {
  std::uint64_t bits = 0;
  int shift = 0;
  for (const std::byte byte : reader.take(8)) {
    bits |= std::to_integer<std::uint64_t>(byte) << shift;
    shift += 8;
  }
  return std::bit_cast<double>(bits);
}

/// Nothing, or a number of something before: one of `count`.
std::optional<std::int64_t> take_optional(ByteReader& reader, std::int64_t count) {
  const std::int64_t value = reader.varint();
  if (value > count) reader.refuse("it names something that does not stand before it");
  return value == 0 ? std::nullopt : std::optional(value - 1);
}

std::int64_t take_number(ByteReader& reader, std::int64_t count) {
  const std::int64_t value = reader.varint();
  if (value >= count) reader.refuse("it names something that does not stand before it");
  return value;
}

std::uint8_t take_byte(ByteReader& reader) {
  return std::to_integer<std::uint8_t>(reader.take(1)[0]);
}

/// A profile frame; `pools` and `segments` stand before it.
SelectionProfile take_profile(ByteReader& reader, std::int64_t pools, std::int64_t segments,
                              const std::string& origin) {
  SelectionProfile profile;
  profile.name = take_text(reader, kMaxTextBytes);
  check_name(profile.name, "profile name");
  profile.pool = take_optional(reader, pools);
  profile.schedule = decode_schedule(take_counted(reader), origin);
  profile.mask = decode_mask(take_counted(reader), origin);
  profile.expires = take_optional(reader, INT64_MAX);
  std::vector<SegmentId> numbers;
  take_rising(reader, numbers);
  for (const SegmentId number : numbers) {
    if (number.value < 1 || number.value > segments) {
      reader.refuse("it names something that does not stand before it");
    }
    profile.segments.push_back(number.value - 1);
  }
  return profile;
}

/// Calls `visit(type, payload)` for every frame but the end, whose place was checked.
template <typename Visit>
void walk(std::span<const std::byte> bytes, const std::string& origin, const Visit& visit) {
  ByteReader reader(bytes.subspan(kMagic.size(), bytes.size() - kMagic.size() - kEndBytes), origin);
  while (reader.left() > 0) {
    const auto type = static_cast<FrameType>(take_byte(reader));
    visit(type, take_counted(reader));
  }
}

/// The first walk: takes everything apart and checks it.
class Checker {
 public:
  explicit Checker(const std::string& origin) : origin_(origin) {}

  void take(FrameType type, std::span<const std::byte> payload) {
    ByteReader reader(payload, origin_);
    switch (type) {
      case FrameType::kModel:
        take_model(reader);
        break;
      case FrameType::kObject:
        objects_.push_back(payload);
        return;
      case FrameType::kPool:
        take_pool(reader);
        break;
      case FrameType::kCodebook:
        take_codebook(reader);
        break;
      case FrameType::kSegment:
        take_segment(reader);
        break;
      case FrameType::kProfile:
        check_profile(take_profile(reader, std::ssize(content_.pools),
                                   std::ssize(content_.segments), origin_));
        break;
      default:
        refuse(origin_, message("a frame of the unknown type ", static_cast<int>(type)));
    }
    reader.finish();
  }

  SelectionContent finish(const Digest& digest) {
    content_.objects = std::ssize(objects_);
    content_.digest = digest;
    return std::move(content_);
  }

 private:
  void require(bool condition, const char* why) const {
    if (!condition) refuse(origin_, why);
  }

  [[nodiscard]] std::span<const std::byte> object(ByteReader& reader) const {
    return objects_[static_cast<std::size_t>(take_number(reader, std::ssize(objects_)))];
  }
  static std::vector<std::byte> copy(std::span<const std::byte> bytes) {
    return {bytes.begin(), bytes.end()};
  }

  void take_model(ByteReader& reader) {
    ModelInfo model;
    model.fingerprint = Digest::from_bytes(reader.take(32));
    model.name = take_text(reader, kMaxTextBytes);
    model.architecture = take_text(reader, kMaxTextBytes);
    model.hidden = reader.varint();
    model.vocab = reader.varint();
    require(!model.fingerprint.is_zero() && model.hidden > 0 && model.vocab > 0 &&
                models_.emplace(model.fingerprint, model).second,
            "a base model is impossible or there twice");
    content_.models.push_back(std::move(model));
  }

  [[nodiscard]] const ModelInfo& model_of(const Digest& fingerprint) const {
    const auto found = models_.find(fingerprint);
    require(found != models_.end(), "a base model is missing");
    return found->second;
  }

  void take_pool(ByteReader& reader) {
    const auto number = take_number(reader, std::ssize(content_.models));
    const ModelInfo& model = content_.models[static_cast<std::size_t>(number)];
    SelectionContent::PoolItem item;
    item.name = take_text(reader, kMaxTextBytes);
    check_name(item.name, "pool name");
    const Digest digest = Digest::from_bytes(reader.take(32));
    PoolInfo info;
    info.model = model.fingerprint;
    info.site = static_cast<FeatureSite>(take_byte(reader));
    info.form = static_cast<Form>(take_byte(reader));
    info.algebra = static_cast<Algebra>(take_byte(reader));
    info.norm = static_cast<HeadNorm>(take_byte(reader));
    info.mask_scale = take_double(reader);
    info.recipe = take_text(reader, kMaxTextBytes);
    const auto bytes_of = [&](std::int64_t at) {
      return copy(objects_[static_cast<std::size_t>(at)]);
    };
    const auto shared = take_optional(reader, std::ssize(objects_));
    const auto gate = take_optional(reader, std::ssize(objects_));
    const std::int64_t count = reader.varint();
    require(count <= reader.left(), "a pool has more blocks than bytes");
    std::vector<std::shared_ptr<const AdapterBlock>> blocks;
    for (std::int64_t i = 0; i < count; ++i) {
      blocks.push_back(AdapterBlock::from_bytes(copy(object(reader))));
    }
    item.pool = std::make_shared<const Pool>(
        info, shared ? AdapterBlock::from_bytes(bytes_of(*shared)) : nullptr, std::move(blocks),
        gate ? std::make_shared<const MixtureGate>(MixtureGate::from_bytes(bytes_of(*gate)))
             : nullptr);
    require(item.pool->digest() == digest && item.pool->info().hidden == model.hidden,
            "a pool does not have its digest");
    content_.pools.push_back(std::move(item));
  }

  void take_codebook(ByteReader& reader) {
    const auto codebook = Codebook::from_bytes(copy(object(reader)));
    require(content_.codebooks.emplace(codebook->digest(), codebook).second,
            "a codebook is there twice");
  }

  void take_segment(ByteReader& reader) {
    SelectionContent::SegmentItem item;
    item.bytes = object(reader);
    const std::uint8_t kind = take_byte(reader);
    require(kind <= static_cast<std::uint8_t>(SegmentKind::kShared), "a segment's kind is unknown");
    item.kind = static_cast<SegmentKind>(kind);
    item.name = take_text(reader, kMaxTextBytes);
    require(item.name.empty() == (item.kind == SegmentKind::kOwn), "a segment has a wrong name");
    if (!item.name.empty()) check_name(item.name, "segment name");
    const SegmentInfo info = content_.load(item)->info();
    const ModelInfo& model = model_of(info.model);
    require(info.hidden == model.hidden && info.vocab == model.vocab,
            "a segment is of another base model");
    item.model = info.model;
    content_.segments.push_back(std::move(item));
  }

  void check_profile(const SelectionProfile& profile) {
    Digest model;
    if (profile.pool) {
      const Pool& pool = *content_.pools[static_cast<std::size_t>(*profile.pool)].pool;
      model = pool.info().model;
      check_mask_fits(profile.mask, pool.info().adapters, pool.info().algebra);
      require(!profile.schedule.gate || pool.gate() != nullptr,
              "a profile uses a gate that is not there");
    } else {
      require(profile.mask.size() == 0 && !profile.schedule.gate,
              "a profile has a mask or a gate but no pool");
    }
    for (const std::int64_t number : profile.segments) {
      const Digest& other = content_.segments[static_cast<std::size_t>(number)].model;
      require(model.is_zero() || model == other, "a profile joins two base models");
      model = other;
    }
    ++content_.profiles;
  }

  const std::string& origin_;
  SelectionContent content_;
  std::vector<std::span<const std::byte>> objects_;
  std::map<Digest, ModelInfo> models_;
};

Digest check_frame(std::span<const std::byte> bytes, const std::string& origin) {
  if (bytes.size() < kMagic.size() + kEndBytes) refuse(origin, "it is too short");
  PEMA_CHECK(std::memcmp(bytes.data(), kMagic.data(), kMagic.size() - 1) == 0, kCorrupt, origin,
             ": is no selection of profiles; name a file that `pema profile pack` wrote");
  PEMA_CHECK(bytes[kMagic.size() - 1] == std::byte{'1'}, kUnsupported, origin,
             ": is a selection of another version; use the pema that wrote it");
  const auto body = bytes.first(bytes.size() - kEndBytes);
  const auto end = bytes.last(kEndBytes);
  const Digest digest = sha256(body);
  if (end[0] != std::byte{0} || end[1] != std::byte{32} ||
      Digest::from_bytes(end.last(32)) != digest) {
    refuse(origin, "its bytes do not have the digest at its end");
  }
  return digest;
}

}  // namespace

std::shared_ptr<const Segment> SelectionContent::load(const SegmentItem& item) const {
  return Segment::from_bytes({item.bytes.begin(), item.bytes.end()}, [&](const Digest& wanted) {
    const auto found = codebooks.find(wanted);
    PEMA_CHECK(found != codebooks.end(), kCorrupt, "the segment's codebook ", wanted.hex(),
               " is missing");
    return found->second;
  });
}

SelectionContent check_selection(std::span<const std::byte> bytes, const std::string& origin) {
  const Digest digest = check_frame(bytes, origin);
  try {
    Checker checker(origin);
    walk(bytes, origin,
         [&](FrameType type, std::span<const std::byte> payload) { checker.take(type, payload); });
    return checker.finish(digest);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported) throw;
    // What a caller may get wrong elsewhere is damage when a file says it.
    refuse(origin, error.what());
  }
}

void visit_selection(std::span<const std::byte> bytes, const std::string& origin,
                     const std::function<void(const SelectionProfile&)>& visit) {
  std::int64_t pools = 0;
  std::int64_t segments = 0;
  walk(bytes, origin, [&](FrameType type, std::span<const std::byte> payload) {
    if (type == FrameType::kPool) ++pools;
    if (type == FrameType::kSegment) ++segments;
    if (type != FrameType::kProfile) return;
    ByteReader reader(payload, origin);
    visit(take_profile(reader, pools, segments, origin));
  });
}

}  // namespace pema::profiles
