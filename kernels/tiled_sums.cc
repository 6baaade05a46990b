#include "kernels/tiled_sums.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>

#include "pema/error.h"

namespace pema::kernels {
namespace {

void check(const TiledRows& matrix, const TiledSum& sum) {
  PEMA_CHECK(sum.rows.size() == sum.weights.size(), kInvalidArgument,
             "sum_tiled_rows: ", sum.rows.size(), " rows but ", sum.weights.size(), " weights");
  for (std::size_t e = 0; e < sum.rows.size(); ++e) {
    PEMA_CHECK(sum.rows[e] >= 0 && sum.rows[e] < matrix.rows(), kInvalidArgument,
               "sum_tiled_rows: row ", sum.rows[e], " is outside the ", matrix.rows(),
               " of the matrix");
    PEMA_CHECK(std::isfinite(sum.weights[e]), kInvalidArgument,
               "sum_tiled_rows: the weight of row ", sum.rows[e], " is not finite");
  }
}

void set_entries(PlannedSum& planned, std::span<const std::int32_t> rows,
                 std::span<const std::uint32_t> offset) {
  planned.entries = rows.size();
  const auto at = [&](std::size_t e) {
    return e < rows.size() ? offset[static_cast<std::size_t>(rows[e])] : 0;
  };
  planned.pairs.clear();
  for (std::size_t e = 0; e < rows.size(); e += 2) planned.pairs.push_back(pack(at(e), at(e + 1)));
}

bool equal_weights(const TiledSum& sum) {
  return std::all_of(sum.weights.begin(), sum.weights.end(),
                     [&](float weight) { return weight == sum.weights[0]; });
}

PlannedSum planned(const TiledRows& matrix, const TiledSum& sum,
                   std::span<const std::uint32_t> offset) {
  PlannedSum result;
  result.out = sum.out;
  set_entries(result, sum.rows, offset);
  if (equal_weights(sum)) {
    if (!sum.weights.empty()) result.factor = sum.weights[0] * matrix.step();
  } else {
    result.weights.assign(sum.weights.begin(), sum.weights.end());
    result.factor = matrix.step();
  }
  return result;
}

// Rows of float16 that are used so often are widened once, others at every addition; the bits are
// the same.
constexpr std::size_t kWidenFrom = 4;

// Fewer common rows than this are not worth a sum of their own.
constexpr std::size_t kFewCommon = 4;

/// Two int8 sums of equal weights as three: of the rows that both have, and of the rest of each.
/// False when that is not possible, or does not pay.
bool plan_pair(const TiledRows& matrix, const TiledSum& a, const TiledSum& b,
               std::span<const std::uint32_t> offset, std::vector<PlannedSum>& plan) {
  const auto possible = [](const TiledSum& sum) {
    return sum.rows.size() <= kInt16Entries && equal_weights(sum) &&
           std::is_sorted(sum.rows.begin(), sum.rows.end(), std::less_equal<>());
  };
  if (!possible(a) || !possible(b)) return false;
  std::vector<std::int32_t> both;
  std::set_intersection(a.rows.begin(), a.rows.end(), b.rows.begin(), b.rows.end(),
                        std::back_inserter(both));
  if (both.size() < kFewCommon) return false;
  PlannedSum& shared = plan.emplace_back();
  shared.role = PlannedSum::Role::kShared;
  set_entries(shared, both, offset);
  for (const TiledSum* sum : {&a, &b}) {
    std::vector<std::int32_t> rest;
    std::set_difference(sum->rows.begin(), sum->rows.end(), both.begin(), both.end(),
                        std::back_inserter(rest));
    PlannedSum& own = plan.emplace_back(planned(matrix, *sum, offset));
    own.role = PlannedSum::Role::kContinues;
    set_entries(own, rest, offset);
  }
  return true;
}

TiledPlan make_plan(const TiledRows& matrix, std::span<const TiledSum> sums) {
  const std::int64_t piece = TiledRows::piece_bytes(matrix.type());
  PEMA_CHECK(matrix.rows() <= std::numeric_limits<std::int32_t>::max() / kWidenedBytes,
             kInvalidArgument, "sum_tiled_rows: a matrix of ", matrix.rows(), " rows");
  std::vector<char> is_used(static_cast<std::size_t>(matrix.rows()));
  std::size_t entries = 0;
  for (const TiledSum& sum : sums) {
    check(matrix, sum);
    for (const std::int32_t row : sum.rows) is_used[static_cast<std::size_t>(row)] = 1;
    entries += sum.rows.size();
  }
  const auto used = static_cast<std::size_t>(std::count(is_used.begin(), is_used.end(), 1));
  const bool widened = matrix.type() == NumberType::kFloat16 && entries >= kWidenFrom * used;
  TiledPlan plan;
  std::vector<std::uint32_t> offset(is_used.size());
  for (std::size_t row = 0; row < is_used.size(); ++row) {
    if (is_used[row] == 0) continue;
    const auto in_tile = static_cast<std::uint32_t>(static_cast<std::int64_t>(row) * piece);
    offset[row] =
        widened ? static_cast<std::uint32_t>(std::ssize(plan.used) * kWidenedBytes) : in_tile;
    plan.used.push_back(in_tile);
  }
  if (widened) plan.buffer_bytes = std::ssize(plan.used) * kWidenedBytes;
  for (std::size_t s = 0; s < sums.size(); ++s) {
    const bool int8 = matrix.type() == NumberType::kInt8;
    if (int8 && s + 1 < sums.size() && plan_pair(matrix, sums[s], sums[s + 1], offset, plan.sums)) {
      ++s;
    } else {
      plan.sums.push_back(planned(matrix, sums[s], offset));
    }
  }
  return plan;
}

}  // namespace

void sum_tiled_rows(const TiledRows& matrix, std::span<const TiledSum> sums, ThreadPool& pool) {
  const TiledPlan plan = make_plan(matrix, sums);
  pool.run(matrix.tiles(), 1, [&](std::int64_t begin, std::int64_t end) {
    const LargePages buffer = allocate_large_pages(plan.buffer_bytes);
    sum_tiles(matrix, plan, begin, end, buffer.get());
  });
}

}  // namespace pema::kernels
