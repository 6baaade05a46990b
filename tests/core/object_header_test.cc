// Damage that a SHA-256 computed over the damaged bytes would not show: parse_object alone must see
// it.
#include <zlib.h>

#include <cstring>

#include "src/core/object_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema::core {
namespace {

using test::bytes_of;
using test::expect_error;

constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kKindAt = 12;
constexpr std::size_t kMetaBytesAt = 16;
constexpr std::size_t kSectionsAt = 24;
constexpr std::size_t kFileBytesAt = 32;
constexpr std::size_t kSectionBytesAt = 40;
constexpr std::size_t kCrcAt = 72;

std::vector<std::byte> small_object() {
  const std::span<const std::byte> sections[] = {bytes_of("first"), bytes_of("second")};
  return build_object(ObjectKind::kSegment, bytes_of("metadata"), sections);
}

/// Overwrites one field and repairs the checksum, as an attacker would.
template <typename Int>
std::vector<std::byte> with(std::size_t offset, Int value,
                            std::vector<std::byte> object = small_object()) {
  std::memcpy(object.data() + offset, &value, sizeof value);
  const auto crc = static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(object.data()), kCrcAt));
  std::memcpy(object.data() + kCrcAt, &crc, sizeof crc);
  return object;
}

void refused(const std::vector<std::byte>& object, const std::string& words,
             ErrorCode code = ErrorCode::kCorrupt) {
  expect_error(
      code, [&] { (void)parse_object(object, ObjectKind::kSegment, "o.bin"); }, words);
  expect_error(
      code, [&] { (void)parse_object(object, ObjectKind::kSegment, "o.bin"); }, "o.bin");
}

TEST(ObjectHeader, IsAcceptedUnchanged) {
  EXPECT_EQ(
      parse_object(with(kKindAt, std::uint32_t{2}), ObjectKind::kSegment, "o").sections.size(), 2U);
}

TEST(ObjectHeader, EveryByteOutsideTheSectionsIsChecked) {
  const std::vector<std::byte> object = small_object();
  for (std::size_t i = 0; i < object.size(); ++i) {
    const bool payload = (i >= 192 && i < 197) || (i >= 256 && i < 262);
    std::vector<std::byte> damaged = object;
    damaged[i] ^= std::byte{0x10};
    const auto error =
        test::error_of([&] { (void)parse_object(damaged, ObjectKind::kSegment, "o"); });
    EXPECT_EQ(error.has_value(), !payload) << "byte " << i;
  }
}

TEST(ObjectHeader, EveryTruncationIsSeen) {
  const std::vector<std::byte> object = small_object();
  for (std::size_t size = 0; size < object.size(); ++size) {
    expect_error(ErrorCode::kCorrupt, [&] {
      (void)parse_object(std::span(object).first(size), ObjectKind::kSegment, "o");
    });
  }
}

TEST(ObjectHeader, NewerVersionsAreUnsupportedAndOlderNeverExisted) {
  refused(with(kVersionAt, std::uint32_t{2}), "newer", ErrorCode::kUnsupported);
  refused(with(kVersionAt, std::uint32_t{0}), "never existed");
}

TEST(ObjectHeader, OtherKindsAreNamed) {
  refused(with(kKindAt, std::uint32_t{1}), "holds a block of adapters (kind 1)");
  refused(with(kKindAt, std::uint32_t{99}), "unknown kind (kind 99)");
}

TEST(ObjectHeader, ImpossibleSizesAreRefusedBeforeTheyAreUsed) {
  for (const std::uint64_t size :
       {std::uint64_t{9}, std::uint64_t{65}, std::uint64_t{1} << 40, UINT64_MAX}) {
    refused(with(kMetaBytesAt, size), "");
  }
  refused(with(kMetaBytesAt, static_cast<std::uint64_t>(kMaxMetaBytes) + 1), "limit");
  refused(with(kSectionsAt, std::uint32_t{5}), "sections are above");
  refused(with(kSectionsAt, UINT32_MAX), "sections are above");
  refused(with(kSectionsAt, std::uint32_t{1}), "does not exist");
  const auto most = static_cast<std::uint64_t>(INT64_MAX);
  for (const std::uint64_t size :
       {std::uint64_t{1} << 63, UINT64_MAX, most, most - 63, most - 64}) {
    refused(with(kSectionBytesAt, size), "impossible");
  }
  refused(with(kSectionBytesAt, std::uint64_t{1} << 40), "add up");
  refused(with(kFileBytesAt, std::uint64_t{0}), "header says");
  refused(with(kFileBytesAt, UINT64_MAX), "header says");
}

TEST(ObjectHeader, SizesThatWrapTogetherAreRefused) {
  std::vector<std::byte> object = with(kSectionBytesAt, std::uint64_t{1} << 62);
  refused(with(kSectionBytesAt + 8, std::uint64_t{1} << 62, object), "impossible");
}

TEST(ObjectHeader, AShorterSectionUncoversItsPadding) {
  refused(with(kSectionBytesAt, std::uint64_t{4}), "padding");
}

}  // namespace
}  // namespace pema::core
