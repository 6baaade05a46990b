#include "tools/report/report_sections.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "tools/report/report_charts.h"
#include "tools/report/report_text.h"

namespace pema::tools::report {
namespace {

constexpr const char* kNone = "\xE2\x80\x93";

std::string or_none(const Number& value, std::string (*format)(double, int), int digits) {
  return value ? format(*value, digits) : kNone;
}

/// The gain's interval; `between` is " to " with or without a breaking space.
std::string interval(const Method& m, const char* between = " to ") {
  if (!m.gain_low || !m.gain_high || *m.gain_low == *m.gain_high) return kNone;
  return signed_fixed(*m.gain_low, 3) + between + signed_fixed(*m.gain_high, 3);
}

std::string figure(const std::string& charts, const std::string& caption,
                   const std::string& below) {
  return "<figure>\n" + charts + "<figcaption>" + caption + "</figcaption>\n" + below +
         "</figure>\n";
}

std::string details(const std::string& summary, const std::string& content) {
  return "<details><summary>" + escape(summary) + "</summary>\n" + content + "</details>\n";
}

std::string share_sentence(const Json& report) {
  const Number share = number(report, "gain_users_share");
  const std::string lead = " With the mask alone, ";
  if (!share || *share < 0 || *share > 1) return "";
  if (*share == 1) return lead + "every one of them gains.";
  if (*share == 0) return lead + "none of them gains.";
  if (const Number people = number(report, "new_people")) {
    return lead + fixed(std::round(*share * *people), 0) + " of these " + fixed(*people, 0) +
           " people gain.";
  }
  return lead + trimmed(100 * *share, 1) + " % of them gain.";
}

std::string headline(const Json& report, const Method& base, const Method& masks,
                     const Method* memory) {
  const Number people = number(report, "new_people");
  Number bytes = masks.bytes;
  if (!bytes) bytes = number(member(report, "bytes_per_profile"), "mask");
  const Number adapters = number(member(report, "pool"), "adapters");
  std::string out = "For " + (people ? fixed(*people, 0) + " " : std::string());
  out += people && *people == 1 ? "new person" : "new people";
  out += ", a shared pool";
  if (adapters) out += " of " + fixed(*adapters, 0) + " adapters";
  out += " and a ";
  if (bytes) out += fixed(*bytes, 0) + "-byte ";
  out += "mask per person ";
  out += *masks.nll <= *base.nll ? "lower" : "raise";
  out += " the mean loss on their test tokens from " + fixed(*base.nll, 3) + " to " +
         fixed(*masks.nll, 3) + " nats";
  if (interval(masks) != kNone) {
    out += " (gain " + signed_fixed(*masks.gain, 3) + ", 95 % interval " + interval(masks) + ")";
  }
  if (memory != nullptr) out += "; with memory it is " + fixed(*memory->nll, 3);
  return out + ".";
}

std::string figure_box(const std::string& name, const std::string& value, const std::string& unit) {
  return "<div><dt>" + escape(name) + "</dt><dd>" + escape(value) + " <small>" + escape(unit) +
         "</small></dd></div>\n";
}

}  // namespace

std::string headline_section(const Json& report) {
  const std::vector<Method> methods = read_methods(report);
  const Method* base = find_method(methods, "base");
  const Method* masks = find_method(methods, "masks");
  const Method* memory = find_method(methods, "masks_memory");
  if (base == nullptr || masks == nullptr) return "";
  std::string out = "<p class=\"headline\">" + escape(headline(report, *base, *masks, memory)) +
                    share_sentence(report) + "</p>\n<dl class=\"figures\">\n";
  out += figure_box("Base model", fixed(*base->nll, 3), "nats");
  out += figure_box("Pool and mask", fixed(*masks->nll, 3), "nats");
  if (memory != nullptr) out += figure_box("Pool, mask, memory", fixed(*memory->nll, 3), "nats");
  if (const Method* gate = find_method(methods, "masks_memory_gate"); gate != nullptr) {
    out += figure_box("The same, weighed by the gate", fixed(*gate->nll, 3), "nats");
  }
  if (masks->bytes) out += figure_box("Mask, per person", fixed(*masks->bytes, 0), "bytes");
  out += "</dl>\n";
  if (const double gain = *base->nll - *masks->nll; gain > 0 && gain < 20) {
    out += "<p class=\"caption\">A gain of " + fixed(gain, 3) +
           " nats per token means that the model gives the token that came next " +
           fixed(std::exp(gain), 2) + " times the probability, as a geometric mean.</p>\n";
  }
  return out;
}

std::string methods_section(const Json& report) {
  const std::vector<Method> methods = read_methods(report);
  if (methods.empty()) return "";
  bool whiskers = false;
  bool bytes = false;
  std::vector<std::vector<std::string>> rows;
  for (const Method& m : methods) {
    whiskers = whiskers || interval(m) != kNone;
    bytes = bytes || m.bytes.has_value();
  }
  std::vector<Column> columns = {{"Method", false}, {"NLL", true}, {"Gain", true}};
  if (whiskers) columns.push_back({"95 % interval", true});
  if (bytes) columns.push_back({"Bytes per person", true});
  for (const Method& m : methods) {
    rows.push_back({escape(m.label), fixed(*m.nll, 3),
                    m.id == "base" ? kNone : or_none(m.gain, signed_fixed, 3)});
    if (whiskers) rows.back().push_back(interval(m, " to\xC2\xA0"));
    if (bytes) rows.back().push_back(or_none(m.bytes, fixed, 0));
  }
  std::string caption =
      "Mean negative log-likelihood (NLL) of the test tokens; bars start at zero.";
  if (find_method(methods, "base") != nullptr) caption += " The dashed line is the base model.";
  if (whiskers) {
    caption += " Whiskers: 95 % bootstrap interval of the gain, people redrawn.";
  }
  return figure(methods_chart(methods), caption, table("", columns, rows));
}

std::string lambda_section(const Json& report) {
  std::string out;
  const std::vector<LambdaPoint> points = read_lambda_curve(report);
  if (!points.empty()) {
    std::vector<std::vector<std::string>> rows;
    rows.reserve(points.size());
    for (const LambdaPoint& p : points) rows.push_back({trimmed(p.lambda, 4), fixed(p.nll, 3)});
    out += figure(
        lambda_chart(points),
        "One constant &#955; for every token: 0 is the base model alone, 1 the personal "
        "distribution alone. The vertical axis does not start at zero.",
        details("Table of the curve", table("", {{"\xCE\xBB", false}, {"NLL", true}}, rows)));
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& entry : member(report, "unrolling")) {
    const Number nll = number(entry, "nll");
    if (!nll) continue;
    rows.push_back({escape(text(entry, "curve")), or_none(number(entry, "lambda_max"), trimmed, 3),
                    fixed(*nll, 3)});
  }
  if (!rows.empty()) {
    out +=
        "<p>Gradual Unrolling: &#955; stays constant, or falls from its largest value as the "
        "continuation grows. Each curve with its largest &#955;:</p>\n";
    out += table("", {{"Curve", false}, {"Largest \xCE\xBB", true}, {"NLL", true}}, rows);
  }
  return out;
}

std::string people_section(const Json& report) {
  const std::vector<Person> people = read_people(report);
  if (people.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  std::int64_t better = 0;
  std::int64_t counted = 0;
  for (const Person& p : people) {
    const Number gain = p.masks_gain();
    counted += gain ? 1 : 0;
    better += gain && *gain > 0 ? 1 : 0;
    std::string schedule = escape(p.curve);
    const auto weight = [&](const char* name, const Number& value) {
      if (value) schedule += (schedule.empty() ? "" : ", ") + (name + trimmed(*value, 3));
    };
    weight("&#955; ", p.lambda_max);
    weight("own ", p.lambda_own);
    weight("shared ", p.lambda_shared);
    rows.push_back({"<code>" + escape(shorten(p.key, 16)) + "</code>",
                    or_none(p.train_tokens, fixed, 0), or_none(p.test_tokens, fixed, 0),
                    or_none(p.base_nll, fixed, 3), or_none(gain, signed_fixed, 3),
                    or_none(p.memory_gain(), signed_fixed, 3),
                    schedule.empty() ? kNone : schedule});
  }
  const std::vector<Column> columns = {{"Person", false},     {"Train tokens", true},
                                       {"Test tokens", true}, {"Base NLL", true},
                                       {"Masks gain", true},  {"Masks + memory gain", true},
                                       {"Schedule", false}};
  std::string caption =
      "Each column is one new person. Bars: base model to masks. Diamonds: base "
      "model to masks and memory. A mark below zero is a loss.";
  if (counted > 0) {
    caption += " With masks, " + std::to_string(better) + " of " + std::to_string(counted) +
               (counted == 1 ? " person gains." : " people gain.");
  }
  return figure(people_chart(people), caption,
                details("Table of the people", table("", columns, rows)));
}

std::string bytes_section(const Json& report) {
  std::vector<Method> methods = read_methods(report);
  std::erase_if(methods, [](const Method& m) { return !has_bytes_and_gain(m); });
  if (methods.empty()) return "";
  std::string key = "<ol class=\"key\">";
  std::vector<std::vector<std::string>> rows;
  for (const Method& m : methods) {
    key += "<li>" + escape(m.label) + "</li>";
    rows.push_back({escape(m.label), fixed(*m.bytes, 0), signed_fixed(*m.gain, 3)});
  }
  return figure(
      scatter_chart(methods),
      "Higher is better, further left is smaller. Methods that keep nothing per person "
      "stand in the shaded slot; marks that would cover each other are moved apart sideways. "
      "Vertical bars: 95 % intervals.",
      key + "</ol>\n" +
          details(
              "Table of the points",
              table("", {{"Method", false}, {"Bytes per person", true}, {"Gain", true}}, rows)));
}

std::string continuations_section(const Json& report) {
  const Json& continuations = member(report, "continuations");
  std::string articles;
  for (const Json& entry : member(continuations, "of")) {
    const Json& said = member(entry, "text");
    if (!said.is_string()) continue;
    articles += "<article><h3>" + escape(text(entry, "who")) + "</h3><pre dir=\"auto\">" +
                escape(text(entry, "text")) + "</pre></article>\n";
  }
  if (articles.empty()) return "";
  std::string out;
  if (const std::string prompt = text(continuations, "prompt"); !prompt.empty()) {
    out += "<p class=\"caption\">Prompt</p>\n<pre dir=\"auto\">" + escape(prompt) + "</pre>\n";
  }
  return out + "<div class=\"texts\">\n" + articles + "</div>\n";
}

}  // namespace pema::tools::report
