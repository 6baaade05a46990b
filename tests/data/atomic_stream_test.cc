#include "src/data/atomic_stream.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "tests/data/data_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::data {
namespace {

TEST(AtomicStream, AppearsWholeOnCommit) {
  test::TemporaryFolder folder;
  const std::string path = folder.file("f");
  test::write_text(path, "before");
  std::string expected;
  AtomicStream out(path);
  for (int i = 0; i < 100000; ++i) {
    const std::string piece = std::to_string(i) + "\n";
    out.write(piece);
    expected += piece;
  }
  EXPECT_EQ(test::read_text(path), "before");
  out.commit();
  EXPECT_EQ(test::read_text(path), expected);
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicStream, LeavesTheTargetAloneWithoutCommit) {
  test::TemporaryFolder folder;
  test::write_text(folder.file("f"), "before");
  {
    AtomicStream out(folder.file("f"));
    out.write("after");
  }
  EXPECT_EQ(test::read_text(folder.file("f")), "before");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicStream, NamesThePathThatCannotBeWritten) {
  test::TemporaryFolder folder;
  test::expect_error(
      ErrorCode::kIo, [&] { AtomicStream out(folder.file("no/f")); }, folder.file("no/f"));
  std::filesystem::create_directory(folder.file("dir"));
  std::filesystem::create_directory(folder.file("dir/inside"));
  test::expect_error(
      ErrorCode::kIo,
      [&] {
        AtomicStream out(folder.file("dir"));
        out.commit();
      },
      "cannot rename it");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AtomicStream, AFullDiskIsDiskFullAndLeavesNothing) {
  test::TemporaryFolder folder;
  // A file size limit stands for the full disk: the kernel answers EFBIG where it would say ENOSPC.
  const auto previous_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit previous{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &previous), 0);
  rlimit small = previous;
  small.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto error = test::error_of([&] {
    AtomicStream out(folder.file("f"));
    out.write(std::string(100000, 'x'));
    out.commit();
  });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &previous), 0);
  std::signal(SIGXFSZ, previous_handler);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kDiskFull) << error->what();
  EXPECT_EQ(folder.entries(), 0);
}

}  // namespace
}  // namespace pema::data
