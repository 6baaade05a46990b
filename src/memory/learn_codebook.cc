// Codebooks by FAISS.
#include <algorithm>

#include <faiss/impl/ProductQuantizer.h>

#include "pema/codebook.h"
#include "pema/error.h"
#include "src/memory/faiss_turn.h"
#include "src/memory/learn_parts.h"

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
  info.parts = options.parts;
  PEMA_CHECK(entries >= Codebook::kCentroids, kInvalidArgument,
             "a codebook is learnt from at least ", Codebook::kCentroids,
             " keys, the segments have ", entries);
  PEMA_CHECK(options.parts >= 1 && options.parts <= Codebook::kMaxParts &&
                 (options.parts - 1) * info.width() < info.hidden && options.iterations >= 1 &&
                 options.iterations <= 1000 && options.max_keys >= Codebook::kCentroids &&
                 options.max_keys <= (std::int64_t{1} << 24),
             kInvalidArgument, "a codebook of ", options.parts, " parts, ", options.iterations,
             " iterations and ", options.max_keys, " keys cannot be learnt; parts are in [1, ",
             Codebook::kMaxParts, "] and leave none of the ", info.hidden,
             " dimensions' parts empty, iterations in [1, 1000], keys in [256, 2^24]");
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

}  // namespace

std::shared_ptr<const Codebook> learn_codebook(
    std::span<const std::shared_ptr<const Segment>> segments, const CodebookOptions& options,
    Progress* progress) {
  const CodebookInfo info = check(segments, options);
  const Matrix<float> keys = sample(segments, info.hidden, options.max_keys);
  return Codebook::make(info, memory::learn_parts(keys, options, progress));
}

std::vector<float> memory::learn_parts(const Matrix<float>& rows, const CodebookOptions& options,
                                       Progress* progress) {
  const std::int64_t d = rows.cols();
  const std::int64_t width = (d + options.parts - 1) / options.parts;
  std::vector<float> centroids(static_cast<std::size_t>(d * Codebook::kCentroids));
  const FaissTurn turn;
  for (std::int64_t p = 0; p < options.parts; ++p) {
    checkpoint(progress, "codebook", p, options.parts, "parts");
    learn_part(rows, p * width, std::min(width, d - p * width), options, centroids);
  }
  checkpoint(progress, "codebook", options.parts, options.parts, "parts");
  return centroids;
}

}  // namespace pema
