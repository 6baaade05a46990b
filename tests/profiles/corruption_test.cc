#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

/// A closed store with rows in every table, and the bytes of its registry.
struct CorruptionTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("store");
  std::string registry = path + "/registry.db";
  std::vector<std::byte> bytes;

  CorruptionTest() {
    {
      Store store = Store::open(path, OpenMode::kCreate);
      store.put_model(tiny_model(), "");
      const PoolId pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;
      const SegmentId docs = store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs").id;
      std::vector<ProfileDraft> drafts;
      for (int i = 0; i < 200; ++i) {
        const SegmentId own =
            store
                .put_segment(*tiny_segment(static_cast<std::uint64_t>(2 + i % 7), 3 + i % 7),
                             SegmentKind::kOwn)
                .id;
        drafts.push_back(draft_of("person " + std::to_string(i), pool, {docs, own}));
      }
      store.put_profiles(drafts);
      store.remove_profile("person 3");
    }
    bytes = read_bytes(registry);
  }

  /// Uses everything of a store; an Error is a good outcome, a crash or another exception is none.
  void use() {
    const std::optional<Error> error = error_of([&] {
      Store store = Store::open(path, OpenMode::kReadWrite);
      EXPECT_NO_THROW(static_cast<void>(store.verify()));
      for (const auto& call : std::vector<std::function<void()>>{
               [&] { static_cast<void>(store.models()); },
               [&] { static_cast<void>(store.profiles({}, 1000)); },
               [&] { static_cast<void>(store.find_profile("person 100")); },
               [&] { static_cast<void>(store.segments()); },
               [&] { static_cast<void>(store.load_pool(PoolId{1})); },
               [&] { store.put_profile(draft_of("new", PoolId{1}), OnExisting::kReplace); },
               [&] { store.remove_profile("person 7"); }}) {
        const std::optional<Error> failure = error_of(call);
        if (failure) {
          EXPECT_STRNE(failure->what(), "");
        }
      }
    });
    if (error) {
      EXPECT_TRUE(error->code() == ErrorCode::kCorrupt ||
                  error->code() == ErrorCode::kUnsupported || error->code() == ErrorCode::kIo ||
                  error->code() == ErrorCode::kInternal)
          << error->what();
    }
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(registry + suffix);
  }
};

TEST_F(CorruptionTest, ATruncatedRegistryIsCorrupt) {
  for (std::size_t size = 1; size < bytes.size(); size += 1777) {
    write_bytes(registry, std::span(bytes).first(size));
    use();
    const std::optional<Error> error = error_of([&] {
      const Store store = Store::open(path, OpenMode::kReadOnly);
      EXPECT_FALSE(store.verify().empty()) << size;
    });
    if (error) {
      EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << size << ": " << error->what();
      EXPECT_THAT(error->what(), ::testing::HasSubstr(registry));
      EXPECT_THAT(error->what(), ::testing::HasSubstr("backup"));
    }
  }
}

TEST_F(CorruptionTest, AGarbageHeaderIsCorrupt) {
  std::vector<std::byte> bad = bytes;
  for (std::size_t i = 0; i < 100; ++i) bad[i] = static_cast<std::byte>(i * 37 + 1);
  write_bytes(registry, bad);
  for (const OpenMode mode : {OpenMode::kReadWrite, OpenMode::kReadOnly, OpenMode::kCreate}) {
    expect_error(
        ErrorCode::kCorrupt, [&] { static_cast<void>(Store::open(path, mode)); }, registry);
  }
  EXPECT_EQ(read_bytes(registry), bad) << "a damaged file is left as evidence";
}

TEST_F(CorruptionTest, EveryHeaderByteMayBeWrong) {
  for (std::size_t i = 0; i < 100; ++i) {
    std::vector<std::byte> bad = bytes;
    bad[i] ^= std::byte{0xff};
    write_bytes(registry, bad);
    use();
  }
}

TEST_F(CorruptionTest, WipedAndScrambledPagesAreToldByVerify) {
  constexpr std::size_t kPage = 4096;
  std::mt19937_64 random(7);
  for (std::size_t page = 1; page * kPage < bytes.size(); ++page) {
    for (const bool wipe : {true, false}) {
      std::vector<std::byte> bad = bytes;
      for (std::size_t i = page * kPage; i < (page + 1) * kPage; ++i) {
        bad[i] = wipe ? std::byte{0} : static_cast<std::byte>(random());
      }
      write_bytes(registry, bad);
      const std::optional<Error> error = error_of([&] {
        const Store store = Store::open(path, OpenMode::kReadOnly);
        EXPECT_FALSE(store.verify().empty()) << "page " << page;
      });
      if (error) {
        EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << error->what();
      }
      use();
    }
  }
}

TEST_F(CorruptionTest, RandomFlipsNeverCrash) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 150; ++round) {
    std::vector<std::byte> bad = bytes;
    for (int flips = 0; flips < 1 + round % 8; ++flips) {
      bad[random() % bad.size()] ^= static_cast<std::byte>(1U << (random() % 8));
    }
    write_bytes(registry, bad);
    use();
  }
}

TEST_F(CorruptionTest, AMissingOrFlippedObjectIsTold) {
  const Store store = Store::open(path, OpenMode::kReadWrite);
  const PoolRecord pool = store.pools()[0];
  const SegmentRecord docs = *store.find_segment("docs");
  for (const Digest& object : {pool.block_objects[0], pool.shared_object, docs.digest}) {
    const std::string file = store.object_path(object);
    const std::vector<std::byte> whole = read_bytes(file);
    const auto load = [&] {
      static_cast<void>(store.load_pool(pool.id));
      static_cast<void>(store.load_segment(docs.id));
    };
    for (std::size_t at = 0; at < whole.size(); at += 13) {
      std::vector<std::byte> bad = whole;
      bad[at] ^= std::byte{4};
      write_bytes(file, bad);
      expect_error(ErrorCode::kCorrupt, load, file);
    }
    ASSERT_EQ(store.verify().size(), 1U);
    EXPECT_THAT(store.verify()[0].what, ::testing::HasSubstr(object.hex()));
    EXPECT_THAT(store.verify()[0].why, ::testing::HasSubstr("damaged"));
    std::filesystem::remove(file);
    expect_error(ErrorCode::kNotFound, load, file);
    EXPECT_THAT(store.verify()[0].why, ::testing::HasSubstr("missing"));
    write_bytes(file, whole);
    EXPECT_NO_THROW(load());
    EXPECT_TRUE(store.verify().empty());
  }
}

}  // namespace
}  // namespace pema::test
