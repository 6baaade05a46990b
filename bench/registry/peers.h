/// What else one could store ten million masks in, measured in the same run.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace pema::bench {

/// Plain SQLite as one writes it first: one table, TEXT key, masks as JSON lists of adapters.
/// WAL, prepared statements, `batch` rows per transaction.
[[nodiscard]] nlohmann::ordered_json measure_naive_sqlite(const std::string& folder,
                                                          std::int64_t people, std::int64_t batch,
                                                          std::int64_t calls);

/// LMDB: name to a packed row of the same facts, `batch` sorted rows per transaction. Null when it
/// was not there at build time.
[[nodiscard]] nlohmann::ordered_json measure_lmdb(const std::string& folder, std::int64_t people,
                                                  std::int64_t batch, std::int64_t calls);

}  // namespace pema::bench
