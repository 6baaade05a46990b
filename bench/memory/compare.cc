#include <algorithm>
#include <chrono>
#include <functional>

#include "bench/memory/claims.h"
#include "bench/memory/faiss_peers.h"
#include "src/memory/search.h"

namespace pema::bench {
namespace {

constexpr std::int64_t kRows = 64;
constexpr std::int64_t kNearest = 32;
constexpr int kThreads = 2;
constexpr double kShares[] = {1, 0.1, 0.01, 0.001, 0.0001};
constexpr int kEfs[] = {32, 64, 128, 256, 512, 1024, 2048};

struct Way {
  std::string name;
  std::function<Found()> search;
  int turns = 1;  ///< in a round
  Found found{};
  std::vector<double> ms{};
};

/// One call of kRows rows and the ways to answer it.
class Call {
 public:
  Call(const RealKeys& real, const Collection& collection,
       const std::vector<std::shared_ptr<const Segment>>& segments, FaissPeers& peers,
       double share)
      : askers_(draw_askers(collection, real, share, kRows, 7)), peers_(peers), pool_(kThreads) {
    peers.select(collection, askers_);
    for (const Asker& asker : askers_) {
      std::vector<std::shared_ptr<const Segment>> visible;
      for (const std::int32_t profile : asker.visible) {
        visible.push_back(segments[static_cast<std::size_t>(profile)]);
      }
      rights_.push_back(std::move(visible));
    }
    for (std::size_t row = 0; row < askers_.size(); ++row) {
      rows_.push_back({rights_[row], askers_[row].query, kNearest});
    }
    truth_ = peers.by_ids(askers_, kNearest, pool_);
  }

  Json compare(double share, std::int64_t rounds) {
    ways_ = {{"pema", [&] { return own(); }, 3}};
    ways_.push_back({"faiss_flat", [&] { return peers_.flat(askers_, kNearest, pool_); }});
    ways_.push_back({"faiss_by_ids", [&] { return peers_.by_ids(askers_, kNearest, pool_); }});
    if (share == 1) {
      ways_.push_back({"faiss_flat_batch",
                       [&] { return peers_.flat_batch(askers_, kNearest, kThreads); }});
    }
    const Json tried = choose_ef();
    for (std::int64_t round = 0; round < rounds; ++round) {
      for (Way& way : ways_) {
        for (int turn = 0; turn < way.turns; ++turn) take(way);
      }
      std::fprintf(stderr, "share %g: round %lld of %lld\n", share,
                   static_cast<long long>(round + 1), static_cast<long long>(rounds));
    }
    Json out = {{"share", share}, {"visible_keys", mean_keys()}, {"hnsw_recall_by_ef", tried}};
    for (const Way& way : ways_) {
      out["ways"][way.name] = {{"ms", way.ms}, {"recall", recall(way.found)}};
    }
    return out;
  }

 private:
  Found own() {
    Found out;
    for (const auto& neighbours : memory::search(rows_, pool_)) {
      out.emplace_back();
      for (const Neighbour& neighbour : neighbours) out.back().push_back(neighbour.distance);
    }
    return out;
  }

  static void take(Way& way) {
    const auto start = std::chrono::steady_clock::now();
    way.found = way.search();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    way.ms.push_back(took.count());
  }

  /// The share of the true nearest that were found; a key as near as the last of them counts.
  [[nodiscard]] double recall(const Found& found) const {
    double sum = 0;
    for (std::size_t row = 0; row < found.size(); ++row) {
      const float limit = truth_[row].back() + 1e-5F;
      const auto right = std::count_if(found[row].begin(), found[row].end(),
                                       [&](float distance) { return distance <= limit; });
      sum += std::min(1.0, static_cast<double>(right) / static_cast<double>(truth_[row].size()));
    }
    return sum / static_cast<double>(found.size());
  }

  /// The least efSearch that finds as much as we do, or the largest tried.
  Json choose_ef() {
    Json tried = Json::object();
    const double wanted = recall(own());
    for (const int ef : kEfs) {
      const double found = recall(peers_.hnsw(askers_, kNearest, ef, pool_));
      tried[std::to_string(ef)] = found;
      if (found < wanted && ef != kEfs[std::size(kEfs) - 1]) continue;
      ways_.push_back({"faiss_hnsw_" + std::to_string(ef),
                       [this, ef] { return peers_.hnsw(askers_, kNearest, ef, pool_); }});
      break;
    }
    return tried;
  }

  [[nodiscard]] double mean_keys() const {
    double sum = 0;
    for (const Asker& asker : askers_) sum += static_cast<double>(asker.keys);
    return sum / static_cast<double>(askers_.size());
  }

  std::vector<Asker> askers_;
  std::vector<std::vector<std::shared_ptr<const Segment>>> rights_;
  std::vector<memory::SearchRow> rows_;
  FaissPeers& peers_;
  kernels::ThreadPool pool_;
  Found truth_;
  std::vector<Way> ways_;
};

}  // namespace

Json compare(const RealKeys& real, const Collection& collection, const std::string& graph,
             std::int64_t rounds) {
  std::vector<std::shared_ptr<const Segment>> segments;
  for (std::int64_t p = 0; p < collection.profiles(); ++p) {
    segments.push_back(collection.segment(p));
    (void)segments.back()->searchable();
  }
  FaissPeers peers(collection, graph);
  Json out = {{"keys", collection.keys()},
              {"width", collection.width()},
              {"profiles", collection.profiles()},
              {"rows", kRows},
              {"k", kNearest},
              {"threads", kThreads}};
  for (const double share : kShares) {
    Call call(real, collection, segments, peers, share);
    out["shares"].push_back(call.compare(share, rounds));
  }
  return out;
}

}  // namespace pema::bench
