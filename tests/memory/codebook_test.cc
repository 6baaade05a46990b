#include "pema/codebook.h"

#include <array>
#include <cereal/types/array.hpp>
#include <cmath>
#include <limits>
#include <thread>

#include "kernels/product_codes.h"
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

/// Plain: without a rotation and errors.
CodebookOptions quick(std::int64_t parts = 4) {
  CodebookOptions options;
  options.parts = parts;
  options.iterations = 4;
  options.rotated = false;
  options.corrected = false;
  return options;
}

CodebookOptions turned(std::int64_t parts, bool rotated, bool corrected) {
  CodebookOptions options = quick(parts);
  options.rotated = rotated;
  options.corrected = corrected;
  return options;
}

/// Width 2 in one part, a rotation by a quarter of a right angle, errors or both.
std::shared_ptr<const Codebook> tiny_turned(bool rotated, bool corrected) {
  const SegmentInfo segment = segment_info(2);
  const std::vector<float> centroids(2 * 256, 0.25F);
  const std::vector<float> rotation{0.9238795F, 0.3826834F, -0.3826834F, 0.9238795F};
  std::vector<float> errors;
  for (int j = 0; j < 256; ++j) errors.push_back(static_cast<float>(j) / 256.0F);
  CodebookNumbers numbers{centroids};
  if (rotated) numbers.rotation = rotation;
  if (corrected) numbers.errors = errors;
  return Codebook::make({segment.model, segment.site, 2, corrected ? 2 : 1}, numbers);
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
  EXPECT_EQ(made->space().width, 3);
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

TEST(Codebook, ARotationByPrincipalComponentsLosesLess) {
  // Neighbouring dimensions say the same, so that parts without a rotation repeat each other.
  Matrix<float> keys = unit_rows(700, 24, 3);
  for (std::int64_t i = 0; i < keys.rows(); ++i) {
    float* const key = keys.row(i);
    double square = 0;
    for (std::int64_t c = 6; c < 24; ++c) key[c] = 0.9F * key[c - 6] + 0.1F * key[c];
    for (std::int64_t c = 0; c < 24; ++c) square += static_cast<double>(key[c] * key[c]);
    for (std::int64_t c = 0; c < 24; ++c) key[c] /= static_cast<float>(std::sqrt(square));
  }
  const Segments whole{segment_of(keys)};
  const auto plain = learn_codebook(whole, quick());
  const auto rotated = learn_codebook(whole, turned(4, true, false));
  EXPECT_LT(loss(*rotated, keys), 0.8 * loss(*plain, keys));
  EXPECT_EQ(learn_codebook(whole, turned(4, true, false))->digest(), rotated->digest());
}

TEST(Codebook, WithErrorsARepeatedKeyIsAtNoDistance) {
  const Matrix<float> keys = unit_rows(700, 24, 3);
  const Segments whole{segment_of(keys)};
  const auto nearest = [&](const std::shared_ptr<const Codebook>& codebook) {
    SegmentInfo info = segment_info(24);
    info.keys = KeyType::kProductQuantised;
    const std::vector<std::int32_t> tokens(static_cast<std::size_t>(keys.rows()), 0);
    const Segments quantised{Segment::make(info, keys.view(), tokens, codebook)};
    double sum = 0;
    for (std::int64_t i = 0; i < keys.rows(); ++i) {
      sum += static_cast<double>(recall(quantised, keys.view().row_span(i), 1).at(0).distance);
    }
    return sum / static_cast<double>(keys.rows());
  };
  const double plain = nearest(learn_codebook(whole, quick(6)));
  for (const bool rotated : {false, true}) {
    const auto codebook = learn_codebook(whole, turned(6, rotated, true));
    EXPECT_EQ(codebook->info().parts, 6);
    EXPECT_LT(nearest(codebook), 0.02 * plain);
  }
  // A key of one byte has no room for its error.
  EXPECT_EQ(learn_codebook(whole, turned(1, false, true))->digest(),
            learn_codebook(whole, quick(1))->digest());
}

TEST(Codebook, AWidthThatHasNoUseForAllBytesTakesFewer) {
  const Segments whole{segment_of(unit_rows(300, 12, 3))};
  for (const auto& [bytes, used] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {4, 4}, {5, 4}, {7, 6}, {12, 12}, {13, 12}, {64, 12}}) {
    EXPECT_EQ(learn_codebook(whole, quick(bytes))->info().parts, used);
    if (bytes < 64) {
      EXPECT_EQ(learn_codebook(whole, turned(bytes + 1, false, true))->info().parts, used + 1);
    }
  }
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
  refused(good, quick(65), ErrorCode::kInvalidArgument);
  refused(good, turned(65, false, true), ErrorCode::kInvalidArgument);
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
  EXPECT_EQ(Codebook::make(info, {centroids})->info().parts, 2);
  const auto refused = [&] {
    expect_error(ErrorCode::kInvalidArgument, [&] { (void)Codebook::make(info, {centroids}); });
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

TEST(Codebook, MakeRefusesRotationsAndErrorsThatAreNone) {
  const CodebookInfo info{{}, FeatureSite::kPostNorm, 2, 2};
  const std::vector<float> centroids(2 * 256, 0.5F);
  const std::vector<float> rotation{0, 1, 1, 0};
  const std::vector<float> errors(256, 0.5F);
  EXPECT_EQ(Codebook::make(info, {centroids, rotation, errors})->info().parts, 2);
  const auto refused = [&](const CodebookInfo& i, const CodebookNumbers& numbers) {
    expect_error(ErrorCode::kInvalidArgument, [&] { (void)Codebook::make(i, numbers); });
  };
  for (const std::vector<float>& wrong : {std::vector<float>{0, 1, 1},
                                          {0, 1, 1, 0.5F},
                                          {0, 1.5F, 1, 0},
                                          {1, 1, 0, 0},
                                          {0, std::numeric_limits<float>::quiet_NaN(), 1, 0}}) {
    refused(info, {centroids, wrong, errors});
  }
  std::vector<float> wrong(255, 0.5F);
  refused(info, {centroids, rotation, wrong});
  for (const float value : {-0.1F, 4.1F, 0.4F, std::numeric_limits<float>::quiet_NaN()}) {
    wrong.assign(256, 0.5F);
    wrong[100] = value;
    refused(info, {centroids, {}, wrong});
  }
  CodebookInfo one = info;
  one.parts = 1;  // no byte is left for a part
  refused(one, {centroids, rotation, errors});
  EXPECT_EQ(Codebook::make(one, {centroids, rotation})->info().parts, 1);
  one.parts = 4;  // three parts of two dimensions
  refused(one, {centroids, rotation, errors});
  const std::vector<float> wide(4097 * 256, 0.1F);
  const std::vector<float> square(static_cast<std::size_t>(4097 * 4097), 0.1F);
  refused({{}, FeatureSite::kPostNorm, 4097, 2}, {wide, square});
}

class CodebookFile : public testing::TestWithParam<std::shared_ptr<const Codebook>> {};

INSTANTIATE_TEST_SUITE_P(Kinds, CodebookFile,
                         testing::Values(codebook_of(segment_info(2), 1), tiny_turned(true, false),
                                         tiny_turned(false, true), tiny_turned(true, true)));

TEST_P(CodebookFile, RefusesFlippedBytesAndTruncation) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("c");
  const auto& codebook = GetParam();
  EXPECT_EQ(Codebook::from_bytes(codebook->serialise())->digest(), codebook->digest());
  const std::vector<std::byte> bytes = codebook->serialise();
  // Every byte of the head, then some of the numbers, which all go through the same checks.
  for (std::size_t i = 0; i < bytes.size(); i += i < 256 ? 1 : 13) {
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

TEST(Codebook, RefusesForgedRotationsAndErrors) {
  const std::vector<float> centroids(256, 0.1F);
  const auto forge = [&](std::span<const float> rotation, std::span<const float> errors,
                         std::size_t sections = 3, std::int64_t parts = 2) {
    const ForgedMeta meta{{}, 0, 1, parts};
    const std::span<const std::byte> all[] = {std::as_bytes(std::span(centroids)),
                                              std::as_bytes(rotation), std::as_bytes(errors)};
    return core::build_object(core::ObjectKind::kTurnedCodebook, core::encode_metadata(meta),
                              std::span(all).first(sections));
  };
  const float rotation[] = {-1};
  std::vector<float> errors(256, 0.1F);
  EXPECT_EQ(Codebook::from_bytes(forge(rotation, errors))->info().parts, 2);
  const auto refused = [&](const std::vector<std::byte>& bytes) {
    expect_error(ErrorCode::kCorrupt, [&] { (void)Codebook::from_bytes(bytes); });
  };
  refused(forge({}, {}, 3, 1));
  refused(forge(rotation, errors, 2));
  refused(forge(rotation, errors, 3, 1));
  refused(forge(rotation, {}, 3, 2));
  const float half[] = {0.5F};
  refused(forge(half, errors));
  errors[9] = 0.2F;
  refused(forge(rotation, errors));
}

}  // namespace
}  // namespace pema
