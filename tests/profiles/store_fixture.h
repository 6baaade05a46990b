/// Small models, pools, segments and profiles to put into stores.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "pema/store.h"
#include "tests/profiles/backend.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema::test {

/// A base model of width 4 and 50 words; another for each `seed`.
inline ModelInfo tiny_model(int seed = 1) {
  return {sha256("model " + std::to_string(seed)), "tiny-" + std::to_string(seed), "llama", 4, 50};
}

/// `count` adapters of rank 1 over the tiny model, drawn from `seed`.
inline std::shared_ptr<const AdapterBlock> tiny_block(std::uint64_t seed, std::int64_t count = 8) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  Matrix<float> down(count, 4);
  Matrix<float> up(count, 4);
  for (std::int64_t i = 0; i < 4 * count; ++i) {
    down.data()[i] = normal(random);
    up.data()[i] = normal(random);
  }
  const std::vector<float> scale(static_cast<std::size_t>(count), 0.5F);
  const Matrix<float>& a = down;
  const Matrix<float>& b = up;
  return AdapterBlock::make(count, 1, a.view(), b.view(), scale);
}

/// A pool of `blocks` over the tiny model, with a shared adapter.
inline Pool tiny_pool(std::vector<std::shared_ptr<const AdapterBlock>> blocks,
                      Algebra algebra = Algebra::kMixture, int model = 1) {
  PoolInfo info;
  info.model = tiny_model(model).fingerprint;
  info.algebra = algebra;
  info.norm = HeadNorm::kNone;
  info.mask_scale = 0.1;
  info.recipe = R"({"epochs": 8})";
  return Pool(info, tiny_block(99, 2), std::move(blocks));
}

/// `entries` pairs over the tiny model, drawn from `seed`.
inline std::shared_ptr<const Segment> tiny_segment(std::uint64_t seed, std::int64_t entries = 5,
                                                   int model = 1) {
  SegmentInfo info;
  info.model = tiny_model(model).fingerprint;
  info.hidden = 4;
  info.vocab = 50;
  Matrix<float> keys(entries, 4);
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < entries; ++i) {
    keys.row(i)[(static_cast<std::uint64_t>(i) + seed) % 4] = 1.0F;
    tokens.push_back(static_cast<std::int32_t>((seed * 7 + static_cast<std::uint64_t>(i)) % 50));
  }
  const Matrix<float>& view = keys;
  return Segment::make(info, view.view(), tokens);
}

/// A store with the tiny model registered, in a folder of its own.
struct TinyStore {
  TemporaryFolder folder;
  std::string path = folder.file("store");
  Store store = Store::open(path, OpenMode::kCreate, new_store());

  TinyStore() { store.put_model(tiny_model(), "/models/tiny.gguf"); }
  [[nodiscard]] std::string registry() const { return path + "/registry.db"; }
  /// A pool of one block of 8 adapters.
  PoolRecord put_pool() { return store.put_pool("main", tiny_pool({tiny_block(1)})); }
};

/// A draft that selects adapters 1 and 6 of 8.
inline ProfileDraft draft_of(const std::string& name, PoolId pool,
                             std::vector<SegmentId> segments = {}) {
  ProfileDraft draft;
  draft.name = name;
  draft.pool = pool;
  draft.mask.down = BitMask::from_indices(8, std::vector<std::int64_t>{1, 6});
  draft.schedule.curve = LambdaCurve::kSquared;
  draft.schedule.lambda_max = 0.75;
  draft.schedule.lambda_own = 0.25;
  draft.schedule.length = 40;
  draft.segments = std::move(segments);
  return draft;
}

/// Runs `action` in a child process; its exit status is what `action` returns, 200 when it throws
/// something that is no pema::Error, 100 plus the error code otherwise. `action` must not use what
/// the parent has open.
template <typename Action>
[[nodiscard]] pid_t in_child(Action&& action) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  int status = 200;
  try {
    status = action();
  } catch (const Error& error) {
    status = 100 + static_cast<int>(error.code());
  } catch (...) {
    status = 200;
  }
  ::_exit(status);
}

/// Exit status of a child; -1 when a signal ended it.
[[nodiscard]] inline int status_of(pid_t child) {
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

/// What in_child gives for an Error with `code`.
[[nodiscard]] constexpr int failed(ErrorCode code) { return 100 + static_cast<int>(code); }

}  // namespace pema::test
