#include "src/train/checks.h"

#include <cmath>

#include "src/core/finite.h"

namespace pema::train {

void check_base(const Base& base) {
  PEMA_CHECK(base.info != nullptr && base.head != nullptr, kInvalidArgument,
             "training needs the base model's info and head; read_gguf gives both");
  const Head& head = *base.head;
  PEMA_CHECK(head.weight.rows() == base.info->vocab && head.weight.cols() == base.info->hidden,
             kMismatch, "the head is [", head.weight.rows(), ", ", head.weight.cols(), "], model ",
             base.info->name, " says [", base.info->vocab, ", ", base.info->hidden, "]");
  PEMA_CHECK(head.weight.rows() > 0 && head.weight.cols() > 0, kInvalidArgument,
             "the head of model ", base.info->name, " is empty");
  PEMA_CHECK(static_cast<std::int64_t>(head.norm_weight.size()) == head.weight.cols(), kMismatch,
             "the final norm has ", head.norm_weight.size(), " weights, the head is ",
             head.weight.cols(), " wide");
}

void check_samples(const Base& base, const Samples& samples, std::string_view name) {
  if (samples.rows() == 0) return;
  const std::int64_t hidden = base.info->hidden;
  PEMA_CHECK(samples.features.cols == hidden, kMismatch, name, " features are ",
             samples.features.cols, " wide, the base model's hidden size is ", hidden);
  PEMA_CHECK(static_cast<std::int64_t>(samples.targets.size()) == samples.rows(), kInvalidArgument,
             name, ": ", samples.targets.size(), " targets for ", samples.rows(), " rows");
  for (std::int64_t row = 0; row < samples.rows(); ++row) {
    const std::int32_t target = samples.targets[static_cast<std::size_t>(row)];
    PEMA_CHECK(target >= 0 && target < base.info->vocab, kInvalidArgument, name, " row ", row,
               ": target ", target, " is outside the vocabulary of ", base.info->vocab);
    PEMA_CHECK(core::all_finite(samples.features.row_span(row)), kInvalidArgument, name, " row ",
               row, " holds a feature that is not finite; compute its features again");
  }
}

void check_width(const Base& base, const AdapterBlock& block, std::string_view name) {
  PEMA_CHECK(block.hidden() == base.info->hidden, kMismatch, name, " is ", block.hidden(),
             " wide, the base model's hidden size is ", base.info->hidden);
}

void check_range(double value, double low, double high, std::string_view field) {
  PEMA_CHECK(std::isfinite(value) && value >= low && value <= high, kInvalidArgument, field, " is ",
             value, "; it must lie in [", low, ", ", high, "]");
}

}  // namespace pema::train
