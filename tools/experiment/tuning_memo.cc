#include "tools/experiment/tuning_memo.h"

namespace pema::tools {

const ScoredRows& TuningMemo::score(const Samples& dev, const Head& head, std::int64_t threads) {
  const bool same = rows_ && features_ == dev.features.data && rows_->rows() == dev.rows();
  if (!same) {
    rows_.reset();  // before the next one's logits are made
    rows_.emplace(dev, head, threads);
    features_ = dev.features.data;
  }
  return *rows_;
}

const TuningMemo::Segments& TuningMemo::shared(const Store& store, SegmentId id) {
  const auto found = shared_.find(id);
  return found != shared_.end() ? found->second : shared_[id] = store.load_list(id);
}

}  // namespace pema::tools
