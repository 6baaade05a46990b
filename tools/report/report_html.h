/// The report of `pema demo` as one self-contained HTML page.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace pema::tools {

/// Renders a demo report as one UTF-8 page: inline SVG, inline CSS, no script and no reference to
/// anything outside the page. The markup is also well-formed XML.
///
/// @param report  the JSON object that `pema demo` writes (format 1). A key that is absent, has
///                another type, or holds a number that is not finite is left out of the page; a
///                section with nothing to show is left out whole.
/// Strings are escaped; invalid UTF-8, control and bidirectional-override characters become U+FFFD.
/// Throws Error(kInvalidArgument) when `report` is not an object, Error(kUnsupported) when its
/// "format" is present and not 1. Thread-safety: pure function.
[[nodiscard]] std::string render_report_html(const nlohmann::ordered_json& report);

}  // namespace pema::tools
