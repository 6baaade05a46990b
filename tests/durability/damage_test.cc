/// Randomly damaged stores: verify never crashes and never answers wrongly.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "bench/durability/store_script.h"
#include "pema/error.h"
#include "tests/durability/amount.h"
#include "tests/support/temporary_folder.h"

namespace pema::test {
namespace {

using durability::describe;
using durability::StoreScript;

struct DamageTest : ::testing::Test {
  TemporaryFolder folder;
  std::string store = folder.file("store");
  std::vector<std::string> files;  ///< registry.db and the objects that rows name, by path
  std::vector<std::vector<std::byte>> whole;
  std::string state;
  std::mt19937_64 random{2026};

  DamageTest() {
    StoreScript script(folder.path(), 8, Durability::kFast);
    script.create();
    for (std::int64_t step = 0; step < 60; ++step) script.perform(step);
    state = describe(script.store());
    EXPECT_TRUE(script.store().verify().empty());
    static_cast<void>(script.store().registry_bytes());
    script.close();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store)) {
      if (entry.is_regular_file()) files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    std::rotate(files.begin(), std::find(files.begin(), files.end(), store + "/registry.db"),
                files.end());
    for (const std::string& file : files) whole.push_back(read_bytes(file));
  }

  [[nodiscard]] std::size_t below(std::size_t end) { return random() % end; }

  /// Another version of some bytes: flips, a torn end, zeros, noise, or a stretch from elsewhere.
  std::vector<std::byte> damaged(const std::vector<std::byte>& bytes) {
    std::vector<std::byte> bad = bytes;
    const std::size_t at = below(bad.size());
    const std::size_t length = std::min<std::size_t>(bad.size() - at, 1 + below(4096));
    switch (below(7)) {
      case 0:
        bad[at] ^= static_cast<std::byte>(1U << below(8));
        break;
      case 1:
        for (std::size_t i = 0; i < 1 + below(20); ++i)
          bad[below(bad.size())] = std::byte(random());
        break;
      case 2:
        bad.resize(at);
        break;
      case 3:
        for (std::size_t i = at; i < at + length; ++i) bad[i] = std::byte{0};
        break;
      case 4:
        for (std::size_t i = at; i < at + length; ++i) bad[i] = std::byte(random());
        break;
      case 5: {  // a block that was written to another one's place
        const std::size_t blocks = std::max<std::size_t>(1, bad.size() / 4096);
        const std::size_t from = below(blocks) * 4096;
        const std::size_t to = below(blocks) * 4096;
        for (std::size_t i = 0; i < 4096 && std::max(from, to) + i < bad.size(); ++i) {
          bad[to + i] = bytes[from + i];
        }
        break;
      }
      default:
        bad.resize(bad.size() + length);
        for (std::size_t i = bytes.size(); i < bad.size(); ++i) bad[i] = std::byte(random());
    }
    return bad;
  }

  /// Damages one file (now and then two, or a missing one); their indices.
  std::vector<std::size_t> damage() {
    std::vector<std::size_t> touched;
    const std::size_t count = 1 + below(8) / 7;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t file = below(2) == 0 ? 0 : below(files.size());
      if (file != 0 && below(5) == 0) {
        std::filesystem::remove(files[file]);
      } else {
        write_bytes(files[file], damaged(whole[file]));
      }
      touched.push_back(file);
    }
    return touched;
  }

  [[nodiscard]] bool differs(const std::vector<std::size_t>& touched) const {
    for (const std::size_t file : touched) {
      if (!std::filesystem::exists(files[file]) || read_bytes(files[file]) != whole[file]) {
        return true;
      }
    }
    return false;
  }

  void repair(const std::vector<std::size_t>& touched) const {
    for (const std::size_t file : touched) write_bytes(files[file], whole[file]);
    for (const char* suffix : {"-wal", "-shm"}) {
      std::filesystem::remove(store + "/registry.db" + suffix);
    }
  }
};

/// Clean must mean whole: everything is as it was. Damage that verify tells must be there.
TEST_F(DamageTest, VerifyIsNeverWrong) {
  const std::int64_t rounds = amount("PEMA_DAMAGED_STORES", 400);
  std::int64_t told = 0;
  std::int64_t refused = 0;
  std::int64_t harmless = 0;
  for (std::int64_t round = 0; round < rounds; ++round) {
    const std::vector<std::size_t> touched = damage();
    const bool quick = below(4) == 0;
    try {
      const Store opened = Store::open(store, OpenMode::kReadOnly);
      const bool clean = opened.verify(quick ? VerifyDepth::kQuick : VerifyDepth::kFull).empty();
      if (clean && !quick) {
        EXPECT_EQ(describe(opened), state) << "round " << round;
        for (const std::size_t file : touched) {  // of an object not one byte may differ
          EXPECT_TRUE(file == 0 || !differs({file})) << "round " << round << " " << files[file];
        }
      }
      if (!clean) {
        EXPECT_TRUE(differs(touched)) << "round " << round;
      }
      ++(clean ? harmless : told);
    } catch (const Error& error) {
      ++refused;
      EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported ||
                  error.code() == ErrorCode::kIo)
          << "round " << round << ": " << to_string(error.code()) << ": " << error.what();
      EXPECT_TRUE(differs(touched)) << "round " << round;
    }
    repair(touched);
    ASSERT_FALSE(HasFailure());
  }
  const Store opened = Store::open(store, OpenMode::kReadOnly);
  EXPECT_TRUE(opened.verify().empty());
  RecordProperty("stores", static_cast<int>(rounds));
  RecordProperty("refused", static_cast<int>(refused));
  RecordProperty("told", static_cast<int>(told));
  RecordProperty("harmless", static_cast<int>(harmless));
  std::printf("%lld damaged stores: %lld refused, %lld told by verify, %lld without effect\n",
              static_cast<long long>(rounds), static_cast<long long>(refused),
              static_cast<long long>(told), static_cast<long long>(harmless));
}

}  // namespace
}  // namespace pema::test
