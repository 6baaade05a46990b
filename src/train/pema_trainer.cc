#include "pema/train/pema_trainer.h"

#include "src/train/checks.h"
#include "src/train/loss.h"
#include "src/train/pema_parts.h"
#include "src/train/threads.h"
#include "src/train/torch_views.h"

namespace pema::train {
namespace {

/// The norm between h_pd and the head; differentiable.
struct PreHeadNorm {
  at::Tensor weight;  ///< [1, d]; undefined for kNone
  double eps = 0;

  PreHeadNorm(const Head& head, HeadNorm norm) : eps(head.norm_eps) {
    if (norm == HeadNorm::kNone) return;
    const std::vector<float>& values =
        norm == HeadNorm::kDecoderFinal ? head.norm_weight : head.layer_norm_weight;
    weight = view_of({values.data(), 1, static_cast<std::int64_t>(values.size())});
  }
  [[nodiscard]] at::Tensor operator()(const at::Tensor& h) const {
    return weight.defined() ? rms_norm(h, weight, eps) : h;
  }
};

/// What stage 2 trains and reads. All [r, d]: A, B_pd^T, B_rct^T.
struct PemaAdapter {
  at::Tensor down;
  at::Tensor up;
  at::Tensor reconstruction;  ///< frozen in stage 2; undefined without stage 1
};

/// Mean over rows and dimensions of (B_rct s A x - f)^2.
at::Tensor reconstruction_loss(const at::Tensor& x, const at::Tensor& features,
                               const at::Tensor& down, const at::Tensor& up, double scale) {
  return (at::mm(at::mm(x, down.t()) * scale, up) - features).square().mean();
}

/// Stage 1 by gradient steps, as published; gives B_rct^T. The A trained with it is thrown away.
at::Tensor reconstruct(const VocabularyLoss& loss, const PemaOptions& options, double scale,
                       at::Generator& generator, std::vector<PemaCurvePoint>& curve,
                       Progress* progress) {
  const at::Tensor& features = loss.train().input;
  const at::Tensor down =
      kaiming_uniform(options.rank, features.size(1), generator).requires_grad_();
  const at::Tensor up = at::zeros({options.rank, features.size(1)}).requires_grad_();
  PemaStage stage{
      1, "reconstruction", loss.train().size(), options.batch_reconstruction, {down, up}, {}, {}};
  stage.loss = [&](const at::Tensor& index) {
    const at::Tensor f = features.index_select(0, index);
    const at::Tensor x = dropout(f, options.input_dropout, generator);
    return reconstruction_loss(x, f, down, up, scale);
  };
  if (loss.dev().size() > 0) {
    stage.dev = [&] {
      const at::NoGradGuard no_grad;
      const at::Tensor& f = loss.dev().input;
      return PemaDevLoss{reconstruction_loss(f, f, down, up, scale).item<double>(), 0.0};
    };
  }
  run_pema_stage(stage, options, generator, curve, progress);
  return up.detach();
}

/// Stage 1 in closed form: A = the top right singular vectors V of the features, B_rct = A^T / s.
/// B_pd = A^T / s too, with the norm's weight divided out where it was applied to the features
/// already, so that the untrained adapter gives nearly the base model's own prediction.
PemaAdapter start_at_optimum(const Base& base, const at::Tensor& features,
                             const PemaOptions& options, const PreHeadNorm& norm, double scale) {
  PemaAdapter adapter;
  adapter.down = top_right_singular_vectors(features, options.rank);
  adapter.reconstruction = adapter.down / scale;
  adapter.up = adapter.reconstruction.clone();
  if (base.site == FeatureSite::kPostNorm && norm.weight.defined()) {
    adapter.up =
        at::where(norm.weight.abs().gt(1e-6), adapter.up / norm.weight, at::zeros_like(adapter.up));
  }
  return adapter;
}

PemaAdapter start_published(const VocabularyLoss& loss, const PemaOptions& options, double scale,
                            at::Generator& generator, std::vector<PemaCurvePoint>& curve,
                            Progress* progress) {
  PemaAdapter adapter;
  if (options.reconstruct) {
    adapter.reconstruction = reconstruct(loss, options, scale, generator, curve, progress);
  }
  const std::int64_t hidden = loss.train().input.size(1);
  adapter.down = kaiming_uniform(options.rank, hidden, generator);
  adapter.up = at::zeros({options.rank, hidden});
  return adapter;
}

PemaResult fit_pema(const Base& base, const Samples& train, const Samples& dev,
                    const PemaOptions& options, Progress* progress) {
  const ThreadScope threads;
  const VocabularyLoss loss(base, {&train, 1}, {&dev, 1}, options.vocabulary);
  const PreHeadNorm norm(*base.head, options.norm);
  const double scale = options.alpha / static_cast<double>(options.rank);
  const double kappa = options.reconstruct ? options.kappa : 0.0;
  at::Generator generator = seeded_generator(options.seed);
  PemaResult result;
  const at::Tensor& features = loss.train().input;
  PemaAdapter adapter =
      options.start == PemaStart::kReconstruction
          ? start_at_optimum(base, features, options, norm, scale)
          : start_published(loss, options, scale, generator, result.curve, progress);
  adapter.down.requires_grad_();
  adapter.up.requires_grad_();
  const auto head_input = [&](const at::Tensor& x) {
    return norm(at::mm(at::mm(x, adapter.down.t()) * scale, adapter.up));
  };
  PemaStage stage{2,
                  "joint retraining",
                  loss.train().size(),
                  options.batch_joint,
                  {adapter.down, adapter.up},
                  {},
                  {}};
  stage.loss = [&](const at::Tensor& index) {
    const at::Tensor f = features.index_select(0, index);
    const at::Tensor prediction =
        loss(head_input(dropout(f, options.input_dropout, generator)), index);
    if (kappa == 0) return prediction;
    const at::Tensor x = dropout(f, options.input_dropout, generator);
    return prediction * (1.0 - kappa) +
           reconstruction_loss(x, f, adapter.down, adapter.reconstruction, scale) * kappa;
  };
  if (loss.dev().size() > 0) {
    stage.dev = [&] {
      const at::NoGradGuard no_grad;
      const at::Tensor& f = loss.dev().input;
      const double prediction = loss.dev_value(head_input(f));
      if (kappa == 0) return PemaDevLoss{prediction, prediction};
      const double reconstruction =
          reconstruction_loss(f, f, adapter.down, adapter.reconstruction, scale).item<double>();
      return PemaDevLoss{(1.0 - kappa) * prediction + kappa * reconstruction, prediction};
    };
  }
  run_pema_stage(stage, options, generator, result.curve, progress);
  result.adapter = to_block(1, adapter.down, adapter.up * scale);
  return result;
}

}  // namespace

PemaResult train_pema(const Base& base, const Samples& train, const Samples& dev,
                      const PemaOptions& options, Progress* progress) {
  check_base(base);
  options.validate();
  PEMA_CHECK(train.rows() > 0, kInvalidArgument, "PEMA needs at least one train row");
  check_samples(base, train, "train");
  check_samples(base, dev, "dev");
  PEMA_CHECK(options.start == PemaStart::kPublished || options.rank <= base.info->hidden,
             kInvalidArgument, "the reconstruction start needs a rank of at most the hidden size ",
             base.info->hidden, ", not ", options.rank);
  PEMA_CHECK(
      options.norm != HeadNorm::kLayerFinal ||
          static_cast<std::int64_t>(base.head->layer_norm_weight.size()) == base.info->hidden,
      kUnsupported, "model ", base.info->name,
      " has no norm before its last feed-forward block; use decoder_final or none");
  PemaResult result;
  translate_torch_errors([&] { result = fit_pema(base, train, dev, options, progress); });
  return result;
}

}  // namespace pema::train
