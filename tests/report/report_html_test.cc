#include "tools/report/report_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "pema/error.h"
#include "tests/report/markup_check.h"

namespace pema::tools {
namespace {

using Json = nlohmann::ordered_json;
using report::check_markup;
using report::Markup;
using testing::HasSubstr;
using testing::Not;

Json person(int i) {
  return {
      {"key", "3fa9" + std::to_string(1000 + i)},
      {"train_tokens", 600},
      {"test_tokens", 334},
      {"nll", {{"base", 4.4}, {"masks", 3.5 + 0.011 * i}, {"masks_memory", 3.2 + 0.01 * i}}},
      {"schedule",
       {{"curve", "linear"}, {"lambda_max", 0.9}, {"lambda_own", 0.2}, {"lambda_shared", 0.1}}}};
}

/// A report with every key of format 1.
Json full_report(int people) {
  Json out = Json::parse(R"json({
    "format": 1, "pema_version": "0.1.0", "generated": "2026-11-24T20:00:00Z",
    "machine": {"cpu": "EPYC", "cores": 2, "memory_gib": 23.5, "os": "Debian 12"},
    "model": {"name": "SmolLM2", "fingerprint": "9f2c", "hidden": 576, "vocab": 49152},
    "note": "A short run.", "source": "changelogs", "dataset_sha256": "ab12", "seed": 123,
    "pool_people": 26, "train_tokens": 600, "dev_tokens": 100, "test_tokens": 3300,
    "nll": {"base": 4.4, "masks": 3.5},
    "methods": [
      {"id": "base", "label": "base model", "bytes_per_person": 0, "nll": 4.467, "gain": 0.0},
      {"id": "shared", "label": "shared only", "bytes_per_person": 0, "nll": 3.629, "gain": 0.838},
      {"id": "masks", "label": "shared + masks", "bytes_per_person": 128, "nll": 3.487,
       "gain": 0.98, "gain_low": 0.86, "gain_high": 1.08},
      {"id": "masks_memory", "label": "masks + memory", "bytes_per_person": 1383128, "nll": 3.188,
       "gain": 1.279, "gain_low": 1.1, "gain_high": 1.4},
      {"id": "masks_memory_gate", "label": "masks + memory, gate", "bytes_per_person": 1383128,
       "nll": 3.011, "gain": 1.456}],
    "gain_users_share": 1.0,
    "bytes_per_profile": {"mask": 128, "registry_row": 190, "own_adapter": 36864,
                          "own_segment": 1383000},
    "seconds": {"features": 300, "pool": 120, "enrol_per_person": 2.1, "total": 560},
    "features": {"tokens": 65000, "computed_tokens": 64000, "tokens_per_second": 210},
    "pool": {"adapters": 1024, "rank": 1, "version": 1, "digest": "77aa"},
    "lambda_curve": [{"lambda": 0.0, "nll": 4.4}, {"lambda": 0.8, "nll": 3.5},
                     {"lambda": 1.0, "nll": 3.6}],
    "unrolling": [{"curve": "constant", "lambda_max": 0.9, "nll": 3.487}],
    "continuations": {"prompt": "Changelog of x", "of": [
      {"who": "base model", "text": "* Fix a bug"}, {"who": "person 3fa9", "text": "* d/control"}]},
    "reproduce": "./dev demo --people 36"})json");
  out["new_people"] = people;
  for (int i = 0; i < people; ++i) out["people"].push_back(person(i));
  return out;
}

std::vector<std::string> titles(const Markup& markup) {
  std::vector<std::string> out;
  for (const char* id :
       {"methods", "lambda", "people", "bytes", "cost", "continuations", "measured"}) {
    if (markup.ids.contains(id)) out.emplace_back(id);
  }
  return out;
}

std::int64_t count(const Markup& markup, const std::string& tag) {
  return std::count(markup.tags.begin(), markup.tags.end(), tag);
}

/// Asserts what holds for every page: well-formed, self-contained, no stray number.
Markup check_page(const std::string& page) {
  const Markup markup = check_markup(page);
  EXPECT_EQ(markup.error, "");
  for (const char* outside :
       {"http", "//", "<script", "<link", "<img", "@import", "url(", "src="}) {
    EXPECT_THAT(page, Not(HasSubstr(outside)));
  }
  for (const char* number : {">nan<", "\"nan\"", "-nan", "\"inf\"", ">inf<", "-inf", "null"}) {
    EXPECT_THAT(page, Not(HasSubstr(number)));
  }
  return markup;
}

TEST(ReportHtml, AFullReportShowsEverySectionAndItsFigures) {
  const std::string page = render_report_html(full_report(10));
  const Markup markup = check_page(page);
  EXPECT_EQ(titles(markup).size(), 7U);
  EXPECT_EQ(count(markup, "svg"), 8);  // four charts, two layouts
  EXPECT_EQ(count(markup, "desc"), 8);
  EXPECT_GE(count(markup, "table"), 7);
  EXPECT_THAT(page, HasSubstr("For 10 new people, a shared pool of 1,024 adapters and a 128-byte "
                              "mask per person lower the mean loss on their test tokens from 4.467 "
                              "to 3.487 nats (gain +0.980, 95 % interval +0.860 to +1.080); with "
                              "memory it is 3.188. With the mask alone, every one of them gains."));
  EXPECT_THAT(page, HasSubstr("weighed by the gate</dt><dd>3.011 "));
  EXPECT_THAT(page, HasSubstr("minimum 3.500 at \xCE\xBB = 0.8<"));
  EXPECT_THAT(page, HasSubstr("10 of 10 people gain"));
  EXPECT_THAT(page, HasSubstr("<td class=\"n\">1.38 TB</td>"));
  EXPECT_THAT(page, HasSubstr("./dev demo --people 36"));
  EXPECT_LT(page.find("A short run."), page.find("For 10 new people"));
}

TEST(ReportHtml, TheSmallestReportsRender) {
  EXPECT_TRUE(titles(check_page(render_report_html(Json::object()))).empty());
  const Markup markup =
      check_page(render_report_html(Json{{"nll", {{"base", 4.4}, {"masks", 3.5}}}}));
  EXPECT_EQ(titles(markup), std::vector<std::string>{"methods"});
}

TEST(ReportHtml, EveryKeyMayBeAbsentOrOfAnotherType) {
  const Json full = full_report(3);
  const std::vector<Json> wrong = {nullptr,
                                   "text",
                                   -7,
                                   std::nan(""),
                                   true,
                                   1e300,
                                   Json::array({1, "x", nullptr}),
                                   Json{{"a", nullptr}}};
  for (const auto& item : full.items()) {
    SCOPED_TRACE(item.key());
    Json less = full;
    less.erase(item.key());
    check_page(render_report_html(less));
    if (item.key() == "format") continue;
    for (const Json& value : wrong) {
      less[item.key()] = value;
      const Markup markup = check_markup(render_report_html(less));
      EXPECT_EQ(markup.error, "") << value;
    }
  }
}

TEST(ReportHtml, AnAbsentKeyTakesItsSectionAway) {
  const auto without = [](std::vector<const char*> keys) {
    Json less = full_report(3);
    for (const char* key : keys) less.erase(key);
    return titles(check_page(render_report_html(less)));
  };
  EXPECT_THAT(without({"people"}), Not(testing::Contains("people")));
  EXPECT_THAT(without({"lambda_curve", "unrolling"}), Not(testing::Contains("lambda")));
  EXPECT_THAT(without({"lambda_curve"}), testing::Contains("lambda"));
  EXPECT_THAT(without({"continuations"}), Not(testing::Contains("continuations")));
  EXPECT_THAT(without({"bytes_per_profile", "seconds"}), Not(testing::Contains("cost")));
  EXPECT_THAT(without({"methods", "nll"}), Not(testing::Contains("methods")));
  EXPECT_THAT(without({"methods"}), Not(testing::Contains("bytes")));
}

TEST(ReportHtml, EmptyMethodsFallBackToTheNllMap) {
  Json report = full_report(2);
  report["methods"] = Json::array();
  const std::string page = render_report_html(report);
  check_page(page);
  EXPECT_THAT(page, HasSubstr("from 4.400 to 3.500 nats"));
}

/// Replaces every string in `json` by `text` and every number by `number`.
void replace_leaves(Json& json, const Json* text, const Json* number) {
  if (json.is_structured()) {
    for (auto& child : json) replace_leaves(child, text, number);
  } else if (json.is_string() && text != nullptr) {
    json = *text;
  } else if (json.is_number() && number != nullptr) {
    json = *number;
  }
}

TEST(ReportHtml, HostileStringsStayText) {
  const std::vector<std::string> hostile = {"</title></style><script>alert(1)</script>",
                                            "\" onload=\"alert(1)",
                                            "'><img src=x>",
                                            "]]>&#x0;&nbsp;<!--",
                                            std::string("\0\x01\xFF\xFE", 4),
                                            "\xE2\x80\xAE<b>",
                                            ""};
  for (const std::string& text : hostile) {
    SCOPED_TRACE(text);
    Json report = full_report(3);
    const Json value = text;
    replace_leaves(report, &value, nullptr);
    const std::string page = render_report_html(report);
    EXPECT_EQ(check_markup(page).error, "");
    EXPECT_THAT(page, Not(HasSubstr("<script")));
    EXPECT_THAT(page, Not(HasSubstr("<img")));
    EXPECT_THAT(page, Not(HasSubstr("\" onload")));
    EXPECT_EQ(page.find('\0'), std::string::npos);
  }
}

TEST(ReportHtml, HostileStringsAreShownEscaped) {
  Json report = full_report(1);
  report["continuations"]["of"][0]["text"] = "a < b && c > \"d\"";
  EXPECT_THAT(render_report_html(report),
              HasSubstr("<pre dir=\"auto\">a &lt; b &amp;&amp; c &gt; &quot;d&quot;</pre>"));
}

TEST(ReportHtml, StrangeNumbersNeverReachTheCharts) {
  const std::vector<Json> numbers = {
      0,       -1,           1e-12,
      1e15,    -1e15,        1e300,
      nullptr, std::nan(""), -std::numeric_limits<double>::infinity()};
  for (const Json& number : numbers) {
    SCOPED_TRACE(number.dump());
    Json report = full_report(3);
    replace_leaves(report, nullptr, &number);
    report["format"] = 1;
    check_page(render_report_html(report));
    Json one = full_report(3);
    one["methods"][2]["nll"] = number;
    one["methods"][1]["gain"] = number;
    one["methods"][3]["bytes_per_person"] = number;
    one["people"][1]["nll"]["masks"] = number;
    one["lambda_curve"][1]["nll"] = number;
    one["lambda_curve"][2]["lambda"] = number;
    check_page(render_report_html(one));
  }
}

TEST(ReportHtml, OnePersonAndAHundredPeople) {
  const std::string one = render_report_html(full_report(1));
  check_page(one);
  EXPECT_THAT(one, HasSubstr("For 1 new person, "));
  EXPECT_THAT(one, HasSubstr("1 of 1 person gains"));
  const std::string hundred = render_report_html(full_report(100));
  const Markup markup = check_page(hundred);
  EXPECT_EQ(count(markup, "polygon"), 2 * (100 + 1));  // a diamond each, one in the legend
  EXPECT_THAT(hundred, HasSubstr("82 of 100 people gain"));
}

TEST(ReportHtml, ALossIsCalledALoss) {
  Json report = full_report(2);
  report["methods"][2]["nll"] = 4.6;
  report["methods"][2]["gain"] = -0.133;
  report["gain_users_share"] = 0.5;
  const std::string page = render_report_html(report);
  EXPECT_THAT(page,
              HasSubstr("raise the mean loss on their test tokens from 4.467 to 4.600 nats;"));
  EXPECT_THAT(page, HasSubstr("1 of these 2 people gain."));
  EXPECT_THAT(page, Not(HasSubstr("times the probability")));
}

TEST(ReportHtml, RefusesWhatItCannotRead) {
  const auto code = [](const Json& report) {
    try {
      (void)render_report_html(report);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code(Json::array()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(nullptr), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({{"format", 2}}), ErrorCode::kUnsupported);
}

TEST(ReportHtml, TheCheckerItselfSeesBrokenMarkup) {
  const auto error = [](const std::string& body) {
    return check_markup("<!DOCTYPE html>\n" + body).error;
  };
  EXPECT_EQ(error("<p>a &amp; b<br/></p>"), "");
  for (const char* broken : {"<p>", "<p></b>", "</p>", "<p a=\"1\" a=\"2\"/>", "<p>&x y</p>",
                             "<p a=b></p>", "<p a=\"<\"/>", "<p id=\"i\"/><b id=\"i\"/>", "text"}) {
    EXPECT_NE(error(broken), "") << broken;
  }
}

}  // namespace
}  // namespace pema::tools
