/// Recall keys of real people, as the benches of the memory read them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pema/tensor_view.h"

namespace pema::bench {

/// Keys of each person's older texts, and of their newest ones as queries.
struct RealKeys {
  std::int64_t people = 0;
  Matrix<float> keys;                ///< [n, d], persons one after the other
  std::vector<std::int32_t> person;  ///< [n]
  std::vector<std::int32_t> token;   ///< [n]
  /// [n, kNear]: the nearest other keys, nearest first.
  static constexpr std::int64_t kNear = 8;
  std::vector<std::int32_t> near;
  Matrix<float> queries;                   ///< [q, d]
  std::vector<std::int32_t> query_person;  ///< [q]
};

/// Writes and reads the bench's own cache file. Throws kIo, kCorrupt (remove it then).
void save(const RealKeys& real, const std::string& path);
[[nodiscard]] RealKeys load_real_keys(const std::string& path);

}  // namespace pema::bench
