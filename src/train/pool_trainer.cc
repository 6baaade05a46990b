#include "src/train/checks.h"
#include "src/train/fit.h"
#include "src/train/loss.h"
#include "src/train/mask_estimator.h"
#include "src/train/residual_adapter.h"
#include "src/train/threads.h"
#include "src/train/torch_views.h"

namespace pema::train {
namespace {

void check_pool_call(const Base& base, std::span<const PoolPerson> people,
                     const PoolOptions& options, const AdapterBlock* shared) {
  check_base(base);
  options.shared.validate();
  options.joint.validate();
  check_range(static_cast<double>(options.adapters), 0, BitMask::kMaxSize, "adapters");
  check_range(static_cast<double>(options.rank), 1, AdapterBlock::kMaxRank, "rank");
  check_range(static_cast<double>(options.shared_rank), 0, AdapterBlock::kMaxRank, "shared_rank");
  check_range(options.mask_learning_rate, 1e-12, 100, "mask_learning_rate");
  check_range(options.mask_deviation, 0, 100, "mask_deviation");
  PEMA_CHECK(options.adapters > 0 || options.shared_rank > 0, kInvalidArgument,
             "a pool needs adapters or a shared adapter; both are 0");
  if (shared != nullptr) {
    check_width(base, *shared, "the shared adapter");
    PEMA_CHECK(shared->view().count == 1, kInvalidArgument, "the shared adapter is a block of ",
               shared->view().count, " adapters; give one");
  }
  PEMA_CHECK(options.k >= 0 && options.k <= options.adapters, kInvalidArgument, "k is ", options.k,
             "; the pool has ", options.adapters, " adapters");
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < people.size(); ++i) {
    const std::string name = message("person ", i);
    check_samples(base, people[i].train, name + " train");
    check_samples(base, people[i].dev, name + " dev");
    rows += people[i].train.rows();
  }
  PEMA_CHECK(rows > 0, kInvalidArgument, "a pool needs at least one train row; ", people.size(),
             " people have none");
}

/// The person of every row, [n] i64.
at::Tensor person_of_rows(std::span<const Samples> sets) {
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    parts.push_back(at::full({sets[i].rows()}, static_cast<std::int64_t>(i),
                             at::TensorOptions().dtype(at::kLong)));
  }
  return at::cat(parts);
}

struct JointPhase {
  at::Tensor down;    ///< A [N*r, d]
  at::Tensor up;      ///< B^T [N*r, d]
  at::Tensor logits;  ///< [P, N]
  std::int64_t rank = 1;

  /// m (*) A x [b, N*r], with one row of `mask` [b, N] per row of x [b, d].
  [[nodiscard]] at::Tensor bottleneck(const at::Tensor& x, const at::Tensor& mask) const {
    const at::Tensor gate = rank == 1 ? mask : mask.repeat_interleave(rank, 1);
    return at::mm(x, down.t()) * gate;
  }
};

