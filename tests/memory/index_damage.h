/// What becomes of an index's file whose bytes are not what was written.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "pema/error.h"
#include "src/memory/segment_index.h"
#include "tests/support/expect_error.h"

namespace pema::test {

/// Expects that `bytes` cut short, and with any byte changed, are refused, with `segments` and
/// without.
inline void expect_damage_found(const std::vector<std::byte>& bytes,
                                const memory::Segments& segments) {
  using memory::SegmentIndex;
  for (std::size_t length = 0; length < bytes.size(); length += 61) {
    const std::vector<std::byte> cut(bytes.begin(),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(length));
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)SegmentIndex::from_bytes(cut, segments, "cut"); }, "cut");
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::vector<std::byte> bad = bytes;
    bad[at] ^= std::byte{16};
    try {
      (void)SegmentIndex::from_bytes(bad, segments, "flipped");
      FAIL() << "byte " << at << " was not missed";
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported)
          << at << ": " << error.what();
    }
    EXPECT_THROW((void)SegmentIndex::from_bytes(bad, "flipped"), Error) << at;
  }
}

}  // namespace pema::test
