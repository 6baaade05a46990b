#include "bench/memory/faiss_peers.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/index_io.h>
#include <faiss/utils/distances.h>
#include <omp.h>

#include <cstdio>
#include <filesystem>
#include <thread>

namespace pema::bench {
namespace {

using Id = decltype(faiss::Index::ntotal);

struct Results {
  Results(std::size_t rows, std::int64_t k)
      : k_(k), distances(rows * static_cast<std::size_t>(k)), labels(distances.size()) {}
  [[nodiscard]] float* distance(std::int64_t row) { return distances.data() + row * k_; }
  [[nodiscard]] Id* label(std::int64_t row) { return labels.data() + row * k_; }
  [[nodiscard]] Found found() const {
    Found out(labels.size() / static_cast<std::size_t>(k_));
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] >= 0) out[i / static_cast<std::size_t>(k_)].push_back(distances[i]);
    }
    return out;
  }

  std::int64_t k_;
  std::vector<float> distances;
  std::vector<Id> labels;
};

/// One row after the other, rows shared out over our threads, each with one thread of OpenMP.
template <typename Body>
Found each_row(std::span<const Asker> askers, std::int64_t k, kernels::ThreadPool& pool,
               const Body& body) {
  Results results(askers.size(), k);
  pool.run(std::ssize(askers), 1, [&](std::int64_t begin, std::int64_t end) {
    omp_set_num_threads(1);
    for (std::int64_t row = begin; row < end; ++row) {
      body(static_cast<std::size_t>(row), results.distance(row), results.label(row));
    }
  });
  return results.found();
}

}  // namespace

struct FaissPeers::Impl {
  explicit Impl(std::int64_t d) : flat(d) {}

  void build(const std::string& path, const Collection& collection);

  faiss::IndexFlatL2 flat;
  std::unique_ptr<faiss::IndexHNSW> hnsw;
  std::vector<std::vector<std::uint8_t>> bits;
  std::vector<std::vector<Id>> ids;
};

/// The graph alone is on disk; the keys are those of `flat`.
void FaissPeers::Impl::build(const std::string& path, const Collection& collection) {
  if (std::filesystem::exists(path)) {
    hnsw.reset(dynamic_cast<faiss::IndexHNSW*>(faiss::read_index(path.c_str())));
    PEMA_CHECK(hnsw != nullptr && hnsw->ntotal == flat.ntotal, kCorrupt, path,
               ": not the graph of these keys; remove it, it is built again");
    delete hnsw->storage;
  } else {
    faiss::IndexFlatL2 empty(flat.d);
    hnsw = std::make_unique<faiss::IndexHNSWFlat>(static_cast<int>(flat.d), 32);
    omp_set_num_threads(static_cast<int>(std::thread::hardware_concurrency()));
    constexpr std::int64_t kStep = 10'000;
    for (std::int64_t i = 0; i < flat.ntotal; i += kStep) {
      hnsw->add(std::min(kStep, flat.ntotal - i), flat.get_xb() + i * collection.width());
      std::fprintf(stderr, "\rHNSW graph: %lld of %lld keys", static_cast<long long>(i + kStep),
                   static_cast<long long>(flat.ntotal));
    }
    std::fprintf(stderr, "\n");
    delete hnsw->storage;
    hnsw->own_fields = false;
    hnsw->storage = &empty;
    const std::string temporary = path + ".new";
    faiss::write_index(hnsw.get(), temporary.c_str());
    std::filesystem::rename(temporary, path);
  }
  hnsw->own_fields = false;
  hnsw->storage = &flat;
}

FaissPeers::FaissPeers(const Collection& collection, const std::string& graph_path)
    : impl_(std::make_unique<Impl>(collection.width())) {
  impl_->flat.codes.reserve(static_cast<std::size_t>(collection.keys() * collection.width()) *
                            sizeof(float));
  for (std::int64_t p = 0; p < collection.profiles(); ++p) {
    const Matrix<float> keys = collection.keys_of(p);
    impl_->flat.add(keys.rows(), keys.data());
  }
  if (!graph_path.empty()) impl_->build(graph_path, collection);
}

FaissPeers::~FaissPeers() = default;

bool FaissPeers::holds(const Collection& collection) const {
  return impl_->flat.ntotal == collection.keys();
}

void FaissPeers::select(const Collection& collection, std::span<const Asker> askers) {
  impl_->bits.clear();
  impl_->ids.clear();
  for (const Asker& asker : askers) {
    std::vector<std::uint8_t> bits(static_cast<std::size_t>((collection.keys() + 7) / 8));
    std::vector<Id> ids;
    for (const std::int32_t profile : asker.visible) {
      for (Id i = collection.first(profile); i < collection.first(profile + 1); ++i) {
        bits[static_cast<std::size_t>(i / 8)] |= static_cast<std::uint8_t>(1U << (i % 8));
        ids.push_back(i);
      }
    }
    impl_->bits.push_back(std::move(bits));
    impl_->ids.push_back(std::move(ids));
  }
}

Found FaissPeers::flat(std::span<const Asker> askers, std::int64_t k, kernels::ThreadPool& pool) {
  return each_row(askers, k, pool, [&](std::size_t row, float* distances, Id* labels) {
    const faiss::IDSelectorBitmap selector(impl_->bits[row].size(), impl_->bits[row].data());
    faiss::SearchParameters parameters;
    parameters.sel = const_cast<faiss::IDSelectorBitmap*>(&selector);
    impl_->flat.search(1, askers[row].query.data(), k, distances, labels, &parameters);
  });
}

Found FaissPeers::flat_batch(std::span<const Asker> askers, std::int64_t k, int threads) {
  std::vector<float> queries;
  for (const Asker& asker : askers) {
    queries.insert(queries.end(), asker.query.begin(), asker.query.end());
  }
  Results results(askers.size(), k);
  omp_set_num_threads(threads);
  impl_->flat.search(std::ssize(askers), queries.data(), k, results.distance(0), results.label(0));
  omp_set_num_threads(1);
  return results.found();
}

Found FaissPeers::by_ids(std::span<const Asker> askers, std::int64_t k, kernels::ThreadPool& pool) {
  return each_row(askers, k, pool, [&](std::size_t row, float* distances, Id* labels) {
    faiss::knn_L2sqr_by_idx(askers[row].query.data(), impl_->flat.get_xb(), impl_->ids[row].data(),
                            static_cast<std::size_t>(impl_->flat.d), 1, impl_->ids[row].size(),
                            static_cast<std::size_t>(k), distances, labels);
  });
}

Found FaissPeers::hnsw(std::span<const Asker> askers, std::int64_t k, int ef,
                       kernels::ThreadPool& pool) {
  impl_->hnsw->hnsw.efSearch = ef;  // in 1.7.3 the parameter of that name is not read
  return each_row(askers, k, pool, [&](std::size_t row, float* distances, Id* labels) {
    const faiss::IDSelectorBitmap selector(impl_->bits[row].size(), impl_->bits[row].data());
    faiss::SearchParametersHNSW parameters;
    parameters.efSearch = ef;
    parameters.sel = const_cast<faiss::IDSelectorBitmap*>(&selector);
    impl_->hnsw->search(1, askers[row].query.data(), k, distances, labels, &parameters);
  });
}

}  // namespace pema::bench
