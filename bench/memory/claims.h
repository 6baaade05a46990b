/// What memory_bench measures, each as one JSON object.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/memory/collection.h"

namespace pema::bench {

using Json = nlohmann::ordered_json;

/// Distances from held-out real queries to their nearest and 32nd key, and the intrinsic dimension
/// they imply, among the real keys and among the collection; from collection keys to others too.
[[nodiscard]] Json describe(const RealKeys& real, const Collection& collection);

/// Builds the graph when `path` is absent.
[[nodiscard]] Json make_graph(const Collection& collection, const std::string& path);

/// Times and recall of every way at every selectivity; ways take turns within a round.
[[nodiscard]] Json compare(const RealKeys& real, const Collection& collection,
                           const std::string& graph, std::int64_t rounds);

}  // namespace pema::bench
