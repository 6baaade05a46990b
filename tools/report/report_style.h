/// The style sheet of the report.
#pragma once

#include <string_view>

namespace pema::tools::report {

/// CSS for a <style> element: light and dark by prefers-color-scheme, phones, print. Holds neither
/// '<' nor '&', so it needs no escaping in XML. Text colours meet WCAG AA (4.5:1) on every
/// background of the page, marks 3:1.
[[nodiscard]] std::string_view style_sheet();

}  // namespace pema::tools::report
