/// The main of a bench whose rounds are replies of one person.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <nlohmann/json.hpp>

namespace pema::bench {

struct ReplyArguments {
  std::string model_path;
  std::string second_path;  ///< what else the bench reads
  std::int64_t rounds = 9;
  std::int64_t tokens = 96;
  std::int64_t threads = 2;
};

/// For `int main`: reads MODEL.gguf SECOND [ROUNDS [TOKENS [THREADS]]], prints what `run` gives as
/// one line of JSON. 0; 2 after a usage line when arguments are missing; 1 after an error's text.
[[nodiscard]] int run_reply_program(
    int argc, char** argv, const std::string& name, const std::string& second,
    const std::function<nlohmann::ordered_json(const ReplyArguments&)>& run);

}  // namespace pema::bench
