#include "src/core/atomic_file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema::core {
namespace {

using test::bytes_of;
using test::expect_error;
using test::read_bytes;

std::string text_of(const std::string& path) {
  const std::vector<std::byte> bytes = read_bytes(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// No file may grow past `bytes` while this lives; the write then fails instead of killing us.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    (void)std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  void (*handler_)(int);
};

TEST(AtomicFile, WritesPiecesInOrderAndLeavesNothingElse) {
  const test::TemporaryFolder folder;
  const std::span<const std::byte> pieces[] = {bytes_of("one "), {}, bytes_of("two")};
  write_file_atomically(folder.file("f"), pieces);
  EXPECT_EQ(text_of(folder.file("f")), "one two");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicFile, TextAndBytesAppearWholeAndInOrderOnCommit) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("f");
  write_file_atomically(path, bytes_of("before"));
  std::string expected;
  AtomicFile file(path);
  for (int i = 0; i < 100000; ++i) {
    const std::string piece = std::to_string(i) + "\n";
    if (i % 1000 == 7) {
      file.write(std::as_bytes(std::span(piece)));
    } else {
      file.write(piece);
    }
    expected += piece;
  }
  EXPECT_EQ(text_of(path), "before");
  file.commit();
  EXPECT_EQ(text_of(path), expected);
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicFile, LeavesTheTargetAloneWithoutCommit) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.file("f"), bytes_of("before"));
  {
    AtomicFile file(folder.file("f"));
    file.write("after");
  }
  EXPECT_EQ(text_of(folder.file("f")), "before");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicFile, ReplacesAFileAndWritesAnEmptyOne) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.file("f"), bytes_of("a longer old text"));
  write_file_atomically(folder.file("f"), bytes_of("new"));
  EXPECT_EQ(text_of(folder.file("f")), "new");
  write_file_atomically(folder.file("f"), std::span<const std::byte>{});
  EXPECT_EQ(text_of(folder.file("f")), "");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicFile, TakesNamesAsLongAsTheFileSystemDoes) {
  const test::TemporaryFolder folder;
  const std::string name(255, 'n');
  write_file_atomically(folder.file(name), bytes_of("x"));
  EXPECT_EQ(text_of(folder.file(name)), "x");
}

TEST(AtomicFile, FullDiskKeepsTheOldFile) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.file("f"), bytes_of("old"));
  const std::string big(1 << 16, 'x');
  {
    const FileSizeLimit limit(1 << 12);
    expect_error(
        ErrorCode::kDiskFull, [&] { write_file_atomically(folder.file("f"), bytes_of(big)); },
        folder.file("f"));
    expect_error(
        ErrorCode::kDiskFull, [&] { write_file_atomically(folder.file("new"), bytes_of(big)); },
        "free");
  }
  EXPECT_EQ(text_of(folder.file("f")), "old");
  EXPECT_EQ(folder.entries(), 1) << "a temporary file was left";
  write_file_atomically(folder.file("f"), bytes_of(big));
  EXPECT_EQ(text_of(folder.file("f")), big);
}

TEST(AtomicFile, FailureInALaterPieceKeepsTheOldFile) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.file("f"), bytes_of("old"));
  const std::string big(1 << 16, 'x');
  const std::span<const std::byte> pieces[] = {bytes_of("fits"), bytes_of(big)};
  const FileSizeLimit limit(1 << 12);
  expect_error(ErrorCode::kDiskFull, [&] { write_file_atomically(folder.file("f"), pieces); });
  EXPECT_EQ(text_of(folder.file("f")), "old");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicFile, NamesThePathWhenTheFolderIsMissing) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("none/f");
  expect_error(
      ErrorCode::kIo, [&] { write_file_atomically(path, bytes_of("x")); }, path);
  expect_error(ErrorCode::kIo, [] { write_file_atomically("", bytes_of("x")); });
}

TEST(AtomicFile, RefusesToReplaceAFolder) {
  const test::TemporaryFolder folder;
  ASSERT_EQ(::mkdir(folder.file("d").c_str(), 0700), 0);
  expect_error(
      ErrorCode::kIo, [&] { write_file_atomically(folder.file("d"), bytes_of("x")); }, "renaming");
  EXPECT_EQ(folder.entries(), 1) << "a temporary file was left";
}

TEST(AtomicFile, SkipsATemporaryNameThatAKilledProcessLeft) {
  const test::TemporaryFolder folder;
  // The counter is at an unknown value: occupy the next few names.
  const std::string prefix =
      folder.file(std::string(kTemporaryPrefix)) + std::to_string(::getpid()) + "-";
  for (int i = 0; i < 100; ++i) test::write_bytes(prefix + std::to_string(i), bytes_of("stale"));
  write_file_atomically(folder.file("f"), bytes_of("x"));
  EXPECT_EQ(text_of(folder.file("f")), "x");
  EXPECT_EQ(text_of(prefix + "99"), "stale");
  EXPECT_EQ(folder.entries(), 101);
}

TEST(AtomicFile, OneOfManyWritersWinsAndReadersSeeWholeFiles) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("f");
  write_file_atomically(path, bytes_of(std::string(5000, 'a')));
  std::vector<std::thread> writers;
  for (const char letter : {'b', 'c', 'd'}) {
    writers.emplace_back([&path, letter] {
      for (int i = 0; i < 20; ++i) {
        write_file_atomically(
            path,
            bytes_of(std::string(static_cast<std::size_t>(3000 + 100 * (letter - 'a')), letter)));
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    const std::string text = text_of(path);
    ASSERT_FALSE(text.empty());
    EXPECT_EQ(text, std::string(text.size(), text[0]));
    if (text[0] != 'a') {
      EXPECT_EQ(text.size(), static_cast<std::size_t>(3000 + 100 * (text[0] - 'a')));
    }
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(folder.entries(), 1);
}

}  // namespace
}  // namespace pema::core
