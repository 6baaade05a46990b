#include "pema/codebook.h"

#include <array>
#include <cereal/types/array.hpp>
#include <limits>
#include <thread>

#include "src/core/atomic_file.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema {
namespace {

using test::codebook_of;
using test::expect_error;
using test::segment_info;
using test::segment_of;
using test::unit_rows;
using Segments = std::vector<std::shared_ptr<const Segment>>;

CodebookOptions quick(std::int64_t parts = 4) {
  CodebookOptions options;
  options.parts = parts;
  options.iterations = 4;
  return options;
}

/// Mean squared distance of the keys to what they become.
double loss(const Codebook& codebook, const Matrix<float>& keys) {
  SegmentInfo info = segment_info(keys.cols());
  info.keys = KeyType::kProductQuantised;
  const std::vector<std::int32_t> tokens(static_cast<std::size_t>(keys.rows()), 0);
  const auto shared = std::shared_ptr<const Codebook>(std::shared_ptr<void>(), &codebook);
  const auto segment = Segment::make(info, keys.view(), tokens, shared);
  double sum = 0;
  std::vector<float> key(static_cast<std::size_t>(keys.cols()));
  for (std::int64_t i = 0; i < keys.rows(); ++i) {
    segment->decode(i, key);
    for (std::int64_t c = 0; c < keys.cols(); ++c) {
      const double off = static_cast<double>(keys.row(i)[c] - key[static_cast<std::size_t>(c)]);
      sum += off * off;
    }
  }
  return sum / static_cast<double>(keys.rows());
}

TEST(Codebook, IsTheSameInMemoryInBytesAndInAFile) {
  const test::TemporaryFolder folder;
  const auto made = codebook_of(segment_info(10), 4);
  const std::vector<std::byte> bytes = made->serialise();
  EXPECT_EQ(made->digest(), sha256(bytes));
  EXPECT_EQ(made->info().width(), 3);
  core::write_file_atomically(folder.file("c"), bytes);
  for (const auto& read :
       {Codebook::from_bytes(bytes), Codebook::open(folder.file("c"), made->digest())}) {
    EXPECT_EQ(read->serialise(), bytes);
    EXPECT_EQ(read->info().parts, 4);
    EXPECT_EQ(read->info().hidden, 10);
    EXPECT_EQ(read->info().site, FeatureSite::kPreNorm);
  }
}

TEST(Codebook, LearningLowersTheLossAndDependsOnNothingButItsArguments) {
  const Matrix<float> keys = unit_rows(700, 24, 3);
  const Segments whole{segment_of(keys)};
  const auto learnt = learn_codebook(whole, quick());
  EXPECT_LT(loss(*learnt, keys), 0.75 * loss(*codebook_of(segment_info(24), 4), keys));
  EXPECT_EQ(learn_codebook(whole, quick())->digest(), learnt->digest());
  CodebookOptions other = quick();
  other.seed = 7;
  EXPECT_NE(learn_codebook(whole, other)->digest(), learnt->digest());
  Matrix<float> head(300, 24);
  Matrix<float> tail(400, 24);
  std::copy_n(keys.data(), 300 * 24, head.data());
  std::copy_n(keys.data() + 300 * 24, 400 * 24, tail.data());
  const Segments cut{segment_of(head), segment_of(Matrix<float>(0, 24)), segment_of(tail)};
  EXPECT_EQ(learn_codebook(cut, quick())->digest(), learnt->digest());
  other = quick();
  other.max_keys = 300;  // every key of a third and a bit
  EXPECT_LT(loss(*learn_codebook(cut, other), keys), loss(*codebook_of(segment_info(24), 4), keys));
}

TEST(Codebook, MoreBytesLoseLess) {
  const Matrix<float> keys = unit_rows(600, 24, 3);
  const Segments whole{segment_of(keys)};
  const double two = loss(*learn_codebook(whole, quick(2)), keys);
  const double eight = loss(*learn_codebook(whole, quick(8)), keys);
  EXPECT_LT(eight, two);
}

TEST(Codebook, SeveralThreadsMayLearnAtOnce) {
  const Segments whole{segment_of(unit_rows(400, 12, 3))};
  std::vector<Digest> digests(3);
  std::vector<std::thread> threads;
  for (Digest& digest : digests) {
    threads.emplace_back([&] { digest = learn_codebook(whole, quick())->digest(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_EQ(digests[0], digests[2]);
}

TEST(Codebook, LearningRefusesWhatItCannotLearnFrom) {
  const Segments good{segment_of(unit_rows(300, 12, 3))};
  const auto refused = [](const Segments& segments, const CodebookOptions& options,
                          ErrorCode code) {
    expect_error(code, [&] { (void)learn_codebook(segments, options); });
  };
  refused({}, quick(), ErrorCode::kInvalidArgument);
  refused({nullptr}, quick(), ErrorCode::kInvalidArgument);
  refused({segment_of(unit_rows(255, 12, 3))}, quick(), ErrorCode::kInvalidArgument);
  refused(good, quick(0), ErrorCode::kInvalidArgument);
  refused(good, quick(13), ErrorCode::kInvalidArgument);
  refused(good, quick(5), ErrorCode::kInvalidArgument);  // 3 dimensions each leave the fifth none
  refused(good, quick(65), ErrorCode::kInvalidArgument);
  CodebookOptions options = quick();
  options.iterations = 0;
  refused(good, options, ErrorCode::kInvalidArgument);
  options = quick();
  options.max_keys = 255;
  refused(good, options, ErrorCode::kInvalidArgument);
  refused({good[0], segment_of(unit_rows(300, 11, 3))}, quick(), ErrorCode::kMismatch);
}

TEST(Codebook, MakeRefusesWhatIsNoCodebook) {
  CodebookInfo info;
  info.hidden = 3;
  info.parts = 2;
  std::vector<float> centroids(3 * 256, 0.5F);
  EXPECT_EQ(Codebook::make(info, centroids)->info().parts, 2);
  const auto refused = [&] {
    expect_error(ErrorCode::kInvalidArgument, [&] { (void)Codebook::make(info, centroids); });
  };
  for (const float value : {1.01F, -1.01F, std::numeric_limits<float>::quiet_NaN()}) {
    centroids[77] = value;
    refused();
  }
  centroids.assign(3 * 256, 0.5F);
  for (const std::int64_t parts : {-1, 0, 4, 65}) {
    info.parts = parts;
    refused();
  }
  info.parts = 2;
  centroids.pop_back();
  refused();
}

TEST(Codebook, FileRefusesFlippedBytesAndTruncation) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("c");
  const auto codebook = codebook_of(segment_info(2), 1);
  const std::vector<std::byte> bytes = codebook->serialise();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::byte> damaged = bytes;
    damaged[i] ^= std::byte{0x5a};
    test::write_bytes(path, damaged);
    expect_error(ErrorCode::kCorrupt, [&] { (void)Codebook::open(path, codebook->digest()); });
    expect_error(ErrorCode::kCorrupt, [&] {
      (void)Codebook::from_bytes({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(i)});
    });
  }
}

struct ForgedMeta {
  std::array<std::uint8_t, 32> model{};
  std::uint8_t site = 0;
  std::int64_t hidden = 1;
  std::int64_t parts = 1;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(model, site, hidden, parts);
  }
};

TEST(Codebook, RefusesWellFormedObjectsThatAreNoCodebooks) {
  const auto forge = [](const ForgedMeta& meta, const std::vector<float>& centroids) {
    const std::span<const std::byte> sections[] = {std::as_bytes(std::span(centroids))};
    return core::build_object(core::ObjectKind::kCodebook, core::encode_metadata(meta), sections);
  };
  std::vector<float> centroids(256, 0.1F);
  EXPECT_EQ(Codebook::from_bytes(forge({}, centroids))->info().hidden, 1);
  const auto refused = [&](const ForgedMeta& meta) {
    expect_error(ErrorCode::kCorrupt, [&] { (void)Codebook::from_bytes(forge(meta, centroids)); });
  };
  refused({{}, 2, 1, 1});
  refused({{}, 0, 0, 1});
  refused({{}, 0, INT64_MAX, 1});
  refused({{}, 0, 1, 0});
  refused({{}, 0, 1, INT64_MAX});
  refused({{}, 0, 2, 1});
  centroids[3] = std::numeric_limits<float>::infinity();
  refused({});
}

}  // namespace
}  // namespace pema
