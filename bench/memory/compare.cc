#include <algorithm>
#include <chrono>
#include <functional>

#include "bench/memory/claims.h"
#include "bench/memory/faiss_peers.h"
#include "src/memory/index_search.h"

namespace pema::bench {
namespace {

constexpr std::int64_t kRows = 64;
constexpr std::int64_t kNearest = 32;
constexpr int kThreads = 2;
constexpr double kWanted = 0.95;
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
  Call(const RealKeys& real, const Collection& collection, const memory::SegmentIndex& index,
       FaissPeers& peers, double share)
      : index_(index),
        askers_(draw_askers(collection, real, share, kRows, 7)),
        peers_(peers),
        pool_(kThreads) {
    if (peers.holds(collection)) peers.select(collection, askers_);
    for (const Asker& asker : askers_) {
      std::vector<std::shared_ptr<const Segment>> visible;
      for (const std::int32_t profile : asker.visible) {
        visible.push_back(index.segments()[static_cast<std::size_t>(profile)]);
      }
      rights_.push_back(std::move(visible));
    }
    for (std::size_t row = 0; row < askers_.size(); ++row) {
      rows_.push_back({rights_[row], askers_[row].query, kNearest});
    }
  }

  /// `rounds` 0: only our ways, three turns each, against our own scan.
  Json compare(double share, std::int64_t rounds) {
    truth_ = rounds == 0  ? own(nullptr, 1)
             : share == 1 ? peers_.flat_batch(askers_, kNearest, kThreads)
                          : peers_.by_ids(askers_, kNearest, pool_);
    ways_ = {{"pema", [&] { return own(&index_, 1); }, 3},
             {"pema_scan", [&] { return own(nullptr, 1); }, 3},
             {"pema_95", [&] { return own(&index_, kWanted); }, 3}};
    const Json tried = rounds == 0 ? Json() : add_peers(share);
    for (std::int64_t round = 0; round < std::max<std::int64_t>(1, rounds); ++round) {
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
  /// FAISS's ways.
  Json add_peers(double share) {
    ways_.push_back({"faiss_flat", [this] { return peers_.flat(askers_, kNearest, pool_); }});
    if (share == 1) {
      ways_.push_back(
          {"faiss_flat_batch", [this] { return peers_.flat_batch(askers_, kNearest, kThreads); }});
    } else {
      ways_.push_back({"faiss_by_ids", [this] { return peers_.by_ids(askers_, kNearest, pool_); }});
    }
    return choose_ef();
  }

  Found own(const memory::SegmentIndex* index, double wanted) {
    Found out;
    for (const auto& neighbours : memory::search(rows_, pool_, index, {wanted})) {
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

  /// The least efSearch that finds as much as we do, exactly and with kWanted; or the largest.
  Json choose_ef() {
    Json tried = Json::object();
    double wanted[] = {recall(own(&index_, kWanted)), recall(own(&index_, 1))};
    const char* const names[] = {"faiss_hnsw_95", "faiss_hnsw"};
    std::size_t next = 0;
    for (const int ef : kEfs) {
      const double found = recall(peers_.hnsw(askers_, kNearest, ef, pool_));
      tried[std::to_string(ef)] = found;
      for (; next < 2 && (found >= wanted[next] || ef == kEfs[std::size(kEfs) - 1]); ++next) {
        ways_.push_back(
            {names[next], [this, ef] { return peers_.hnsw(askers_, kNearest, ef, pool_); }});
      }
      if (next == 2) break;
    }
    return tried;
  }

  [[nodiscard]] double mean_keys() const {
    double sum = 0;
    for (const Asker& asker : askers_) sum += static_cast<double>(asker.keys);
    return sum / static_cast<double>(askers_.size());
  }

  const memory::SegmentIndex& index_;
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
  kernels::ThreadPool pool;
  const auto start = std::chrono::steady_clock::now();
  std::string said;
  const auto index =
      memory::SegmentIndex::open_or_build(graph + ".index", segments, pool, {}, said);
  std::fprintf(stderr, "%s\n", said.c_str());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  FaissPeers peers(rounds == 0 ? Collection(real, 1, 1, 1) : collection, rounds == 0 ? "" : graph);
  Json out = {
      {"keys", collection.keys()},
      {"width", collection.width()},
      {"profiles", collection.profiles()},
      {"rows", kRows},
      {"k", kNearest},
      {"threads", kThreads},
      {"index",
       {{"seconds", took.count()}, {"lists", index->codes().lists()}, {"bytes", index->bytes()}}}};
  for (const double share : memory::kMeasuredShares) {
    for (const double level : memory::kRecallLevels) {
      const memory::IndexMeasure& measure = index->measure(share, level);
      out["index"]["measures"].push_back({share, level, measure.probes, measure.looked_at});
    }
  }
  for (const double share : kShares) {
    Call call(real, collection, *index, peers, share);
    out["shares"].push_back(call.compare(share, rounds));
  }
  return out;
}

}  // namespace pema::bench
