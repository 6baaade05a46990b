#include "src/core/object_file.h"

#include <sys/stat.h>

#include <cstring>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema::core {
namespace {

using test::bytes_of;
using test::expect_error;

std::vector<std::byte> small_object() {
  const std::span<const std::byte> sections[] = {
      bytes_of("first section"), {}, bytes_of(std::string_view("0123456789abcdef"))};
  return build_object(ObjectKind::kSegment, bytes_of("metadata"), sections);
}

std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(ObjectFile, SplitsWhatItBuilt) {
  const std::vector<std::byte> object = small_object();
  EXPECT_EQ(object.size(), 128U + 64U + 64U + 0U + 64U);
  const ObjectParts parts = parse_object(object, ObjectKind::kSegment, "o");
  EXPECT_EQ(text(parts.meta), "metadata");
  ASSERT_EQ(parts.sections.size(), 3U);
  EXPECT_EQ(text(parts.sections[0]), "first section");
  EXPECT_EQ(text(parts.sections[1]), "");
  EXPECT_EQ(text(parts.sections[2]), "0123456789abcdef");
  for (const auto& section : parts.sections) EXPECT_EQ((section.data() - object.data()) % 64, 0);
}

TEST(ObjectFile, HasTheDocumentedLayout) {
  const std::vector<std::byte> object = small_object();
  EXPECT_EQ(text(std::span(object).first(8)), std::string("PEMAOBJ\0", 8));
  const auto at = [&](std::size_t offset, std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, object.data() + offset, size);
    return value;
  };
  EXPECT_EQ(at(8, 4), 1U) << "version";
  EXPECT_EQ(at(12, 4), 2U) << "kind";
  EXPECT_EQ(at(16, 8), 8U) << "meta_bytes";
  EXPECT_EQ(at(24, 4), 3U) << "sections";
  EXPECT_EQ(at(28, 4), 0x4f143414U) << "meta_crc: python zlib.crc32(b'metadata')";
  EXPECT_EQ(at(32, 8), 320U) << "file_bytes";
  EXPECT_EQ(at(40, 8), 13U);
  EXPECT_EQ(at(48, 8), 0U);
  EXPECT_EQ(at(56, 8), 16U);
  EXPECT_EQ(at(64, 8), 0U);
}

TEST(ObjectFile, MayBeEmpty) {
  const std::vector<std::byte> object = build_object(ObjectKind::kBundle, {}, {});
  EXPECT_EQ(object.size(), 128U);
  const ObjectParts parts = parse_object(object, ObjectKind::kBundle, "o");
  EXPECT_TRUE(parts.meta.empty());
  EXPECT_TRUE(parts.sections.empty());
}

TEST(ObjectFile, FullPiecesNeedNoPadding) {
  const std::string full(128, 'x');
  const std::span<const std::byte> sections[] = {bytes_of(full)};
  const std::vector<std::byte> object =
      build_object(ObjectKind::kFeatures, bytes_of(full.substr(64)), sections);
  EXPECT_EQ(object.size(), 128U + 64U + 128U);
  EXPECT_EQ(text(parse_object(object, ObjectKind::kFeatures, "o").sections[0]), full);
}

TEST(ObjectFile, BuildRefusesTooMuch) {
  const std::vector<std::span<const std::byte>> sections(5);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)build_object(ObjectKind::kSegment, {}, sections); },
      "sections");
  const std::vector<std::byte> meta(static_cast<std::size_t>(kMaxMetaBytes) + 1);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)build_object(ObjectKind::kSegment, meta, {}); },
      "metadata");
}

class StoredObject : public ::testing::Test {
 protected:
  [[nodiscard]] std::optional<Error> open(const std::vector<std::byte>& bytes) const {
    test::write_bytes(path_, bytes);
    return test::error_of([&] { (void)open_object(path_, ObjectKind::kSegment, digest_); });
  }
  const test::TemporaryFolder folder_;
  const std::string path_ = folder_.file("object");
  const std::vector<std::byte> object_ = small_object();
  const Digest digest_ = sha256(object_);
};

TEST_F(StoredObject, OpensWithItsOwnDigest) {
  test::write_bytes(path_, object_);
  const MappedObject mapped = open_object(path_, ObjectKind::kSegment, digest_);
  EXPECT_EQ(text(mapped.parts.meta), "metadata");
  EXPECT_EQ(text(mapped.parts.sections[2]), "0123456789abcdef");
  EXPECT_GE(mapped.parts.meta.data(), mapped.file->bytes().data());
}

TEST_F(StoredObject, RefusesEveryFlippedBitAnywhere) {
  for (std::size_t i = 0; i < object_.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<std::byte> damaged = object_;
      damaged[i] ^= std::byte{1} << bit;
      const std::optional<Error> error = open(damaged);
      ASSERT_TRUE(error.has_value()) << "byte " << i << " bit " << bit;
      EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << i;
      EXPECT_THAT(error->what(), ::testing::HasSubstr(path_));
      EXPECT_THAT(error->what(), ::testing::HasSubstr("backup"));
    }
  }
}

TEST_F(StoredObject, RefusesEveryTruncation) {
  for (std::size_t size = 0; size < object_.size(); ++size) {
    const std::vector<std::byte> cut(object_.begin(),
                                     object_.begin() + static_cast<std::ptrdiff_t>(size));
    const std::optional<Error> error = open(cut);
    ASSERT_TRUE(error.has_value()) << size;
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << size;
  }
}

TEST_F(StoredObject, RefusesTrailingBytes) {
  for (const std::size_t extra : {1, 63, 64, 128}) {
    std::vector<std::byte> longer = object_;
    longer.resize(object_.size() + extra);
    ASSERT_TRUE(open(longer).has_value()) << extra;
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)parse_object(longer, ObjectKind::kSegment, "o"); },
        "appended");
  }
}

TEST_F(StoredObject, MissingFilesFoldersAndEmptyFilesAreErrors) {
  expect_error(
      ErrorCode::kNotFound, [&] { (void)open_object(path_, ObjectKind::kSegment, digest_); },
      path_);
  expect_error(ErrorCode::kNotFound, [&] { (void)MappedFile::open(path_ + "/below"); });
  expect_error(
      ErrorCode::kIo, [&] { (void)MappedFile::open(folder_.path()); }, "regular");
  ASSERT_EQ(::mkfifo(folder_.file("fifo").c_str(), 0600), 0);
  expect_error(
      ErrorCode::kIo, [&] { (void)MappedFile::open(folder_.file("fifo")); }, "regular");
  test::write_bytes(path_, {});
  EXPECT_TRUE(MappedFile::open(path_)->bytes().empty());
  expect_error(
      ErrorCode::kCorrupt, [&] { (void)open_object(path_, ObjectKind::kSegment, sha256("")); },
      "too few");
}

}  // namespace
}  // namespace pema::core
