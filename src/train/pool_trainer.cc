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
  check_range(static_cast<double>(options.mask_restarts), 0, 1e6, "mask_restarts");
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
    check_samples(base, people[i].query, name + " query");
    rows += people[i].train.rows() + people[i].query.rows();
  }
  PEMA_CHECK(rows > 0, kInvalidArgument, "a pool needs at least one train row; ", people.size(),
             " people have none");
}

/// Everybody's rows in one order: a person's query rows follow their train rows.
struct PeopleRows {
  std::vector<Samples> train;
  std::vector<Samples> dev;
  at::Tensor train_person;  ///< of every train row, [n] i64
  at::Tensor dev_person;
  at::Tensor teaches_mask;  ///< 1 for a train row, 0 for a query row, [n, 1]

  explicit PeopleRows(std::span<const PoolPerson> people) {
    const auto same = [](std::int64_t value, const Samples& rows, at::ScalarType type) {
      return at::full({rows.rows()}, value, at::TensorOptions().dtype(type));
    };
    std::vector<at::Tensor> train_people;
    std::vector<at::Tensor> dev_people;
    std::vector<at::Tensor> teaches;
    for (std::size_t i = 0; i < people.size(); ++i) {
      const auto person = static_cast<std::int64_t>(i);
      for (const Samples* rows : {&people[i].train, &people[i].query}) {
        train.push_back(*rows);
        train_people.push_back(same(person, *rows, at::kLong));
        teaches.push_back(same(rows == &people[i].train ? 1 : 0, *rows, at::kFloat));
      }
      dev.push_back(people[i].dev);
      dev_people.push_back(same(person, people[i].dev, at::kLong));
    }
    train_person = at::cat(train_people);
    dev_person = at::cat(dev_people);
    teaches_mask = at::cat(teaches).unsqueeze(1);
  }
};

/// `mask` [b, N] in value; its gradient only from the rows where `teaches` [b, 1] is 1.
at::Tensor learn_where(const at::Tensor& mask, const at::Tensor& teaches) {
  return mask * teaches + mask.detach() * (1 - teaches);
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

/// The last of `restarts` is half way; fewer happen when there are not as many epochs.
bool is_restart(std::int64_t epoch, std::int64_t epochs, std::int64_t restarts) {
  for (std::int64_t i = 1; i <= restarts; ++i) {
    if (epoch > 0 && epoch == i * epochs / (2 * restarts)) return true;
  }
  return false;
}

/// Second phase. `shared` is trained on when its tensors require a gradient.
std::vector<double> fit_joint(const VocabularyLoss& loss, const LowRank& shared, JointPhase& joint,
                              const PeopleRows& people, const PoolOptions& options,
                              at::Generator& generator, Progress* progress) {
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
  FitPlan plan{"pool", loss.train().size(), &optimiser, progress};
  plan.groups = {{{joint.down, joint.up}, optimiser.learning_rate, optimiser.weight_decay},
                 {{joint.logits}, options.mask_learning_rate, 0.0}};
  if (moving) {
    plan.groups.push_back(
        {{shared.down, shared.up}, optimiser.learning_rate, optimiser.weight_decay});
  }
  plan.before_epoch = [&](std::int64_t epoch) {
    if (!is_restart(epoch, optimiser.epochs, options.mask_restarts)) return;
    const at::NoGradGuard no_grad;
    joint.logits.normal_(0.0, options.mask_deviation, generator);
  };
  plan.loss = [&](const at::Tensor& index) {
    const at::Tensor x =
        dropout(loss.train().input.index_select(0, index), optimiser.input_dropout, generator);
    const at::Tensor mask = training_mask(joint.logits, rule, generator)
                                .index_select(0, people.train_person.index_select(0, index));
    const at::Tensor gate = learn_where(mask, people.teaches_mask.index_select(0, index));
    const at::Tensor z =
        dropout(joint.bottleneck(x, gate), optimiser.bottleneck_dropout, generator);
    at::Tensor y = train_base.index_select(0, index) + at::mm(z, joint.up);
    if (moving) y = y + shared_delta(x);
    return loss(y, index);
  };
  if (loss.dev().size() > 0) {
    plan.dev_loss = [&] {
      const at::NoGradGuard no_grad;
      const at::Tensor mask = hard_mask(joint.logits, rule).index_select(0, people.dev_person);
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
  const PeopleRows rows(people);
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
    const VocabularyLoss loss(remembered, rows.train, rows.dev, options.shared.vocabulary,
                              options.shared.interpolation);
    shared = fit_residual_adapter(loss, loss.train().state, loss.dev().state, options.shared_rank,
                                  options.shared, "shared adapter", progress);
  }
  if (options.adapters > 0) {
    const VocabularyLoss loss(remembered, rows.train, rows.dev, options.joint.vocabulary,
                              options.joint.interpolation);
    const std::int64_t width = options.adapters * options.rank;
    at::Generator generator = seeded_generator(options.joint.seed);
    JointPhase joint;
    joint.rank = options.rank;
    joint.down = kaiming_uniform(width, base.info->hidden, generator).requires_grad_();
    joint.up = at::zeros({width, base.info->hidden}).requires_grad_();
    joint.logits = at::empty({static_cast<std::int64_t>(people.size()), options.adapters})
                       .normal_(0.0, options.mask_deviation, generator)
                       .requires_grad_();
    result.dev_loss = fit_joint(loss, shared, joint, rows, options, generator, progress);
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
