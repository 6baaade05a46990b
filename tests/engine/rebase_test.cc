// A profile that was rebased on a grown pool computes what it did, bit for bit, in every strategy.
#include <gtest/gtest.h>

#include <algorithm>

#include "pema/operating.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

struct Case {
  Algebra algebra;
  Form form;
  bool soft;
  Strategy strategy;
  NumberType projection = NumberType::kFloat32;
};

class Rebase : public testing::TestWithParam<Case> {};

TEST_P(Rebase, OutputsStayTheSameBits) {
  const Case& which = GetParam();
  TinyModel model;
  TemporaryFolder folder;
  Store store = Store::open(folder.file("store"), OpenMode::kCreate);
  store.put_model(model.info, "tiny.gguf");
  PoolInfo info;
  info.form = which.form;
  info.algebra = which.algebra;
  const auto small = random_pool(model, info);
  const PoolRecord old = store.put_pool("main", *small);
  std::vector<std::shared_ptr<const AdapterBlock>> blocks(small->blocks().begin(),
                                                          small->blocks().end());
  std::mt19937 random(77);
  blocks.push_back(random_block(random, 19, kRank, model.info.hidden));
  const PoolRecord grown =
      store.put_pool("main", Pool(small->info(), small->shared_block(), blocks));
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    ProfileDraft draft;
    draft.name = names.emplace_back("p" + std::to_string(i));
    draft.pool = old.id;
    draft.mask = random_mask(random, which.algebra, which.soft);
    draft.schedule.lambda_max = 0.8;
    store.put_profile(draft);
  }
  const auto outputs = [&] {
    LeaseBook book(store, model.info);
    std::vector<std::shared_ptr<const Lease>> held;
    std::vector<const Lease*> leases;
    for (const std::string& name : names) {
      held.push_back(book.acquire(name));
      leases.push_back(held.back().get());
    }
    EngineOptions options;
    options.strategy = which.strategy;
    options.projection = which.projection;
    options.threads = 1;
    Engine engine(model.info, model.head, options);
    const TinyBatch batch(model, leases);
    return run_step(engine, batch.view());
  };
  const Matrix<float> before = outputs();
  ASSERT_EQ(store.rebase_profiles(grown.id, {}, {}).rebased, 5);
  ASSERT_EQ(store.find_profile("p0")->mask.size(), kAdapters + 19);
  const Matrix<float> after = outputs();
  for (std::int64_t row = 0; row < before.rows(); ++row) {
    EXPECT_TRUE(std::ranges::equal(before.view().row_span(row), after.view().row_span(row)))
        << "row " << row;
  }
}

constexpr Case kCases[] = {
    {Algebra::kMixture, Form::kResidual, false, Strategy::kComposed},
    {Algebra::kMixture, Form::kResidual, false, Strategy::kFactored},
    {Algebra::kMixture, Form::kResidual, false, Strategy::kProjected},
    {Algebra::kMixture, Form::kResidual, false, Strategy::kProjected, NumberType::kInt8},
    {Algebra::kMixture, Form::kResidual, true, Strategy::kFactored},
    {Algebra::kMixture, Form::kResidual, true, Strategy::kProjected},
    {Algebra::kMixture, Form::kDistribution, false, Strategy::kComposed},
    {Algebra::kMixture, Form::kDistribution, false, Strategy::kFactored},
    {Algebra::kMixture, Form::kDistribution, false, Strategy::kProjected},
    {Algebra::kSeparate, Form::kResidual, false, Strategy::kComposed},
    {Algebra::kSeparate, Form::kResidual, true, Strategy::kComposed},
};

INSTANTIATE_TEST_SUITE_P(Ways, Rebase, testing::ValuesIn(kCases));

}  // namespace
}  // namespace pema::test
