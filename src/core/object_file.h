// clang-format off
/// The container of every stored object: fixed prologue, metadata through cereal, raw aligned
/// payload sections. Grammar, also in docs/formats/object.md:
///
///   object   := prologue meta pad section*     every pad: zero bytes up to a multiple of 64
///   section  := bytes pad
///   prologue := magic[8] "PEMAOBJ\0"  u32 version=1  u32 kind  u64 meta_bytes  u32 sections
///               u32 meta_crc  u64 file_bytes  u64 section_bytes[4]  u32 prologue_crc
///               zero up to 128 bytes            (integers little-endian, CRC-32 as zlib's)
///
/// prologue_crc covers the 72 bytes before it, meta_crc the metadata. The section bytes have no
/// checksum of their own: the identity of an object is the SHA-256 of the whole file, pads
/// included, so one flipped bit anywhere is found.
// clang-format on
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/digest.h"

namespace pema::core {

/// What an object holds. Stored: never renumber.
enum class ObjectKind : std::uint32_t {
  kAdapterBlock = 1,     ///< pema::AdapterBlock
  kSegment = 2,          ///< pema::Segment
  kBundle = 3,           ///< one profile with what it needs (profiles/)
  kFeatures = 4,         ///< cached features (src/plm)
  kProjection = 5,       ///< a pool's projection U^T (src/engine)
  kGate = 6,             ///< pema::MixtureGate
  kCodebook = 7,         ///< pema::Codebook
  kSegmentIndex = 8,     ///< an index over segments (src/memory)
  kRoundedSegment = 9,   ///< pema::Segment whose keys are not float32
  kProductIndex = 10,    ///< an index over segments by product codes (src/memory)
  kSealed = 11,          ///< another object, encrypted (profiles/seal.h)
  kQuantisedGate = 12,   ///< pema::MixtureGate with weights for product-quantised own keys
  kListBundle = 13,      ///< kBundle with segments that something was appended to
  kTurnedCodebook = 14,  ///< pema::Codebook with a rotation, or a code for a key's own error
};
/// Name of a kind for messages, "block of adapters". Never throws.
[[nodiscard]] std::string_view to_string(ObjectKind kind) noexcept;

inline constexpr std::int64_t kObjectAlignment = 64;
inline constexpr std::int64_t kPrologueBytes = 128;
inline constexpr std::int64_t kMaxSections = 4;
inline constexpr std::int64_t kMaxMetaBytes = std::int64_t{16} << 20;

/// Bytes of an object file made of `meta` and at most kMaxSections sections. Throws
/// kInvalidArgument when `meta` is longer than kMaxMetaBytes or there are too many sections.
[[nodiscard]] std::vector<std::byte> build_object(
    ObjectKind kind, std::span<const std::byte> meta,
    std::span<const std::span<const std::byte>> sections);

/// Writes the file of build_object to `path` as an AtomicFile, without making it in memory first.
/// Throws as both.
void write_object(const std::string& path, ObjectKind kind, std::span<const std::byte> meta,
                  std::span<const std::span<const std::byte>> sections);

/// Spans into somebody else's bytes.
struct ObjectParts {
  std::span<const std::byte> meta;
  std::vector<std::span<const std::byte>>
      sections;  ///< each starts at a multiple of 64 from the file's start
};

/// Checks structure (sizes before anything else, magic, version, kind, CRCs, zero pads, exact
/// length) and splits. `name` is used in messages. Throws kCorrupt, or kUnsupported for a newer
/// version. Does not compute the SHA-256.
[[nodiscard]] ObjectParts parse_object(std::span<const std::byte> bytes, ObjectKind kind,
                                       const std::string& name);

/// True when the prologue names `kind`; nothing else is checked. For readers of several kinds.
[[nodiscard]] bool claims_kind(std::span<const std::byte> bytes, ObjectKind kind) noexcept;

/// Bytes that the object at `path` should have by its own prologue, of which everything is checked;
/// the rest is not read. Throws kNotFound, kIo, kCorrupt, kUnsupported.
[[nodiscard]] std::int64_t claimed_bytes(const std::string& path);

/// SHA-256 of the sections one after the other, pads left out: for kinds whose metadata vouches for
/// them, because nobody knows the digest of the whole file.
[[nodiscard]] Digest payload_digest(std::span<const std::span<const std::byte>> sections);

/// A read-only mapped file; an empty file has no mapping and no bytes. Objects are replaced by
/// rename, never written in place, so a mapping keeps its bytes. Thread-safety: immutable.
class MappedFile {
 public:
  /// Throws kNotFound or kIo, naming the path.
  [[nodiscard]] static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// Takes all pages out of the process's memory; the next access maps them again.
  void release() const noexcept;

 private:
  MappedFile() = default;
  std::span<const std::byte> bytes_;
};

/// An object in a mapped file; `parts` point into `file`.
struct MappedObject {
  std::shared_ptr<const MappedFile> file;
  ObjectParts parts;
};

/// Maps `path` and checks that its SHA-256 is `expected`. Throws kNotFound, kIo, kCorrupt.
[[nodiscard]] std::shared_ptr<const MappedFile> open_checked(const std::string& path,
                                                             const Digest& expected);

/// Maps `path`, checks that its SHA-256 is `expected`, parses it. Throws kNotFound, kIo, kCorrupt
/// (with the fix: restore the file from a backup or store the object again), kUnsupported.
[[nodiscard]] MappedObject open_object(const std::string& path, ObjectKind kind,
                                       const Digest& expected);

}  // namespace pema::core
