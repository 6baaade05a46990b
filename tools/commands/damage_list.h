/// What verify and scrub found, for people and as JSON.
#pragma once

#include <string>
#include <vector>

#include "pema/store.h"
#include "tools/terminal/json_output.h"

namespace pema::tools {

/// "damaged WHAT: WHY" lines; `whole` when there is no damage.
[[nodiscard]] std::string damage_text(const std::vector<Damage>& damages, const std::string& whole);
/// A list of {"what", "why"}.
[[nodiscard]] Json damage_json(const std::vector<Damage>& damages);
/// 0, or the exit status of kCorrupt when something is damaged.
[[nodiscard]] int damage_status(const std::vector<Damage>& damages);

}  // namespace pema::tools
