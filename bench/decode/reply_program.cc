#include "bench/decode/reply_program.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

namespace pema::bench {

int run_reply_program(int argc, char** argv, const std::string& name, const std::string& second,
                      const std::function<nlohmann::ordered_json(const ReplyArguments&)>& run) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MODEL.gguf %s [ROUNDS [TOKENS [THREADS]]]\n", name.c_str(),
                 second.c_str());
    return 2;
  }
  try {
    ReplyArguments arguments{argv[1], argv[2]};
    std::int64_t* const numbers[] = {&arguments.rounds, &arguments.tokens, &arguments.threads};
    for (int i = 3; i < argc && i < 6; ++i) *numbers[i - 3] = std::strtoll(argv[i], nullptr, 10);
    std::puts(run(arguments).dump().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
    return 1;
  }
}

}  // namespace pema::bench
