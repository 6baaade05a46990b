#include "pema/adapter.h"

#include <algorithm>
#include <array>
#include <limits>

#include "pema/mask.h"
#include "src/core/atomic_file.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"
#include "tests/core/adapter_fixture.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema {
namespace {

using test::BlockParts;
using test::expect_error;
using test::random_block;

const float kBad[] = {std::numeric_limits<float>::quiet_NaN(),
                      std::numeric_limits<float>::infinity(),
                      -std::numeric_limits<float>::infinity()};

void expect_holds(const AdapterBlock& block, const BlockParts& parts) {
  const AdapterBlockView& view = block.view();
  EXPECT_EQ(view.count, parts.count);
  EXPECT_EQ(view.rank, parts.rank);
  EXPECT_EQ(block.hidden(), parts.down.cols());
  ASSERT_EQ(view.down.rows, parts.down.rows());
  ASSERT_EQ(view.up.rows, parts.up.rows());
  for (std::int64_t row = 0; row < view.down.rows; ++row) {
    EXPECT_TRUE(std::ranges::equal(view.down.row_span(row), parts.down.view().row_span(row)));
    EXPECT_TRUE(std::ranges::equal(view.up.row_span(row), parts.up.view().row_span(row)));
  }
  EXPECT_TRUE(std::ranges::equal(view.scale, parts.scale));
}

TEST(AdapterBlock, KeepsItsParts) {
  for (const auto& [count, rank, hidden] : {std::array{1, 1, 1}, {5, 3, 7}, {64, 1, 16}}) {
    const BlockParts parts(count, rank, hidden, 3);
    expect_holds(*parts.make(), parts);
  }
}

TEST(AdapterBlock, TakesViewsWhoseRowsLieApart) {
  const BlockParts parts(2, 2, 5, 9);
  Matrix<float> wide(4, 8);
  for (std::int64_t r = 0; r < 4; ++r) std::copy_n(parts.down.row(r), 5, wide.row(r));
  const MatrixView<const float> apart(wide.data(), 4, 5, 8);
  const auto block = AdapterBlock::make(2, 2, apart, parts.up.view(), parts.scale);
  expect_holds(*block, parts);
  EXPECT_EQ(block->digest(), parts.make()->digest());
}

TEST(AdapterBlock, IsTheSameInMemoryInBytesAndInAFile) {
  const test::TemporaryFolder folder;
  const BlockParts parts(6, 2, 9, 4);
  const auto made = parts.make();
  const std::vector<std::byte> bytes = made->serialise();
  EXPECT_EQ(made->digest(), sha256(bytes));
  core::write_file_atomically(folder.file("b"), bytes);
  for (const auto& block :
       {AdapterBlock::from_bytes(bytes), AdapterBlock::open(folder.file("b"), made->digest())}) {
    expect_holds(*block, parts);
    EXPECT_EQ(block->digest(), made->digest());
    EXPECT_EQ(block->serialise(), bytes);
    EXPECT_EQ(block->adapter_digest(3), made->adapter_digest(3));
  }
}

TEST(AdapterBlock, MappedFileMayBeReplacedWhileItIsInUse) {
  const test::TemporaryFolder folder;
  const BlockParts parts(6, 2, 9, 4);
  core::write_file_atomically(folder.file("b"), parts.make()->serialise());
  const auto block = AdapterBlock::open(folder.file("b"), parts.make()->digest());
  core::write_file_atomically(folder.file("b"), random_block(6, 2, 9, 5)->serialise());
  expect_holds(*block, parts);
  std::filesystem::remove(folder.file("b"));
  expect_holds(*block, parts);
}

TEST(AdapterBlock, SidesAreAlignedInAMappedFile) {
  const test::TemporaryFolder folder;
  const auto made = random_block(3, 1, 5);
  core::write_file_atomically(folder.file("b"), made->serialise());
  const auto block = AdapterBlock::open(folder.file("b"), made->digest());
  for (const float* side :
       {block->view().down.data, block->view().up.data, block->view().scale.data()}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(side) % 64, 0U);
  }
}

