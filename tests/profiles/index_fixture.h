/// A store with three readers, and what their index tests look at.
#pragma once

#include <algorithm>
#include <filesystem>

#include "pema/progress.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {

/// Does something at the first report of a build.
class AtFirstReport final : public Progress {
 public:
  explicit AtFirstReport(std::function<void()> action) : action_(std::move(action)) {}
  void report(std::string_view, std::int64_t, std::int64_t, std::string_view) override {
    if (const auto action = std::exchange(action_, nullptr)) action();
  }
  [[nodiscard]] bool stop_requested() const override { return stop; }
  bool stop = false;

 private:
  std::function<void()> action_;
};

/// ada and bob over the pool "main" with a segment of their own each, cem without a pool; all three
/// read the shared segment "docs", nobody "plans".
struct IndexTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;
  SegmentRecord docs = store.put_segment(*tiny_segment(1, 9), SegmentKind::kShared, "docs");
  SegmentRecord plans = store.put_segment(*tiny_segment(2, 7), SegmentKind::kShared, "plans");
  SegmentRecord ada = enrol("ada", pool, 3);
  SegmentRecord bob = enrol("bob", pool, 4);
  SegmentRecord cem = enrol("cem", {}, 5);

  SegmentRecord enrol(const std::string& name, PoolId of, std::uint64_t seed) {
    const SegmentRecord own = store.put_segment(*tiny_segment(seed), SegmentKind::kOwn);
    ProfileDraft draft = draft_of(name, of, {docs.id, own.id});
    if (!of) draft.mask = {};
    store.put_profile(draft);
    return own;
  }
  RecallIndexRecord build(const std::string& name, std::vector<SegmentId> segments) {
    return store.build_index({.name = name, .segments = std::move(segments)}).record;
  }
  RecallIndexRecord build_all(const std::string& name) {
    return store.build_index({.name = name, .scope = IndexScope::kEverybody}).record;
  }
  [[nodiscard]] bool has_file(const Digest& object) const {
    return std::filesystem::exists(store.object_path(object));
  }
  /// Entries of the folder in which indexes are made.
  [[nodiscard]] std::ptrdiff_t staged() const {
    const std::filesystem::path folder = tiny.path + "/staging";
    if (!std::filesystem::exists(folder)) return 0;
    return std::distance(std::filesystem::directory_iterator(folder),
                         std::filesystem::directory_iterator());
  }
  /// Object files, whoever names them.
  [[nodiscard]] std::ptrdiff_t files() const {
    const auto all = std::filesystem::recursive_directory_iterator(tiny.path + "/objects");
    return std::count_if(begin(all), end(all), [](const auto& e) { return e.is_regular_file(); });
  }
};

}  // namespace pema::test
