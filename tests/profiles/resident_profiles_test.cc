#include "profiles/resident_profiles.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "pema/error.h"

namespace pema::test {
namespace {

TEST(ResidentProfilesTest, AgreesWithAMapWithinItsBytes) {
  for (const std::int64_t limit : {std::int64_t{0}, std::int64_t{4000}, std::int64_t{100'000}}) {
    profiles::ResidentProfiles resident(limit);
    std::map<std::int64_t, std::string> expected;
    std::mt19937_64 random(5);
    profiles::ResidentRow row;
    for (int step = 0; step < 20'000; ++step) {
      const auto id = static_cast<std::int64_t>(random() % 700);
      const std::string name = message("name ", id);
      const std::string text(random() % 90, static_cast<char>('a' + id % 26));
      if (random() % 3 == 0) {
        EXPECT_LE(resident.drop(id) ? 1U : 0U, expected.erase(id));
      } else if (!resident.find(id, row)) {
        const bool kept = resident.put({.id = id,
                                        .generation = id + 1,
                                        .setting = 7,
                                        .name = name,
                                        .data = std::as_bytes(std::span(text))});
        if (kept) expected[id] = text;
      }
      const auto other = static_cast<std::int64_t>(random() % 700);
      const bool here = resident.find(message("name ", other), row);
      profiles::ResidentRow by_id;
      ASSERT_EQ(here, resident.find(other, by_id));
      if (!here) continue;  // perhaps pushed out
      ASSERT_TRUE(expected.contains(other));
      ASSERT_EQ(std::string(reinterpret_cast<const char*>(row.data.data()), row.data.size()),
                expected[other]);
      ASSERT_EQ(row.id, other);
      ASSERT_EQ(by_id.name, message("name ", other));
      ASSERT_EQ(row.generation, other + 1);
    }
    EXPECT_LE(resident.bytes(), std::max<std::int64_t>(limit, 1024));
    EXPECT_EQ(resident.size() > 0, limit > 0);
    if (limit == 100'000) {
      EXPECT_GT(resident.size(), 200) << "no needless pushing out";
    }
  }
}

}  // namespace
}  // namespace pema::test
