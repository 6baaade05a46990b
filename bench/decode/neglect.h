/// What neglecting unlikely words does to the distributions of one reply.
#pragma once

#include <cstdint>
#include <span>

#include <nlohmann/json.hpp>

#include "pema/engine.h"
#include "pema/plm/language_model.h"

namespace pema::bench {

/// Says `tokens` >= 1 tokens after `prompt` under `lease` from the exact mixture (temperature 0:
/// the likeliest; else sampled, seeded), and computes every row of them again with each neglected
/// mass. By mass: mean and largest difference of the said tokens' log-probabilities, mean
/// divergence KL(exact, approximate) in nats, median and largest number of words that the
/// shortlists hold.
[[nodiscard]] nlohmann::ordered_json measure_neglect(plm::LanguageModel& model, const Lease& lease,
                                                     std::span<const std::int32_t> prompt,
                                                     std::int64_t tokens, double temperature,
                                                     std::int64_t threads);

}  // namespace pema::bench
