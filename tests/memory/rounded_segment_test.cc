// Objects of segments with rounded keys that are damaged, forged or without their codebook.
#include <gtest/gtest.h>

#include <array>
#include <cereal/types/array.hpp>
#include <limits>

#include "pema/codebook.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema {
namespace {

using test::codebook_of;
using test::expect_error;
using test::kRounded;
using test::rounded_segment;
using test::segment_info;
using test::source_of;
using test::unit_rows;

TEST(RoundedSegments, AMissingOrWrongCodebookIsRefused) {
  const auto segment = rounded_segment(KeyType::kProductQuantised, unit_rows(3, 16, 5));
  const std::vector<std::byte> bytes = segment->serialise();
  expect_error(
      ErrorCode::kNotFound, [&] { (void)Segment::from_bytes(bytes); },
      segment->info().codebook.hex());
  const auto other = codebook_of(segment_info(16), 4);
  expect_error(ErrorCode::kCorrupt,
               [&] { (void)Segment::from_bytes(bytes, [&](const Digest&) { return other; }); });
}

TEST(RoundedSegments, FileRefusesEveryFlippedByteAndTruncation) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("s");
  for (const KeyType type : kRounded) {
    const auto segment = rounded_segment(type, unit_rows(3, 5, 1), 0, 2);
    const std::vector<std::byte> bytes = segment->serialise();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      std::vector<std::byte> damaged = bytes;
      damaged[i] ^= std::byte{0x5a};
      test::write_bytes(path, damaged);
      expect_error(ErrorCode::kCorrupt,
                   [&] { (void)Segment::open(path, segment->digest(), source_of(segment)); });
      expect_error(ErrorCode::kCorrupt, [&] {
        (void)Segment::from_bytes({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(i)},
                                  source_of(segment));
      });
    }
  }
}

struct ForgedMeta {
  std::array<std::uint8_t, 32> model{};
  std::uint8_t site = 0;
  std::int64_t hidden = 3;
  std::int64_t vocab = 10;
  std::int64_t entries = 1;
  std::uint8_t keys = 2;
  std::int64_t parts = 0;
  std::array<std::uint8_t, 32> codebook{};
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(model, site, hidden, vocab, entries, keys, parts, codebook);
  }
};

/// One key of int8 with three numbers.
std::vector<std::byte> forge(const ForgedMeta& meta, std::vector<std::byte> keys, float scale,
                             std::int32_t token = 3) {
  const std::span<const std::byte> sections[] = {keys, std::as_bytes(std::span(&scale, 1)),
                                                 std::as_bytes(std::span(&token, 1))};
  return core::build_object(core::ObjectKind::kRoundedSegment, core::encode_metadata(meta),
                            sections);
}

TEST(RoundedSegments, RefuseWellFormedObjectsThatAreNoSegments) {
  std::vector<std::byte> keys(128);
  keys[0] = std::byte{100};
  EXPECT_EQ(Segment::from_bytes(forge({}, keys, 0.01F))->tokens()[0], 3);
  const auto refused = [&](std::vector<std::byte> bytes, const std::string& words) {
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)Segment::from_bytes(std::move(bytes)); }, words);
  };
  const auto with = [&](auto change) {
    ForgedMeta meta;
    change(meta);
    return forge(meta, keys, 0.01F);
  };
  refused(with([](ForgedMeta& m) { m.keys = 0; }), "limits");
  refused(with([](ForgedMeta& m) { m.keys = 4; }), "limits");
  refused(with([](ForgedMeta& m) { m.parts = 1; }), "limits");
  refused(with([](ForgedMeta& m) { m.codebook[3] = 1; }), "limits");
  refused(with([](ForgedMeta& m) {
            m.keys = 3;
            m.parts = 1;
          }),
          "limits");
  refused(with([](ForgedMeta& m) {
            m.keys = 3;
            m.codebook[0] = 1;
            m.parts = 65;
          }),
          "limits");
  refused(with([](ForgedMeta& m) { m.hidden = INT64_MAX; }), "limits");
  refused(with([](ForgedMeta& m) { m.entries = INT64_MAX; }), "impossible");
  refused(with([](ForgedMeta& m) { m.entries = 33; }), "section 0");
  refused(with([](ForgedMeta& m) { m.entries = 2; }), "section 1");
  refused(with([](ForgedMeta& m) { m.keys = 1; }), "section 0");
  refused(forge({}, keys, 0.02F), "unit vector");
  refused(forge({}, keys, std::numeric_limits<float>::quiet_NaN()), "unit vector");
  refused(forge({}, keys, 0.01F, 10), "token");
  std::vector<std::byte> bad = keys;
  bad[1] = std::byte{0x80};
  refused(forge({}, bad, 0.01F), "-128");
  bad = keys;
  bad[2] = std::byte{1};
  refused(forge({}, bad, 0.01F), "behind the last key");
  bad = keys;
  bad[65] = std::byte{1};
  refused(forge({}, bad, 0.01F), "behind the last dimension");
}

}  // namespace
}  // namespace pema