/// Second phase. `shared` is trained on when its tensors require a gradient.
std::vector<double> fit_joint(const VocabularyLoss& loss, const LowRank& shared, JointPhase& joint,
                              const at::Tensor& train_person, const at::Tensor& dev_person,
                              const PoolOptions& options, at::Generator& generator,
                              Progress* progress) {
  const OptimiserOptions& optimiser = options.joint;
  const MaskRule rule{MaskEstimator::kStraightThrough, options.k, 1.0};
  const bool has_shared = shared.down.defined();
  const auto shared_delta = [&](const at::Tensor& x) {
    return at::mm(at::mm(x, shared.down.t()), shared.up);
  };
  const auto frozen_base = [&](const Rows& rows) {
    const at::NoGradGuard no_grad;
    return has_shared && rows.size() > 0 && !options.train_shared_jointly
               ? rows.state + shared_delta(rows.input)
               : rows.state;
  };
  const at::Tensor train_base = frozen_base(loss.train());
  const at::Tensor dev_base = frozen_base(loss.dev());
  const bool moving = has_shared && options.train_shared_jointly;
  FitPlan plan{"pool", loss.train().size(), &optimiser, {}, {}, {}, progress};
  plan.groups = {{{joint.down, joint.up}, optimiser.learning_rate, optimiser.weight_decay},
                 {{joint.logits}, options.mask_learning_rate, 0.0}};
  if (moving) {
    plan.groups.push_back(
        {{shared.down, shared.up}, optimiser.learning_rate, optimiser.weight_decay});
  }
  plan.loss = [&](const at::Tensor& index) {
    const at::Tensor x =
        dropout(loss.train().input.index_select(0, index), optimiser.input_dropout, generator);
    const at::Tensor mask = training_mask(joint.logits, rule, generator)
                                .index_select(0, train_person.index_select(0, index));
    const at::Tensor z =
        dropout(joint.bottleneck(x, mask), optimiser.bottleneck_dropout, generator);
    at::Tensor y = train_base.index_select(0, index) + at::mm(z, joint.up);
    if (moving) y = y + shared_delta(x);
    return loss(y, index);
  };
  if (loss.dev().size() > 0) {
    plan.dev_loss = [&] {
      const at::NoGradGuard no_grad;
      const at::Tensor mask = hard_mask(joint.logits, rule).index_select(0, dev_person);
      at::Tensor y = dev_base + at::mm(joint.bottleneck(loss.dev().input, mask), joint.up);
      if (moving) y = y + shared_delta(loss.dev().input);
      return loss.dev_value(y);
    };
  }
  return fit(plan, generator).dev_loss;
}

PoolResult fit_pool(const Base& base, std::span<const PoolPerson> people,
                    const PoolOptions& options, Progress* progress,
                    const std::shared_ptr<const AdapterBlock>& given) {
  const ThreadScope threads;
  std::vector<Samples> train;
  std::vector<Samples> dev;
  for (const PoolPerson& person : people) {
    train.push_back(person.train);
    dev.push_back(person.dev);
  }
  BaseScores scores;  // both phases see the same rows
  Base remembered = base;
  if (remembered.scores == nullptr) remembered.scores = &scores;
  PoolResult result;
  LowRank shared;
  if (given != nullptr) {
    shared = {view_of(given->view().down).clone(), scaled_up(*given)};  // copies: both may move
    if (options.train_shared_jointly) {
      shared.down.requires_grad_();
      shared.up.requires_grad_();
    }
  } else if (options.shared_rank > 0) {
    const VocabularyLoss loss(remembered, train, dev, options.shared.vocabulary);
    shared = fit_residual_adapter(loss, loss.train().state, loss.dev().state, options.shared_rank,
                                  options.shared, "shared adapter", progress);
  }
  if (options.adapters > 0) {
    const VocabularyLoss loss(remembered, train, dev, options.joint.vocabulary);
    const std::int64_t width = options.adapters * options.rank;
    at::Generator generator = seeded_generator(options.joint.seed);
    JointPhase joint;
    joint.rank = options.rank;
    joint.down = kaiming_uniform(width, base.info->hidden, generator).requires_grad_();
    joint.up = at::zeros({width, base.info->hidden}).requires_grad_();
    joint.logits = at::empty({static_cast<std::int64_t>(people.size()), options.adapters})
                       .normal_(0.0, options.mask_deviation, generator)
                       .requires_grad_();
    result.dev_loss = fit_joint(loss, shared, joint, person_of_rows(train), person_of_rows(dev),
                                options, generator, progress);
    result.adapters = to_block(options.adapters, joint.down, joint.up);
    const at::Tensor masks =
        hard_mask(joint.logits, {MaskEstimator::kStraightThrough, options.k, 1.0});
    for (std::int64_t person = 0; person < masks.size(0); ++person) {
      result.masks.push_back({to_bits(masks, person), {}, {}, {}});
    }
  }
  result.shared = given;
  if (shared.down.defined() && (given == nullptr || options.train_shared_jointly)) {
    result.shared = to_block(1, shared.down, shared.up);
  }
  return result;
}

}  // namespace

PoolResult train_pool(const Base& base, std::span<const PoolPerson> people,
                      const PoolOptions& options, Progress* progress,
                      const std::shared_ptr<const AdapterBlock>& shared) {
  check_pool_call(base, people, options, shared.get());
  PoolResult result;
  translate_torch_errors([&] { result = fit_pool(base, people, options, progress, shared); });
  return result;
}

}  // namespace pema::train
