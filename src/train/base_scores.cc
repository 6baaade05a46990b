#include "pema/train/base_scores.h"

#include <algorithm>

#include "src/train/checks.h"
#include "src/train/loss.h"
#include "src/train/threads.h"
#include "src/train/torch_views.h"

namespace pema::train {
namespace {

Digest digest_of(const MatrixView<const float>& features) {
  Sha256 hash;
  hash.update_int(features.rows).update_int(features.cols);
  for (std::int64_t row = 0; row < features.rows; ++row) {
    hash.update(std::as_bytes(features.row_span(row)));
  }
  return hash.finish();
}

std::shared_ptr<const BaseScore> compute(const Base& base, const Samples& samples) {
  const at::NoGradGuard no_grad;
  const ThreadScope threads;
  const at::Tensor head = view_of(base.head->weight.view());
  const at::Tensor states = post_norm_states(base, view_of(samples.features));
  const std::int64_t block = block_rows(samples.rows(), head.size(0));
  const std::int64_t blocks = (samples.rows() + block - 1) / block;
  auto score = std::make_shared<BaseScore>();
  score->log_partition.resize(static_cast<std::size_t>(samples.rows()));
  at::Tensor mass = at::zeros({blocks, head.size(0)});
  for_each_in_parallel(blocks, [&](std::int64_t index) {
    const std::int64_t start = index * block;
    const std::int64_t rows = std::min(block, samples.rows() - start);
    const at::Tensor logits = at::mm(states.narrow(0, start, rows), head.t());
    at::Tensor log_p = at::log_softmax(logits, 1);
    const at::Tensor partition = (logits.select(1, 0) - log_p.select(1, 0)).contiguous();
    std::copy_n(partition.data_ptr<float>(), rows, score->log_partition.data() + start);
    mass.select(0, index).copy_(log_p.exp_().sum(0));
  });
  const at::Tensor total = mass.sum(0);
  score->word_mass.assign(total.data_ptr<float>(), total.data_ptr<float>() + total.numel());
  return score;
}

}  // namespace

std::shared_ptr<const BaseScore> BaseScores::get(const Base& base, const Samples& samples) {
  check_base(base);
  check_samples(base, samples, "the samples'");
  if (scores_.empty()) {
    model_ = base.info->fingerprint;
    site_ = base.site;
  }
  PEMA_CHECK(model_ == base.info->fingerprint && site_ == base.site, kMismatch,
             "these base scores are of model ", model_.short_hex(), " at ", to_string(site_),
             ", not of ", base.info->fingerprint.short_hex(), " at ", to_string(base.site),
             "; use one BaseScores per base model");
  std::shared_ptr<const BaseScore>& score = scores_[digest_of(samples.features)];
  if (score == nullptr) {
    translate_torch_errors([&] { score = compute(base, samples); });
    computed_rows_ += samples.rows();
  }
  return score;
}

std::int64_t BaseScores::bytes() const noexcept {
  std::int64_t total = 0;
  for (const auto& [digest, score] : scores_) {
    total += static_cast<std::int64_t>(4 * (score->log_partition.size() + score->word_mass.size()));
  }
  return total;
}

}  // namespace pema::train
