// An index over far more keys than may be in memory, under a budget of bytes.
//
//   memory_big_bench make   REAL KEYS PROFILES FOLDER           the keys as segments on the disk
//   memory_big_bench build  FOLDER BUDGET BYTES_PER_KEY         the index over them
//   memory_big_bench search REAL KEYS PROFILES FOLDER BUDGET WANTED_RECALL CALLS
//
// REAL is what memory_keys wrote; BUDGET is in bytes. Each prints one JSON object, and is a process
// of its own, so that its highest resident set is its own.
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/json_program.h"
#include "bench/memory/big.h"
#include "pema/error.h"

namespace {

using pema::bench::Json;

Json run(const std::vector<std::string>& words) {
  const auto number = [&](std::size_t i) { return std::strtoll(words[i].c_str(), nullptr, 10); };
  const auto is = [&](const char* name, std::size_t arguments) {
    return words.size() == arguments + 1 && words[0] == name;
  };
  if (is("build", 3)) return pema::bench::build_big_index(words[1], number(2), number(3));
  PEMA_CHECK(is("make", 4) || is("search", 7), kInvalidArgument,
             "usage: memory_big_bench make REAL KEYS PROFILES FOLDER | build FOLDER BUDGET "
             "BYTES_PER_KEY | search REAL "
             "KEYS PROFILES FOLDER BUDGET WANTED_RECALL CALLS");
  pema::bench::RealKeys real = pema::bench::load_real_keys(words[1]);
  const pema::bench::Collection collection(real, number(2), number(3), 1);
  if (is("make", 4)) return pema::bench::make_segments(collection, words[4]);
  return pema::bench::search_big_index(real, collection, words[4], number(5),
                                       std::strtod(words[6].c_str(), nullptr), number(7));
}

}  // namespace

int main(int argc, char** argv) {
  return pema::bench::print_json_of("memory_big_bench", argc, argv, run);
}
