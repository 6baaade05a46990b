#include "src/core/object_file.h"

#include <zlib.h>

#include <bit>
#include <cstring>

#include "pema/error.h"
#include "src/core/atomic_file.h"
#include "src/core/checked_math.h"

namespace pema::core {
namespace {

static_assert(std::endian::native == std::endian::little,
              "integers and payloads are copied as they lie in memory; objects are little-endian");

constexpr char kMagic[8] = {'P', 'E', 'M', 'A', 'O', 'B', 'J', '\0'};
constexpr std::uint32_t kVersion = 1;
constexpr const char* kNewObject = "a new object";
constexpr const char* kFix = "; restore the file from a backup or store the object again";

/// The prologue as it lies in the file; no padding between its fields.
struct Prologue {
  char magic[8];
  std::uint32_t version;
  std::uint32_t kind;
  std::uint64_t meta_bytes;
  std::uint32_t sections;
  std::uint32_t meta_crc;
  std::uint64_t file_bytes;
  std::uint64_t section_bytes[kMaxSections];
  std::uint32_t prologue_crc;
  std::uint8_t zero[kPrologueBytes - 76];
};
static_assert(sizeof(Prologue) == kPrologueBytes && offsetof(Prologue, prologue_crc) == 72);

std::uint32_t crc_of(const void* data, std::size_t size) {
  return static_cast<std::uint32_t>(::crc32_z(0, static_cast<const Bytef*>(data), size));
}

/// `bytes` rounded up to the alignment; kCorrupt, naming `name`, when that cannot be.
std::int64_t padded(std::int64_t bytes, const char* name) {
  return checked_add(bytes, kObjectAlignment - 1, name) / kObjectAlignment * kObjectAlignment;
}

/// A size from the file as a signed number; kCorrupt when it cannot be one.
std::int64_t size_from(std::uint64_t value, const std::string& name, const char* field) {
  PEMA_CHECK(value <= static_cast<std::uint64_t>(INT64_MAX), kCorrupt, name, ": ", field,
             " is impossible (", value, ")", kFix);
  return static_cast<std::int64_t>(value);
}

bool all_zero(std::span<const std::byte> bytes) {
  std::byte any{};
  for (const std::byte byte : bytes) any |= byte;
  return any == std::byte{};
}

/// Reads the prologue and checks all of it that needs no other byte of the file.
Prologue read_prologue(std::span<const std::byte> bytes, ObjectKind kind, const std::string& name) {
  PEMA_CHECK(bytes.size() >= sizeof(Prologue), kCorrupt, name, ": ", bytes.size(),
             " bytes are too few for an object, which has at least ", sizeof(Prologue), kFix);
  Prologue prologue;
  std::memcpy(&prologue, bytes.data(), sizeof prologue);
  PEMA_CHECK(std::memcmp(prologue.magic, kMagic, sizeof kMagic) == 0, kCorrupt, name,
             ": is no pema object (magic bytes)", kFix);
  // Before the checksum: only the magic and the version have the same place in every version.
  PEMA_CHECK(prologue.version <= kVersion, kUnsupported, name, ": object version ",
             prologue.version, " is newer than ", kVersion, "; use a newer pema");
  PEMA_CHECK(prologue.version == kVersion, kCorrupt, name, ": object version ", prologue.version,
             " never existed", kFix);
  PEMA_CHECK(prologue.prologue_crc == crc_of(bytes.data(), offsetof(Prologue, prologue_crc)),
             kCorrupt, name, ": checksum of bytes 0 to 71 is wrong", kFix);
  PEMA_CHECK(all_zero(std::as_bytes(std::span(prologue.zero))), kCorrupt, name,
             ": bytes 76 to 127 must be zero", kFix);
  PEMA_CHECK(prologue.kind == static_cast<std::uint32_t>(kind), kCorrupt, name, ": holds a ",
             to_string(static_cast<ObjectKind>(prologue.kind)), " (kind ", prologue.kind,
             "), not the expected ", to_string(kind), "; check which object was asked for");
  PEMA_CHECK(prologue.meta_bytes <= static_cast<std::uint64_t>(kMaxMetaBytes), kCorrupt, name, ": ",
             prologue.meta_bytes, " bytes of metadata are above the limit of ", kMaxMetaBytes,
             kFix);
  PEMA_CHECK(prologue.sections <= kMaxSections, kCorrupt, name, ": ", prologue.sections,
             " sections are above the limit of ", kMaxSections, kFix);
  return prologue;
}

/// Of an object made of `meta` and `sections`.
Prologue make_prologue(ObjectKind kind, std::span<const std::byte> meta,
                       std::span<const std::span<const std::byte>> sections) {
  const auto meta_bytes = static_cast<std::int64_t>(meta.size());
  PEMA_CHECK(meta_bytes <= kMaxMetaBytes, kInvalidArgument, "an object has at most ", kMaxMetaBytes,
             " bytes of metadata, not ", meta_bytes);
  PEMA_CHECK(sections.size() <= static_cast<std::size_t>(kMaxSections), kInvalidArgument,
             "an object has at most ", kMaxSections, " sections, not ", sections.size());
  Prologue prologue{};
  std::memcpy(prologue.magic, kMagic, sizeof kMagic);
  prologue.version = kVersion;
  prologue.kind = static_cast<std::uint32_t>(kind);
  prologue.meta_bytes = static_cast<std::uint64_t>(meta_bytes);
  prologue.sections = static_cast<std::uint32_t>(sections.size());
  prologue.meta_crc = crc_of(meta.data(), meta.size());
  std::int64_t end = kPrologueBytes + padded(meta_bytes, kNewObject);
  for (std::size_t i = 0; i < sections.size(); ++i) {
    prologue.section_bytes[i] = sections[i].size();
    end = checked_add(end, padded(static_cast<std::int64_t>(sections[i].size()), kNewObject),
                      kNewObject);
  }
  prologue.file_bytes = static_cast<std::uint64_t>(end);
  prologue.prologue_crc = crc_of(&prologue, offsetof(Prologue, prologue_crc));
  return prologue;
}

}  // namespace

std::string_view to_string(ObjectKind kind) noexcept {
  switch (kind) {
    case ObjectKind::kAdapterBlock:
      return "block of adapters";
    case ObjectKind::kSegment:
      return "memory segment";
    case ObjectKind::kBundle:
      return "profile bundle";
    case ObjectKind::kFeatures:
      return "feature cache";
    case ObjectKind::kProjection:
      return "projection of a pool";
    case ObjectKind::kGate:
      return "gate";
    case ObjectKind::kQuantisedGate:
      return "gate with weights for quantised keys";
    case ObjectKind::kRoundedSegment:
      return "memory segment of rounded keys";
    case ObjectKind::kSealed:
      return "encrypted object";
    case ObjectKind::kListBundle:
      return "profile bundle with lists of segments";
    case ObjectKind::kCodebook:
      return "codebook";
    case ObjectKind::kTurnedCodebook:
      return "codebook with a rotation or errors";
    case ObjectKind::kSegmentIndex:
      return "index over segments";
    case ObjectKind::kProductIndex:
      return "index over segments by product codes";
  }
  return "thing of unknown kind";
}

std::vector<std::byte> build_object(ObjectKind kind, std::span<const std::byte> meta,
                                    std::span<const std::span<const std::byte>> sections) {
  const Prologue prologue = make_prologue(kind, meta, sections);
  std::vector<std::byte> object(static_cast<std::size_t>(prologue.file_bytes));
  std::int64_t at = 0;
  const auto put = [&](std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(object.data() + at, bytes.data(), bytes.size());
    at += padded(static_cast<std::int64_t>(bytes.size()), kNewObject);
  };
  put(std::as_bytes(std::span(&prologue, 1)));
  put(meta);
  for (const std::span<const std::byte> section : sections) put(section);
  PEMA_ASSERT(at == std::ssize(object));
  return object;
}

void write_object(const std::string& path, ObjectKind kind, std::span<const std::byte> meta,
                  std::span<const std::span<const std::byte>> sections) {
  const Prologue prologue = make_prologue(kind, meta, sections);
  constexpr std::byte kZeros[kObjectAlignment] = {};
  AtomicFile file(path);
  const auto put = [&](std::span<const std::byte> bytes) {
    const auto size = static_cast<std::int64_t>(bytes.size());
    file.write(bytes);
    file.write(std::span(kZeros, static_cast<std::size_t>(padded(size, kNewObject) - size)));
  };
  put(std::as_bytes(std::span(&prologue, 1)));
  put(meta);
  for (const std::span<const std::byte> section : sections) put(section);
  file.commit();
}

ObjectParts parse_object(std::span<const std::byte> bytes, ObjectKind kind,
                         const std::string& name) {
  const Prologue prologue = read_prologue(bytes, kind, name);
  const auto actual = static_cast<std::int64_t>(bytes.size());
  std::int64_t end =
      kPrologueBytes + padded(static_cast<std::int64_t>(prologue.meta_bytes), name.c_str());
  for (std::uint32_t i = 0; i < kMaxSections; ++i) {
    const std::int64_t size = size_from(prologue.section_bytes[i], name, "a section's size");
    PEMA_CHECK(i < prologue.sections || size == 0, kCorrupt, name, ": section ", i,
               " has a size but does not exist", kFix);
    end = checked_add(end, padded(size, name.c_str()), name.c_str());
  }
  PEMA_CHECK(prologue.file_bytes == static_cast<std::uint64_t>(end), kCorrupt, name,
             ": its header says ", prologue.file_bytes, " bytes, its sections add up to ", end,
             kFix);
  PEMA_CHECK(actual == end, kCorrupt, name, ": has ", actual, " bytes instead of ", end,
             actual < end ? " (truncated)" : " (bytes were appended)", kFix);

  ObjectParts parts;
  std::size_t at = kPrologueBytes;
  const auto take = [&](std::uint64_t size) {
    const std::span<const std::byte> part = bytes.subspan(at, size);
    const auto stop =
        at + static_cast<std::size_t>(padded(static_cast<std::int64_t>(size), name.c_str()));
    PEMA_CHECK(all_zero(bytes.subspan(at + size, stop - at - size)), kCorrupt, name,
               ": the padding before byte ", stop, " is not zero", kFix);
    at = stop;
    return part;
  };
  parts.meta = take(prologue.meta_bytes);
  PEMA_CHECK(prologue.meta_crc == crc_of(parts.meta.data(), parts.meta.size()), kCorrupt, name,
             ": checksum of the metadata (", parts.meta.size(), " bytes from byte 128) is wrong",
             kFix);
  for (std::uint32_t i = 0; i < prologue.sections; ++i) {
    parts.sections.push_back(take(prologue.section_bytes[i]));
  }
  return parts;
}

std::int64_t claimed_bytes(const std::string& path) {
  const auto file = MappedFile::open(path);
  std::uint32_t kind = 0;
  if (file->bytes().size() >= sizeof(Prologue)) {
    std::memcpy(&kind, file->bytes().data() + offsetof(Prologue, kind), sizeof kind);
  }
  const Prologue prologue = read_prologue(file->bytes(), static_cast<ObjectKind>(kind), path);
  return size_from(prologue.file_bytes, path, "the file's size");
}

Digest payload_digest(std::span<const std::span<const std::byte>> sections) {
  Sha256 hash;
  for (const auto section : sections) hash.update(section);
  return hash.finish();
}

bool claims_kind(std::span<const std::byte> bytes, ObjectKind kind) noexcept {
  std::uint32_t claimed = 0;
  constexpr std::size_t kAt = offsetof(Prologue, kind);
  if (bytes.size() < kAt + sizeof claimed) return false;
  std::memcpy(&claimed, bytes.data() + kAt, sizeof claimed);
  return claimed == static_cast<std::uint32_t>(kind);
}

std::shared_ptr<const MappedFile> open_checked(const std::string& path, const Digest& expected) {
  std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  const Digest actual = sha256(file->bytes());
  PEMA_CHECK(actual == expected, kCorrupt, path, ": its ", file->bytes().size(),
             " bytes have the SHA-256 ", actual.hex(), " instead of ", expected.hex(), kFix);
  return file;
}

MappedObject open_object(const std::string& path, ObjectKind kind, const Digest& expected) {
  std::shared_ptr<const MappedFile> file = open_checked(path, expected);
  ObjectParts parts = parse_object(file->bytes(), kind, path);
  return {std::move(file), std::move(parts)};
}

}  // namespace pema::core
