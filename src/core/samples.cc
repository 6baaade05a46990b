#include "pema/samples.h"

#include <algorithm>
#include <utility>

namespace pema {

SampleSet::SampleSet(Matrix<float> features, std::vector<std::int32_t> targets,
                     std::vector<std::int64_t> document_start,
                     std::vector<std::int64_t> prompt_length)
    : features_(std::move(features)),
      targets_(std::move(targets)),
      document_start_(std::move(document_start)),
      prompt_length_(std::move(prompt_length)) {
  PEMA_CHECK(static_cast<std::int64_t>(targets_.size()) == features_.rows(), kInvalidArgument,
             "samples have ", features_.rows(), " feature rows and ", targets_.size(),
             " targets; there must be one target per row");
  PEMA_CHECK(document_start_.size() == prompt_length_.size() + 1, kInvalidArgument, "samples of ",
             prompt_length_.size(), " documents need one offset more than that, not ",
             document_start_.size());
  PEMA_CHECK(document_start_.front() == 0 && document_start_.back() == features_.rows() &&
                 std::is_sorted(document_start_.begin(), document_start_.end()),
             kInvalidArgument, "document offsets must rise from 0 to the ", features_.rows(),
             " rows; they go from ", document_start_.front(), " to ", document_start_.back());
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    PEMA_CHECK(targets_[i] >= 0, kInvalidArgument, "the target of row ", i, " is ", targets_[i],
               "; a token is never negative");
  }
  for (std::size_t j = 0; j < prompt_length_.size(); ++j) {
    PEMA_CHECK(prompt_length_[j] >= 0, kInvalidArgument, "document ", j, " has a prompt of ",
               prompt_length_[j], " tokens; a length is never negative");
  }
}

Samples SampleSet::view() const noexcept {
  return {features_.view(), targets_, document_start_, prompt_length_};
}

SampleSet SampleSet::slice(std::int64_t first, std::int64_t last) const {
  const auto documents = static_cast<std::int64_t>(prompt_length_.size());
  PEMA_CHECK(0 <= first && first <= last && last <= documents, kInvalidArgument, "documents [",
             first, ", ", last, ") are outside a set of ", documents);
  const std::int64_t begin = document_start_[static_cast<std::size_t>(first)];
  const std::int64_t end = document_start_[static_cast<std::size_t>(last)];
  Matrix<float> features(end - begin, features_.cols());
  std::copy(features_.row(begin), features_.row(end), features.data());
  std::vector<std::int64_t> starts(document_start_.begin() + first,
                                   document_start_.begin() + last + 1);
  for (std::int64_t& start : starts) start -= begin;
  return {std::move(features),
          {targets_.begin() + begin, targets_.begin() + end},
          std::move(starts),
          {prompt_length_.begin() + first, prompt_length_.begin() + last}};
}

SampleSet SampleSet::concatenate(std::span<const SampleSet* const> sets) {
  std::int64_t rows = 0;
  std::int64_t width = -1;  // of the sets seen so far
  for (std::size_t i = 0; i < sets.size(); ++i) {
    PEMA_CHECK(sets[i] != nullptr, kInvalidArgument, "sample set ", i, " is null");
    const Matrix<float>& features = sets[i]->features_;
    rows += features.rows();
    if (features.cols() == 0 && features.rows() == 0) continue;  // made without features: no width
    if (width < 0) width = features.cols();
    PEMA_CHECK(features.cols() == width, kMismatch, "sample set ", i, " has features of width ",
               features.cols(), ", the ones before it have ", width,
               "; all must come from one base model");
  }
  width = std::max<std::int64_t>(width, 0);
  Matrix<float> features(rows, width);
  std::vector<std::int32_t> targets;
  std::vector<std::int64_t> starts{0};
  std::vector<std::int64_t> prompts;
  targets.reserve(static_cast<std::size_t>(rows));
  float* out = features.data();
  for (const SampleSet* set : sets) {
    out = std::copy_n(set->features_.data(), set->rows() * width, out);
    targets.insert(targets.end(), set->targets_.begin(), set->targets_.end());
    prompts.insert(prompts.end(), set->prompt_length_.begin(), set->prompt_length_.end());
    const std::int64_t base = starts.back();
    for (std::size_t j = 1; j < set->document_start_.size(); ++j) {
      starts.push_back(base + set->document_start_[j]);
    }
  }
  return {std::move(features), std::move(targets), std::move(starts), std::move(prompts)};
}

}  // namespace pema
