#include "pema/digest.h"

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema {
namespace {

using test::bytes_of;
using test::expect_error;

constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

// FIPS 180-4 examples, and a million letters a.
TEST(Sha256, AgreesWithTheStandard) {
  EXPECT_EQ(sha256("abc").hex(), kAbc);
  EXPECT_EQ(sha256("").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, GivesTheSameInPieces) {
  EXPECT_EQ(Sha256().update("a").update("").update(bytes_of("bc")).finish(), sha256("abc"));
  Sha256 moved = std::move(Sha256().update("ab"));
  EXPECT_EQ(moved.update("c").finish(), sha256("abc"));
}

TEST(Sha256, WritesIntegersAsEightLittleEndianBytes) {
  EXPECT_EQ(Sha256().update_int(0x0102).finish(),
            sha256(std::string_view("\x02\x01\0\0\0\0\0\0", 8)));
  EXPECT_EQ(Sha256().update_int(-1).finish(), sha256(std::string(8, '\xff')));
}

TEST(Sha256, ReadsFilesOfAnySize) {
  const test::TemporaryFolder folder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{3}, (std::size_t{1} << 20) + 1}) {
    const std::string text(size, 'x');
    test::write_bytes(folder.file("f"), bytes_of(text));
    EXPECT_EQ(sha256_file(folder.file("f")), sha256(text)) << size;
  }
  expect_error(
      ErrorCode::kNotFound, [&] { (void)sha256_file(folder.file("none")); }, "none");
  expect_error(
      ErrorCode::kIo, [&] { (void)sha256_file(folder.path()); }, folder.path());
}

TEST(Digest, ParsesWhatItPrints) {
  const Digest digest = sha256("abc");
  EXPECT_EQ(Digest::parse(digest.hex()), digest);
  std::string upper = digest.hex();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(Digest::parse(upper), digest);
  EXPECT_EQ(digest.short_hex(), std::string(kAbc).substr(0, 12));
  EXPECT_EQ(Digest::from_bytes(std::as_bytes(std::span(digest.bytes))), digest);
}

TEST(Digest, RefusesOtherTexts) {
  const std::string good = sha256("abc").hex();
  expect_error(
      ErrorCode::kInvalidArgument, [] { (void)Digest::parse(""); }, "64");
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)Digest::parse(good.substr(1)); });
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)Digest::parse(good + "0"); });
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = 'g';
    expect_error(ErrorCode::kInvalidArgument, [&] { (void)Digest::parse(bad); });
  }
  expect_error(ErrorCode::kInvalidArgument, [] { (void)Digest::from_bytes(bytes_of("short")); });
}

TEST(Digest, ZeroMeansNone) {
  EXPECT_TRUE(Digest{}.is_zero());
  EXPECT_FALSE(sha256("").is_zero());
  Digest last;
  last.bytes[31] = 1;
  EXPECT_FALSE(last.is_zero());
  EXPECT_LT(Digest{}, last);
  EXPECT_NE(std::hash<Digest>{}(sha256("a")), std::hash<Digest>{}(sha256("b")));
}

}  // namespace
}  // namespace pema
