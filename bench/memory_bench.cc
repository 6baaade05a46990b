// The shared memory's search beside FAISS.
//
//   memory_bench describe REAL KEYS PROFILES       how like the real keys the large collection is
//   memory_bench graph    REAL KEYS PROFILES GRAPH  builds FAISS's HNSW graph unless it is there
//   memory_bench search   REAL KEYS PROFILES GRAPH ROUNDS
//
// REAL is what memory_keys wrote. Each prints one JSON object.
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/json_program.h"
#include "bench/memory/claims.h"
#include "pema/error.h"

namespace {

using pema::bench::Json;

Json run(const std::vector<std::string>& words) {
  PEMA_CHECK(words.size() >= 4, kInvalidArgument,
             "usage: memory_bench describe|graph|search REAL KEYS PROFILES [GRAPH [ROUNDS]]");
  const auto number = [&](std::size_t i) {
    PEMA_CHECK(i < words.size(), kInvalidArgument, "argument ", i, " is missing");
    return std::strtoll(words[i].c_str(), nullptr, 10);
  };
  const pema::bench::RealKeys real = pema::bench::load_real_keys(words[1]);
  const pema::bench::Collection collection(real, number(2), number(3), 1);
  if (words[0] == "describe") return pema::bench::describe(real, collection);
  PEMA_CHECK(words.size() >= 5, kInvalidArgument, "the graph's path is missing");
  if (words[0] == "graph") return pema::bench::make_graph(collection, words[4]);
  PEMA_CHECK(words[0] == "search", kInvalidArgument, "unknown command ", words[0]);
  return pema::bench::compare(real, collection, words[4], number(5));
}

}  // namespace

int main(int argc, char** argv) {
  return pema::bench::print_json_of("memory_bench", argc, argv, run);
}
