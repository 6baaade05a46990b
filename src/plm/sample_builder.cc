#include "src/plm/sample_builder.h"

#include <algorithm>

#include "pema/error.h"

namespace pema::plm {

SampleBuilder::SampleBuilder(std::span<const Document> documents, std::int64_t hidden)
    : documents_(documents), start_{0}, came_(documents.size(), 0) {
  for (const Document& document : documents) {
    start_.push_back(start_.back() + std::ssize(document.target));
  }
  features_ = Matrix<float>(start_.back(), hidden);
}

void SampleBuilder::add(std::int64_t document, std::int64_t row, std::span<const float> feature) {
  PEMA_ASSERT(row == came_[document] && row < std::ssize(documents_[document].target));
  std::copy(feature.begin(), feature.end(), features_.row(start_[document] + row));
  ++came_[document];
}

SampleSet SampleBuilder::finish() {
  std::vector<std::int32_t> targets;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> prompts;
  for (std::int64_t d = 0; d < std::ssize(documents_); ++d) {
    const Document& document = documents_[d];
    // A document that the model ended early leaves a hole; the rows behind it move up.
    if (offsets.back() != start_[d]) {
      std::copy(features_.row(start_[d]), features_.row(start_[d] + came_[d]),
                features_.row(offsets.back()));
    }
    targets.insert(targets.end(), document.target.begin(), document.target.begin() + came_[d]);
    offsets.push_back(offsets.back() + came_[d]);
    prompts.push_back(std::ssize(document.prompt));
  }
  if (offsets.back() == features_.rows()) {
    return {std::move(features_), std::move(targets), std::move(offsets), std::move(prompts)};
  }
  Matrix<float> shorter(offsets.back(), features_.cols());
  std::copy(features_.data(), features_.row(offsets.back()), shorter.data());
  return {std::move(shorter), std::move(targets), std::move(offsets), std::move(prompts)};
}

}  // namespace pema::plm
