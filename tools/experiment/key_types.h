/// What rounding a person's own keys costs, under the same data, people and tuning as the methods.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "tools/experiment/walk.h"

namespace pema::tools {

/// For each type, the methods masks_memory and masks_memory_gate with own segments that store their
/// keys so: the new people's profiles (found in the store or made, lambdas tuned on their dev rows)
/// and the NLL of their test rows. Product-quantised keys use a codebook learnt from the pool
/// people's segment alone. Returns a list of {"keys", "key_bytes", "nll", "gain", "worse_than_f32"}
/// and the last three again as "nll_gate", ... for the gate; `base_nll` as Evaluation::nll(kBase)
/// of the same people.
[[nodiscard]] nlohmann::ordered_json evaluate_key_types(Walk& walk, std::span<const KeyType> types,
                                                        double base_nll);

}  // namespace pema::tools
