/// The process that is killed: performs the steps of a script on a store and says after each one
/// that it is done. Arguments: folder, seed, first step, "durable" or "fast".
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "bench/durability/store_script.h"

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: store_writer FOLDER SEED FIRST durable|fast\n");
    return 2;
  }
  try {
    const auto durability =
        std::string(argv[4]) == "fast" ? pema::Durability::kFast : pema::Durability::kDurable;
    pema::durability::StoreScript script(argv[1], std::strtoull(argv[2], nullptr, 10), durability);
    for (std::int64_t step = std::strtoll(argv[3], nullptr, 10);; ++step) {
      script.perform(step);
      if (::write(STDOUT_FILENO, "+", 1) != 1) return 1;  // one byte: seen whole or not at all
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "store_writer: %s\n", error.what());
    return 1;
  }
}
