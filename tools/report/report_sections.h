/// The sections of the report, each as markup; "" where the report has nothing for it. Titles and
/// order are in report_html.cc. Pure functions.
#pragma once

#include <string>

#include "tools/report/report_data.h"

namespace pema::tools::report {

/// One sentence with the main figures, and the same figures set apart.
[[nodiscard]] std::string headline_section(const Json& report);

/// Bars of the NLL by method, and their table.
[[nodiscard]] std::string methods_section(const Json& report);

/// NLL against a constant lambda, and the table of the unrolling curves.
[[nodiscard]] std::string lambda_section(const Json& report);

/// The gain of each person.
[[nodiscard]] std::string people_section(const Json& report);

/// Gain against bytes per person.
[[nodiscard]] std::string bytes_section(const Json& report);

/// What is stored for one person, piece by piece.
[[nodiscard]] std::string cost_section(const Json& report);

/// One prompt, continued by the base model and by people.
[[nodiscard]] std::string continuations_section(const Json& report);

/// Model, data, split, seed, machine, times, digests, definitions, and the command to run again.
[[nodiscard]] std::string measurement_section(const Json& report);

}  // namespace pema::tools::report
