// Codebooks by FAISS.
#include <algorithm>

#include <faiss/impl/ProductQuantizer.h>

#include "kernels/head_product.h"
#include "kernels/product_codes.h"
#include "pema/codebook.h"
#include "pema/error.h"
#include "src/memory/faiss_turn.h"
#include "src/memory/learn_parts.h"
#include "src/memory/learn_rotation.h"

namespace pema {
namespace {

CodebookInfo check(std::span<const std::shared_ptr<const Segment>> segments,
                   const CodebookOptions& options) {
  PEMA_CHECK(!segments.empty(), kInvalidArgument, "a codebook is learnt from at least one segment");
  CodebookInfo info;
  std::int64_t entries = 0;
  for (const std::shared_ptr<const Segment>& segment : segments) {
    PEMA_CHECK(segment != nullptr, kInvalidArgument, "a segment to learn from is null");
    const SegmentInfo& other = segment->info();
    const SegmentInfo& first = segments[0]->info();
    PEMA_CHECK(
        other.model == first.model && other.site == first.site && other.hidden == first.hidden,
        kMismatch, "segment ", segment->digest().short_hex(), " (base model ",
        other.model.short_hex(), ", ", to_string(other.site), ", width ", other.hidden,
        ") does not go with ", segments[0]->digest().short_hex(), " (", first.model.short_hex(),
        ", ", to_string(first.site), ", width ", first.hidden,
        "); learn a codebook from segments of one base model and site");
    entries += other.entries;
  }
  info.model = segments[0]->info().model;
  info.site = segments[0]->info().site;
  info.hidden = segments[0]->info().hidden;
  PEMA_CHECK(entries >= Codebook::kCentroids, kInvalidArgument,
             "a codebook is learnt from at least ", Codebook::kCentroids,
             " keys, the segments have ", entries);
  PEMA_CHECK(
      options.parts >= 1 && options.parts <= Codebook::kMaxParts && options.iterations >= 1 &&
          options.iterations <= 1000 && options.max_keys >= Codebook::kCentroids &&
          options.max_keys <= (std::int64_t{1} << 24),
      kInvalidArgument, "a codebook of ", options.parts, " bytes a key, ", options.iterations,
      " iterations and ", options.max_keys, " keys cannot be learnt; bytes are in [1, ",
      Codebook::kMaxParts, "], iterations in [1, 1000], keys in [256, 2^24]");
  info.parts = options.vector_parts(info.hidden) + (options.corrects() ? 1 : 0);
  return info;
}

/// The keys [count, d] to learn from: every (total / count)-th of all segments together.
Matrix<float> sample(std::span<const std::shared_ptr<const Segment>> segments, std::int64_t hidden,
                     std::int64_t most) {
  std::int64_t total = 0;
  for (const auto& segment : segments) total += segment->info().entries;
  Matrix<float> keys(std::min(total, most), hidden);
  std::int64_t before = 0;
  std::int64_t taken = 0;
  for (const auto& segment : segments) {
    const std::int64_t entries = segment->info().entries;
    for (; taken < keys.rows(); ++taken) {
      // taken * total / count without leaving 64 bits.
      const std::int64_t at =
          taken * (total / keys.rows()) + taken * (total % keys.rows()) / keys.rows() - before;
      if (at >= entries) break;
      segment->decode(at, keys.view().row_span(taken));
    }
    before += entries;
  }
  return keys;
}

/// k-means of columns [first, first + width) of the keys; the centroids to their place in out
/// [d, 256].
void learn_part(const Matrix<float>& keys, std::int64_t first, std::int64_t width,
                const CodebookOptions& options, std::vector<float>& out) {
  std::vector<float> columns;
  columns.reserve(static_cast<std::size_t>(keys.rows() * width));
  for (std::int64_t i = 0; i < keys.rows(); ++i) {
    const float* const key = keys.view().row(i) + first;
    columns.insert(columns.end(), key, key + width);
  }
  faiss::ProductQuantizer quantiser(static_cast<std::size_t>(width), 1, 8);
  quantiser.cp.niter = static_cast<int>(options.iterations);
  quantiser.cp.seed = options.seed;
  quantiser.cp.min_points_per_centroid = 1;  // says nothing on standard error
  quantiser.cp.max_points_per_centroid = 1 << 24;
  quantiser.train(static_cast<std::size_t>(keys.rows()), columns.data());
  for (std::int64_t j = 0; j < Codebook::kCentroids; ++j) {
    const float* const centroid = quantiser.get_centroids(0, static_cast<std::size_t>(j));
    for (std::int64_t c = 0; c < width; ++c) {
      out[static_cast<std::size_t>((first + c) * Codebook::kCentroids + j)] =
          std::clamp(centroid[c], -1.0F, 1.0F);
    }
  }
}

/// Levels [256] of the keys' own errors, their least squared distances to the centroids: most lie
/// evenly between those of these keys, some beyond for keys of a kind that nobody had yet.
std::vector<float> learn_errors(const Matrix<float>& keys, const kernels::ProductSpace& space) {
  constexpr std::size_t kKnown = 224;
  constexpr float kLargest = 1.25F;
  std::vector<float> errors;
  std::vector<std::uint8_t> code(static_cast<std::size_t>(space.parts));
  for (std::int64_t i = 0; i < keys.rows(); ++i) {
    kernels::encode_product(space, keys.row(i), code.data());
    double sum = 0;
    for (std::int64_t c = 0; c < space.cols; ++c) {
      const float centroid = space.at(c, code[static_cast<std::size_t>(c / space.width)]);
      const double off = static_cast<double>(keys.row(i)[c] - centroid);
      sum += off * off;
    }
    errors.push_back(static_cast<float>(std::min(sum, 4.0)));
  }
  const auto [least, most] = std::minmax_element(errors.begin(), errors.end());
  std::vector<float> levels;
  for (std::size_t j = 0; j < kKnown; ++j) {
    levels.push_back(*least + (*most - *least) * static_cast<float>(j) / (kKnown - 1));
  }
  constexpr std::size_t kBeyond = Codebook::kCentroids - kKnown;
  const float step = std::max(0.0F, kLargest - levels.back()) / static_cast<float>(kBeyond);
  for (std::size_t j = 0; j < kBeyond; ++j) levels.push_back(levels.back() + step);
  return levels;
}

/// [d, d] -> its transpose.
std::vector<float> transposed(const Matrix<float>& rotation) {
  std::vector<float> out;
  for (std::int64_t c = 0; c < rotation.cols(); ++c) {
    for (std::int64_t r = 0; r < rotation.rows(); ++r) out.push_back(rotation.row(r)[c]);
  }
  return out;
}

}  // namespace

std::shared_ptr<const Codebook> learn_codebook(
    std::span<const std::shared_ptr<const Segment>> segments, const CodebookOptions& options,
    Progress* progress) {
  const CodebookInfo info = check(segments, options);
  Matrix<float> keys = sample(segments, info.hidden, options.max_keys);
  const std::int64_t parts = options.vector_parts(info.hidden);
  std::vector<float> rotation;
  if (options.rotated && info.hidden <= Codebook::kWidestRotation) {
    const Matrix<float> learnt = memory::learn_rotation(keys, parts);
    keys = memory::rotated_rows(learnt, keys);
    rotation = transposed(learnt);
  }
  const std::vector<float> centroids = memory::learn_parts(keys, parts, options, progress);
  std::vector<float> errors;
  if (options.corrects()) {
    const std::int64_t width = (info.hidden + parts - 1) / parts;
    errors = learn_errors(keys, {info.hidden, parts, width, centroids.data()});
  }
  return Codebook::make(info, {centroids, rotation, errors});
}

Matrix<float> memory::rotated_rows(const Matrix<float>& rotation, const Matrix<float>& rows) {
  Matrix<float> out(rows.rows(), rows.cols());
  std::vector<const float*> from;
  std::vector<float*> to;
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    from.push_back(rows.row(i));
    to.push_back(out.row(i));
  }
  const std::int64_t d = rows.cols();
  kernels::dot_rows({rotation.data(), d, nullptr}, 0, d, d, from, to, false);
  return out;
}

std::vector<float> memory::learn_parts(const Matrix<float>& rows, std::int64_t parts,
                                       const CodebookOptions& options, Progress* progress) {
  const std::int64_t d = rows.cols();
  const std::int64_t width = (d + parts - 1) / parts;
  std::vector<float> centroids(static_cast<std::size_t>(d * Codebook::kCentroids));
  const FaissTurn turn;
  for (std::int64_t p = 0; p < parts; ++p) {
    checkpoint(progress, "codebook", p, parts, "parts");
    learn_part(rows, p * width, std::min(width, d - p * width), options, centroids);
  }
  checkpoint(progress, "codebook", parts, parts, "parts");
  return centroids;
}

}  // namespace pema
