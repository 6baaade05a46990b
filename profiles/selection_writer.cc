#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "profiles/profile_codec.h"
#include "profiles/selection.h"

namespace pema::profiles {
namespace {

constexpr std::size_t kGathered = std::size_t{1} << 20;

void put_bytes(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_counted(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  put_varint(out, std::ssize(bytes));
  put_bytes(out, bytes);
}

void put_text(std::vector<std::byte>& out, const std::string& text) {
  put_counted(out, std::as_bytes(std::span(text)));
}

void put_digest(std::vector<std::byte>& out, const Digest& digest) {
  put_bytes(out, std::as_bytes(std::span(digest.bytes)));
}

void put_double(std::vector<std::byte>& out, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(bits >> (8 * i)));
}

/// 0 stands for nothing.
void put_optional(std::vector<std::byte>& out, std::optional<std::int64_t> value) {
  put_varint(out, value ? *value + 1 : 0);
}

}  // namespace

SelectionWriter::SelectionWriter(Sink sink) : sink_(std::move(sink)) {
  gathered_.reserve(2 * kGathered);
  put_bytes(gathered_, std::as_bytes(std::span("PEMASEL1", 8)));
}

void SelectionWriter::put(FrameType type, std::span<const std::byte> payload) {
  gathered_.push_back(static_cast<std::byte>(type));
  put_varint(gathered_, std::ssize(payload));
  if (payload.size() >= kGathered) {
    flush();
    hash_.update(payload);
    bytes_ += std::ssize(payload);
    sink_(payload);
    return;
  }
  put_bytes(gathered_, payload);
  if (gathered_.size() >= kGathered) flush();
}

void SelectionWriter::flush() {
  hash_.update(gathered_);
  bytes_ += std::ssize(gathered_);
  sink_(gathered_);
  gathered_.clear();
}

std::int64_t SelectionWriter::add_object(const Digest& digest, std::span<const std::byte> bytes) {
  const auto [found, fresh] = object_numbers_.try_emplace(digest, objects_);
  if (fresh) {
    put(FrameType::kObject, bytes);
    ++objects_;
  }
  return found->second;
}

std::int64_t SelectionWriter::add_model(const ModelInfo& model) {
  std::vector<std::byte> frame;
  put_digest(frame, model.fingerprint);
  put_text(frame, model.name);
  put_text(frame, model.architecture);
  put_varint(frame, model.hidden);
  put_varint(frame, model.vocab);
  put(FrameType::kModel, frame);
  return models_++;
}

std::int64_t SelectionWriter::add_pool(std::int64_t model, const std::string& name,
                                       const Pool& pool) {
  std::optional<std::int64_t> shared;
  std::optional<std::int64_t> gate;
  std::vector<std::int64_t> blocks;
  if (pool.shared() != nullptr) {
    shared = add_object(pool.shared()->digest(), pool.shared()->serialise());
  }
  for (const auto& block : pool.blocks()) {
    blocks.push_back(add_object(block->digest(), block->serialise()));
  }
  if (pool.gate() != nullptr) gate = add_object(pool.gate()->digest(), pool.gate()->serialise());
  const PoolInfo& info = pool.info();
  std::vector<std::byte> frame;
  put_varint(frame, model);
  put_text(frame, name);
  put_digest(frame, pool.digest());
  frame.push_back(static_cast<std::byte>(info.site));
  frame.push_back(static_cast<std::byte>(info.form));
  frame.push_back(static_cast<std::byte>(info.algebra));
  frame.push_back(static_cast<std::byte>(info.norm));
  put_double(frame, info.mask_scale);
  put_text(frame, info.recipe);
  put_optional(frame, shared);
  put_optional(frame, gate);
  put_varint(frame, std::ssize(blocks));
  for (const std::int64_t block : blocks) put_varint(frame, block);
  put(FrameType::kPool, frame);
  return pools_++;
}

std::int64_t SelectionWriter::add_segment(const Segment& segment, SegmentKind kind,
                                          const std::string& name) {
  if (const auto& codebook = segment.codebook(); codebook != nullptr) {
    if (codebooks_.try_emplace(codebook->digest(), std::ssize(codebooks_)).second) {
      std::vector<std::byte> frame;
      put_varint(frame, add_object(codebook->digest(), codebook->serialise()));
      put(FrameType::kCodebook, frame);
    }
  }
  // One content may be stored as own and as shared.
  const std::int64_t object = add_object(segment.digest(), segment.serialise());
  std::vector<std::byte> frame;
  put_varint(frame, object);
  frame.push_back(static_cast<std::byte>(kind));
  put_text(frame, name);
  put(FrameType::kSegment, frame);
  return segments_++;
}

void SelectionWriter::add_profile(const SelectionProfile& profile) {
  std::vector<std::byte> frame;
  put_text(frame, profile.name);
  put_optional(frame, profile.pool);
  put_counted(frame, encode_schedule(profile.schedule));
  put_counted(frame, encode_mask(profile.mask));
  put_optional(frame, profile.expires);
  std::vector<SegmentId> segments;
  for (const std::int64_t number : profile.segments) segments.push_back(SegmentId{number + 1});
  put_rising(frame, segments);
  put(FrameType::kProfile, frame);
}

Digest SelectionWriter::finish() {
  flush();
  const Digest digest = hash_.finish();
  std::array<std::byte, 34> end{static_cast<std::byte>(FrameType::kEnd), std::byte{32}};
  std::ranges::copy(std::as_bytes(std::span(digest.bytes)), end.begin() + 2);
  bytes_ += std::ssize(end);
  sink_(end);
  return digest;
}

}  // namespace pema::profiles