TEST(AdapterBlock, DigestOfOneAdapterDependsOnThatAdapterAlone) {
  const BlockParts parts(4, 2, 3, 8);
  const auto block = parts.make();
  BlockParts changed = parts;
  changed.up.data()[2 * 2 * 3] += 1.0F;  // adapter 2
  const auto other = changed.make();
  EXPECT_NE(block->digest(), other->digest());
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(block->adapter_digest(i) == other->adapter_digest(i), i != 2) << i;
    for (std::int64_t j = 0; j < i; ++j) {
      EXPECT_NE(block->adapter_digest(i), block->adapter_digest(j));
    }
  }
  changed = parts;
  changed.scale[1] *= 2.0F;
  EXPECT_NE(changed.make()->adapter_digest(1), block->adapter_digest(1));
  changed = parts;
  std::swap(changed.down, changed.up);
  EXPECT_NE(changed.make()->adapter_digest(0), block->adapter_digest(0));
  // The same numbers as one adapter of rank 2 and as the first of two of rank 1 differ by shape.
  const BlockParts rank_two(1, 2, 2, 1);
  const auto narrow =
      AdapterBlock::make(1, 1, MatrixView<const float>(rank_two.down.data(), 1, 4),
                         MatrixView<const float>(rank_two.up.data(), 1, 4), rank_two.scale);
  EXPECT_NE(narrow->adapter_digest(0), rank_two.make()->adapter_digest(0));
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)block->adapter_digest(-1); });
  expect_error(
      ErrorCode::kInvalidArgument, [&] { (void)block->adapter_digest(4); }, "block of 4");
}

TEST(AdapterBlock, MakeRefusesShapesThatDisagree) {
  const BlockParts p(2, 3, 4, 1);
  const Matrix<float> other(5, 4);
  const Matrix<float> narrow(6, 3);
  const auto refused = [&](std::int64_t count, std::int64_t rank, MatrixView<const float> down,
                           MatrixView<const float> up, std::span<const float> scale) {
    expect_error(ErrorCode::kInvalidArgument,
                 [&] { (void)AdapterBlock::make(count, rank, down, up, scale); });
  };
  refused(2, 3, other.view(), p.up.view(), p.scale);
  refused(2, 3, p.down.view(), other.view(), p.scale);
  refused(2, 3, p.down.view(), narrow.view(), p.scale);
  refused(2, 3, p.down.view(), p.up.view(), std::span(p.scale).first(1));
  refused(3, 2, p.down.view(), p.up.view(), p.scale);
  refused(0, 3, Matrix<float>(0, 4).view(), Matrix<float>(0, 4).view(), {});
  refused(2, 0, p.down.view(), p.up.view(), p.scale);
  refused(-2, -3, p.down.view(), p.up.view(), p.scale);
  refused(INT64_MAX, INT64_MAX, p.down.view(), p.up.view(), p.scale);
  refused(2, 3, Matrix<float>(6, 0).view(), Matrix<float>(6, 0).view(), p.scale);
  refused(2, 3, {p.down.data(), 6, 4, 3}, p.up.view(), p.scale);
  refused(2, 3, {nullptr, 6, 4}, p.up.view(), p.scale);
}

TEST(AdapterBlock, MakeRefusesValuesThatAreNotFinite) {
  for (const float bad : kBad) {
    BlockParts parts(2, 2, 3, 1);
    parts.down.data()[11] = bad;
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)parts.make(); }, "down");
    parts = BlockParts(2, 2, 3, 1);
    parts.up.data()[0] = bad;
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)parts.make(); }, "up");
    parts = BlockParts(2, 2, 3, 1);
    parts.scale[1] = bad;
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)parts.make(); }, "scale");
  }
  BlockParts extreme(1, 1, 2, 1);
  extreme.down.data()[0] = std::numeric_limits<float>::max();
  extreme.down.data()[1] = std::numeric_limits<float>::denorm_min();
  expect_holds(*extreme.make(), extreme);
}

