/// The demo's outputs: table, report.json, report.html, continued prompts.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/experiment/walk.h"

namespace pema::tools {

/// The same prompt (a new person's first test text) continued greedily by the base model and by two
/// new people.
struct SamplePrompt {
  std::string prompt;
  std::vector<Continuation> continuations;
};
[[nodiscard]] SamplePrompt continue_prompt(Walk& walk, plm::LanguageModel& model,
                                           std::int64_t context, std::int64_t tokens);

/// Bytes of a rank-r adapter for one person, f32: 2 r d 4.
[[nodiscard]] std::int64_t own_adapter_bytes(const ModelInfo& model, std::int64_t rank);
/// Mean bytes of the new people's own segments.
[[nodiscard]] std::int64_t mean_segment_bytes(const Store& store, const Evaluation& evaluation);

/// The result as a table for a terminal: bytes, NLL, gain with its interval, seconds, sizes.
[[nodiscard]] std::string report_table(const nlohmann::ordered_json& report);

/// Writes FOLDER/report.json and FOLDER/report.html. Throws kIo, kDiskFull.
void write_report(const nlohmann::ordered_json& report, const std::string& folder);

}  // namespace pema::tools
