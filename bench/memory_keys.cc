// Recall keys of this machine's changelog authors, for memory_bench.
//
//   memory_keys MODEL.gguf OUT [PEOPLE]
//
// The people and texts of design.md section 4 (88 people, their newest 34 entries, targets of at
// most 40 tokens), through the product's own reader, base model and feature cache: what `pema eval`
// computed before is found there, and an interrupt loses one person at most. Keys come from the
// train and dev parts, queries from the test parts.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "bench/memory/real_keys.h"
#include "pema/error.h"
#include "src/memory/search.h"
#include "tools/context.h"
#include "tools/experiment/data_source.h"
#include "tools/experiment/feature_options.h"

namespace pema::bench {
namespace {

struct Rows {
  std::vector<float> keys;
  std::vector<std::int32_t> person;
  std::vector<std::int32_t> token;
};

void append(Rows& rows, const Samples& samples, const ModelInfo& info, const Head& head,
            std::int32_t person) {
  Matrix<float> keys(samples.rows(), info.hidden);
  make_recall_keys(samples.features, FeatureSite::kPostNorm, head.norm_weight, keys.view());
  rows.keys.insert(rows.keys.end(), keys.data(), keys.data() + keys.rows() * keys.cols());
  rows.token.insert(rows.token.end(), samples.targets.begin(), samples.targets.end());
  rows.person.insert(rows.person.end(), static_cast<std::size_t>(samples.rows()), person);
}

Matrix<float> matrix_of(const std::vector<float>& values, std::int64_t cols) {
  Matrix<float> out(std::ssize(values) / cols, cols);
  std::copy(values.begin(), values.end(), out.data());
  return out;
}

/// Fills real.near by searching the keys for themselves.
void find_near(RealKeys& real, const ModelInfo& model) {
  SegmentInfo info;
  info.model = model.fingerprint;
  info.hidden = model.hidden;
  info.vocab = real.keys.rows();  // an entry's "token" is its row, so that rows are found
  std::vector<std::int32_t> rows(static_cast<std::size_t>(real.keys.rows()));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int32_t>(i);
  const std::vector segments{Segment::make(info, real.keys.view(), rows)};
  kernels::ThreadPool pool;
  constexpr std::int64_t kAtOnce = 256;
  for (std::int64_t begin = 0; begin < real.keys.rows(); begin += kAtOnce) {
    std::vector<memory::SearchRow> queries;
    for (std::int64_t i = begin; i < std::min(begin + kAtOnce, real.keys.rows()); ++i) {
      queries.push_back({segments, real.keys.view().row_span(i), RealKeys::kNear + 1});
    }
    for (std::size_t q = 0; const auto& found : memory::search(queries, pool)) {
      const auto self = static_cast<std::int32_t>(begin) + static_cast<std::int32_t>(q++);
      std::int64_t kept = 0;
      for (const Neighbour& neighbour : found) {
        if (neighbour.token == self || kept == RealKeys::kNear) continue;
        real.near.push_back(neighbour.token);
        ++kept;
      }
    }
    std::fprintf(stderr, "\rneighbours of %lld of %lld keys", static_cast<long long>(begin),
                 static_cast<long long>(real.keys.rows()));
  }
  std::fprintf(stderr, "\n");
}

int run(int argc, char** argv) {
  PEMA_CHECK(argc >= 3, kInvalidArgument, "usage: memory_keys MODEL.gguf OUT [PEOPLE]");
  tools::Context context(argc, argv);
  context.options.model = argv[1];
  tools::DataOptions data;
  data.build.people = argc > 3 ? std::atoll(argv[3]) : 88;
  const data::DataSet texts = tools::open_data(data);
  plm::LanguageModel& model = context.model();
  const auto people = tools::take_features(context, model, texts, {});
  context.end_progress();
  Rows keys;
  Rows queries;
  for (std::size_t p = 0; p < people.size(); ++p) {
    const auto person = static_cast<std::int32_t>(p);
    for (const SampleSet* part : {&people[p].train, &people[p].dev}) {
      append(keys, part->view(), model.info(), model.head(), person);
    }
    append(queries, people[p].test.view(), model.info(), model.head(), person);
  }
  RealKeys real;
  real.people = std::ssize(people);
  real.keys = matrix_of(keys.keys, model.info().hidden);
  real.person = std::move(keys.person);
  real.token = std::move(keys.token);
  real.queries = matrix_of(queries.keys, model.info().hidden);
  real.query_person = std::move(queries.person);
  find_near(real, model.info());
  save(real, argv[2]);
  return 0;
}

}  // namespace
}  // namespace pema::bench

int main(int argc, char** argv) {
  try {
    return pema::bench::run(argc, argv);
  } catch (const pema::Error& error) {
    std::fprintf(stderr, "memory_keys: %s\n", error.what());
    return 1;
  }
}