TEST(AdapterBlock, FileRefusesEveryFlippedByteAndTruncation) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("b");
  const auto block = random_block(3, 2, 5);
  const std::vector<std::byte> bytes = block->serialise();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::byte> damaged = bytes;
    damaged[i] ^= std::byte{0x5a};
    test::write_bytes(path, damaged);
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)AdapterBlock::open(path, block->digest()); }, path);
    test::write_bytes(path, std::span(bytes).first(i));
    expect_error(ErrorCode::kCorrupt, [&] { (void)AdapterBlock::open(path, block->digest()); });
    expect_error(ErrorCode::kCorrupt, [&] {
      (void)AdapterBlock::from_bytes({bytes.begin(), bytes.begin() + static_cast<long>(i)});
    });
  }
  expect_error(ErrorCode::kNotFound,
               [&] { (void)AdapterBlock::open(folder.file("none"), block->digest()); });
}

struct ForgedMeta {
  std::int64_t count, rank, hidden;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(count, rank, hidden);
  }
};

/// A well-formed object with freely chosen metadata over sections of the given sizes.
std::vector<std::byte> forge(const ForgedMeta& meta, const std::vector<std::vector<float>>& parts) {
  std::vector<std::span<const std::byte>> sections;
  for (const auto& part : parts) sections.push_back(std::as_bytes(std::span(part)));
  return core::build_object(core::ObjectKind::kAdapterBlock, core::encode_metadata(meta), sections);
}

TEST(AdapterBlock, RefusesWellFormedObjectsThatAreNoBlocks) {
  const std::vector<float> six(6, 0.5F);
  const std::vector<float> two(2, 1.0F);
  EXPECT_EQ(AdapterBlock::from_bytes(forge({2, 1, 3}, {six, six, two}))->hidden(), 3);
  const auto refused = [](std::vector<std::byte> bytes, const std::string& words) {
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)AdapterBlock::from_bytes(std::move(bytes)); }, words);
  };
  for (const ForgedMeta& meta : {ForgedMeta{0, 1, 3},
                                 {2, 0, 3},
                                 {2, 1, 0},
                                 {-2, -1, 3},
                                 {INT64_MAX, INT64_MAX, INT64_MAX},
                                 {2, 1, INT64_MIN}}) {
    refused(forge(meta, {six, six, two}), "limits");
  }
  refused(
      forge({BitMask::kMaxSize, AdapterBlock::kMaxRank, AdapterBlock::kMaxHidden}, {six, six, two}),
      "instead of");
  refused(forge({2, 1, 3}, {six, six}), "2 sections");
  refused(forge({2, 1, 3}, {six, six, two, two}), "4 sections");
  refused(forge({2, 1, 3}, {six, two, two}), "section 1");
  refused(forge({2, 1, 3}, {six, six, six}), "section 2");
  for (const float bad : kBad) {
    refused(forge({2, 1, 3}, {six, {0, 0, 0, bad, 0, 0}, two}), "NaN");
    refused(forge({2, 1, 3}, {six, six, {bad, 1.0F}}), "NaN");
  }
  const auto with_meta = [&](std::span<const std::byte> meta) {
    const std::span<const std::byte> sections[] = {std::as_bytes(std::span(six))};
    return core::build_object(core::ObjectKind::kAdapterBlock, meta, sections);
  };
  const std::vector<std::byte> good = core::encode_metadata(ForgedMeta{2, 1, 3});
  for (std::size_t size = 0; size < good.size(); ++size) {
    refused(with_meta(std::span(good).first(size)), "metadata");
  }
  std::vector<std::byte> longer = good;
  longer.push_back(std::byte{0});
  refused(with_meta(longer), "longer");
}

TEST(AdapterBlock, RefusesAnotherKindOfObject) {
  expect_error(
      ErrorCode::kCorrupt,
      [] {
        (void)AdapterBlock::from_bytes(core::build_object(core::ObjectKind::kSegment, {}, {}));
      },
      "memory segment");
}

}  // namespace
}  // namespace pema
