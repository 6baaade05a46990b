/// The charts of the report. Each returns both layouts of one figure as SVG markup; none reads
/// JSON. Pure functions; they throw only Error(kInternal).
#pragma once

#include <string>
#include <vector>

#include "tools/report/report_data.h"

namespace pema::tools::report {

/// Horizontal bars from zero: the mean NLL of each method in the given order, with the interval of
/// its gain as a whisker and the base model's NLL as a dashed line. Requires at least one method.
[[nodiscard]] std::string methods_chart(const std::vector<Method>& methods);

/// Mean NLL against a constant lambda, its minimum marked. Requires at least one point.
[[nodiscard]] std::string lambda_chart(const std::vector<LambdaPoint>& points);

/// One column per person, in the given order, around a zero line: a bar for the gain of the masks,
/// a diamond for masks and memory. Requires at least one person.
[[nodiscard]] std::string people_chart(const std::vector<Person>& people);

/// Whether `scatter_chart` can place a method: it knows its bytes (>= 0) and its gain.
[[nodiscard]] bool has_bytes_and_gain(const Method& method);

/// Gain against bytes per person on a log axis, zero bytes in a slot of its own at the left.
/// Points are named in the wide layout and numbered from 1 in the narrow one. Requires at least
/// one method; every one `has_bytes_and_gain`.
[[nodiscard]] std::string scatter_chart(const std::vector<Method>& methods);

}  // namespace pema::tools::report
