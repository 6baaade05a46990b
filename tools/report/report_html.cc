#include "tools/report/report_html.h"

#include "pema/error.h"
#include "tools/report/report_data.h"
#include "tools/report/report_sections.h"
#include "tools/report/report_style.h"
#include "tools/report/report_text.h"

namespace pema::tools {
namespace {

/// A titled section, or "" where there is no content.
std::string section(const std::string& id, const std::string& title, const std::string& content) {
  if (content.empty()) return "";
  return "<section aria-labelledby=\"" + id + "\">\n<h2 id=\"" + id + "\">" + title + "</h2>\n" +
         content + "</section>\n";
}

std::string byline(const report::Json& json) {
  std::string out;
  const auto add = [&](const std::string& before, const std::string& plain) {
    if (plain.empty()) return;
    out += (out.empty() ? "" : " &#183; ") + before + report::escape(plain);
  };
  add("", report::text(report::member(json, "model"), "name"));
  add("", report::text(json, "source"));
  add("", report::text(json, "generated"));
  add("pema ", report::text(json, "pema_version"));
  return out.empty() ? "" : "<p class=\"byline\">" + out + "</p>\n";
}

void check_format(const report::Json& json) {
  PEMA_CHECK(json.is_object(), kInvalidArgument, "report: expected a JSON object, got ",
             json.type_name(), "; pass the file that pema demo wrote");
  const report::Json& format = report::member(json, "format");
  PEMA_CHECK(format.is_null() || format == 1, kUnsupported, "report: \"format\" is not 1; ",
             "this pema writes pages for format 1 only, use the pema that wrote the report");
}

}  // namespace

std::string render_report_html(const nlohmann::ordered_json& report) {
  check_format(report);
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
      "<meta name=\"referrer\" content=\"no-referrer\"/>\n"
      "<title>pema demo: measured results</title>\n<style>";
  page.append(report::style_sheet());
  page += "</style>\n</head>\n<body>\n<header>\n<h1>pema demo: measured results</h1>\n";
  page += byline(report);
  if (const std::string note = report::text(report, "note"); !note.empty()) {
    page +=
        "<p class=\"note\" role=\"note\"><strong>Note.</strong> " + report::escape(note) + "</p>\n";
  }
  page += report::headline_section(report);
  page += "</header>\n<main>\n";
  page += section("methods", "Loss by method", report::methods_section(report));
  page += section("lambda", "How much weight the profile gets", report::lambda_section(report));
  page += section("people", "Each person", report::people_section(report));
  page += section("bytes", "Gain against bytes per person", report::bytes_section(report));
  page += section("cost", "What a profile costs", report::cost_section(report));
  page += section("continuations", "One prompt, continued", report::continuations_section(report));
  page += section("measured", "How it was measured", report::measurement_section(report));
  page +=
      "</main>\n<footer>\n<p>One file, no scripts, nothing loaded from elsewhere.</p>\n"
      "</footer>\n</body>\n</html>\n";
  return page;
}

}  // namespace pema::tools
