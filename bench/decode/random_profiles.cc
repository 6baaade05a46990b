#include "bench/decode/random_profiles.h"

#include <algorithm>
#include <string>
#include <vector>

#include "bench/choose.h"

namespace pema::bench {

std::shared_ptr<const Pool> random_pool(const ModelInfo& model, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(-0.02F, 0.02F);
  const auto fill = [&](Matrix<float>& matrix) {
    std::generate(matrix.data(), matrix.data() + matrix.rows() * matrix.cols(),
                  [&] { return uniform(random); });
  };
  Matrix<float> down(kAdapters, model.hidden);
  Matrix<float> up(kAdapters, model.hidden);
  fill(down);
  fill(up);
  PoolInfo info;
  info.model = model.fingerprint;
  info.algebra = Algebra::kMixture;
  info.form = Form::kResidual;
  const std::vector<float> scale(kAdapters, 1.0F);
  return std::make_shared<const Pool>(
      info, nullptr, std::vector{AdapterBlock::make(kAdapters, 1, down.view(), up.view(), scale)});
}

std::shared_ptr<const Lease> random_lease(const std::shared_ptr<const Pool>& pool, std::int64_t k,
                                          std::mt19937& random) {
  auto lease = std::make_shared<Lease>();
  lease->name = "k" + std::to_string(k);
  lease->pool = pool;
  lease->mask.down = BitMask::from_indices(kAdapters, choose(random, k, kAdapters));
  lease->mask_digest = lease->mask.digest();
  lease->schedule.lambda_max = 0.5;
  return lease;
}

}  // namespace pema::bench
