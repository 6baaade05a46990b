#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

constexpr std::int64_t kPeople = 10'000;
constexpr std::int64_t kAdapters = 1024;

/// Bytes of registry.db per profile, over 10,000 copies of one enrolled mask with names of 16
/// bytes, lambdas, one shared segment and for every second person an own one.
double bytes_per_profile(bool random_names, std::int64_t per_call) {
  TinyStore tiny;
  Store& store = tiny.store;
  const PoolId pool = store.put_pool("main", tiny_pool({tiny_block(1, kAdapters)})).id;
  const SegmentId shared = store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs").id;
  const SegmentId second = store.put_segment(*tiny_segment(2), SegmentKind::kShared, "more").id;
  const std::int64_t empty = store.registry_bytes();

  std::mt19937_64 random(1);
  ProfileDraft draft = draft_of("x", pool);
  draft.mask.down = BitMask(kAdapters);
  for (std::int64_t i = 0; i < kAdapters; i += 3) draft.mask.down.set(i);
  std::vector<ProfileDraft> drafts;
  for (std::int64_t i = 0; i < kPeople; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "%016llx",
                  static_cast<unsigned long long>(random_names ? random() : 0x7000'0000ULL + i));
    draft.name = name;
    draft.schedule.lambda_max = static_cast<double>(random() % 10'001) / 1e4;
    draft.schedule.lambda_shared = 0.31;
    draft.segments = {shared};
    if (i % 2 == 1) draft.segments.push_back(second);
    drafts.push_back(draft);
  }
  for (std::int64_t at = 0; at < kPeople; at += per_call) {
    const auto count = static_cast<std::size_t>(std::min(per_call, kPeople - at));
    store.put_profiles(std::span(drafts).subspan(static_cast<std::size_t>(at), count));
  }
  EXPECT_EQ(store.profile_count(), kPeople);
  EXPECT_TRUE(store.verify().empty());
  return static_cast<double>(store.registry_bytes() - empty) / static_cast<double>(kPeople);
}

TEST(SizeTest, AProfileCostsItsMaskAndAtMostAHundredBytes) {
  constexpr double kMaskBytes = kAdapters / 8;
  for (const bool random_names : {false, true}) {
    for (const std::int64_t per_call : {kPeople, std::int64_t{500}}) {
      const double bytes = bytes_per_profile(random_names, per_call);
      std::printf("%s names, %lld per call: %.1f bytes per profile, %.1f beside the mask\n",
                  random_names ? "random" : "rising", static_cast<long long>(per_call), bytes,
                  bytes - kMaskBytes);
      EXPECT_LE(bytes, kMaskBytes + 100);
      EXPECT_GT(bytes, kMaskBytes + 16) << "the measurement itself is wrong";
    }
  }
}

}  // namespace
}  // namespace pema::test
