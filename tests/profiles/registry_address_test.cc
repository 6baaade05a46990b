// registry.url.
#include "profiles/registry_address.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema::test {
namespace {

TEST(RegistryAddressTest, HasOneFormAndRefusesOthers) {
  const profiles::RegistryAddress address{"postgresql://pema@db.example/pema", sha256("mark")};
  const std::string text = profiles::encode_address(address);
  EXPECT_EQ(profiles::decode_address(bytes_of(text), "registry.url"), address);
  const auto refuse = [](const std::string& bad) {
    const auto error = error_of(
        [&] { static_cast<void>(profiles::decode_address(bytes_of(bad), "registry.url")); });
    ASSERT_TRUE(error.has_value()) << bad;
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt);
    EXPECT_EQ(std::string(error->what()).find("pema@"), std::string::npos);
  };
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) refuse(text.substr(0, bytes));
  refuse(text + "\n");
  refuse("http://db.example/pema\n" + sha256("mark").hex() + "\n");
  refuse("postgresql://pema@db\x01/pema\n" + sha256("mark").hex() + "\n");
  refuse(std::string(10'000, 'p'));
  expect_error(ErrorCode::kInvalidArgument, [] {
    static_cast<void>(profiles::encode_address({"postgresql://a b/c", sha256("mark")}));
  });
}

}  // namespace
}  // namespace pema::test
