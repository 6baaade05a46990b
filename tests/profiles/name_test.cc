#include "profiles/name.h"

#include <gtest/gtest.h>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

TEST(NameTest, OrdinaryAndOddNamesAreKept) {
  for (const std::string& name :
       {std::string("a"), std::string("../../etc/passwd"), std::string("/"), std::string("."),
        std::string(" spaced "), std::string("J\xc3\xbcrgen"), std::string("\xe6\x9d\x8e"),
        std::string("\xf0\x9f\x98\x80"), std::string("\xf4\x8f\xbf\xbf"), std::string(255, 'x'),
        std::string("'; DROP TABLE profile; --")}) {
    EXPECT_NO_THROW(profiles::check_name(name, "profile name")) << name;
  }
}

TEST(NameTest, BadNamesAreRefused) {
  for (const std::string& name :
       {std::string(), std::string(256, 'x'), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\x7f"), std::string("\xc2\x85"), std::string("\xff"), std::string("\x80"),
        std::string("\xc3"), std::string("\xc0\xaf"), std::string("\xe0\x80\xaf"),
        std::string("\xed\xa0\x80"), std::string("\xf4\x90\x80\x80"),
        std::string("\xf8\x88\x80\x80"), std::string("a\xe6\x9d")}) {
    expect_error(
        ErrorCode::kInvalidArgument, [&] { profiles::check_name(name, "profile name"); },
        "profile name");
  }
}

TEST(NameTest, NoPathIsMadeOfAName) {
  TinyStore tiny;
  const PoolRecord pool = tiny.store.put_pool("../escape", tiny_pool({tiny_block(1)}));
  const SegmentRecord shared =
      tiny.store.put_segment(*tiny_segment(1), SegmentKind::kShared, "../../also");
  const SegmentRecord own = tiny.store.put_segment(*tiny_segment(2), SegmentKind::kOwn);
  tiny.store.put_profile(draft_of("../../../x", pool.id, {shared.id, own.id}));
  EXPECT_TRUE(tiny.store.find_profile("../../../x").has_value());
  EXPECT_TRUE(tiny.store.remove_profile("../../../x"));
  EXPECT_EQ(tiny.folder.entries(), 1);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tiny.path)) {
    const std::string name = entry.path().filename();
    EXPECT_TRUE(name.size() == 2 || name.size() == 64 || name == "objects" || name == "incoming" ||
                name.starts_with("registry."))
        << name;
  }
}

}  // namespace
}  // namespace pema::test
