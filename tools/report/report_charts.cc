#include "tools/report/report_charts.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "pema/error.h"
#include "tools/report/report_svg.h"
#include "tools/report/report_text.h"

namespace pema::tools::report {
namespace {

constexpr int kLabelLimit = 46;
constexpr int kNatDigits = 3;  // a thousandth of a nat is below the seed-to-seed spread

std::string methods_description(const std::vector<Method>& methods) {
  std::string out = "Mean negative log-likelihood per test token in nats, lower is better.";
  for (const Method& m : methods) out += " " + m.label + ": " + fixed(*m.nll, kNatDigits) + ".";
  return out;
}

/// The two ends of a method's gain interval, on the NLL axis; nothing where there is no interval.
std::optional<std::pair<double, double>> nll_interval(const Method& m) {
  if (!m.gain || !m.gain_low || !m.gain_high || *m.gain_low == *m.gain_high) return std::nullopt;
  return std::pair(*m.nll - (*m.gain_high - *m.gain), *m.nll + (*m.gain - *m.gain_low));
}

/// Width of the column of labels to the left of the bars.
double label_room(const std::vector<Method>& methods, double font) {
  double widest = 0;
  for (const Method& m : methods) {
    widest = std::max(widest, text_width(shorten(m.label, kLabelLimit), font));
  }
  return std::max(widest, 80.0) + 16;
}

std::string draw_methods(const std::vector<Method>& methods, const Layout& layout,
                         const std::string& id) {
  double lowest = 0;
  double highest = 0;
  for (const Method& m : methods) {
    const auto ends = nll_interval(m).value_or(std::pair(*m.nll, *m.nll));
    lowest = std::min({lowest, *m.nll, ends.first});
    highest = std::max({highest, *m.nll, ends.second});
  }
  if (lowest == highest) highest = 1;
  const double row = layout.narrow ? 44 : 30;
  const double left = layout.narrow ? 4 : label_room(methods, layout.font);
  const double top = 8;
  const double bottom = top + row * static_cast<double>(methods.size());
  const Scale x{lowest, highest, left, layout.width - 60};
  Svg svg(layout, bottom + 44, {id, "Loss by method", methods_description(methods)});

  const std::vector<double> marks = ticks(lowest, highest, layout.narrow ? 4 : 6);
  for (const double mark : marks) {
    svg.line(x(mark), top, x(mark), bottom, mark == 0 ? "axis" : "grid");
    svg.text(x(mark), bottom + 16, fixed(mark, tick_digits(marks)), "muted", Anchor::kMiddle);
  }
  svg.text(left, bottom + 36, "mean NLL per test token, nats (lower is better)", "muted",
           Anchor::kStart);
  if (const Method* base = find_method(methods, "base"); base != nullptr && methods.size() > 1) {
    svg.line(x(*base->nll), top, x(*base->nll), bottom, "dashed");
  }
  double y = top;
  for (const Method& m : methods) {
    const double bar_top = y + (layout.narrow ? 20 : 6);
    const double middle = bar_top + 9;
    const std::string value = fixed(*m.nll, kNatDigits);
    if (layout.narrow) {
      svg.text(left, y + 15, shorten(m.label, kLabelLimit), "ink", Anchor::kStart);
    } else {
      svg.text(left - 10, middle + 4.5, shorten(m.label, kLabelLimit), "ink", Anchor::kEnd);
    }
    svg.rect({x(0), bar_top, x(*m.nll), bar_top + 18}, m.id == "base" ? "base" : "s1",
             m.label + ": " + value + " nats");
    double end = std::max(x(*m.nll), x(0));
    if (const auto ends = nll_interval(m)) {
      svg.whisker(x(ends->first), middle, x(ends->second), middle);
      end = std::max(end, x(ends->second));
    }
    svg.text(end + 8, middle + 4.5, value, "ink strong haloed", Anchor::kStart);
    y += row;
  }
  return svg.str();
}

std::string draw_lambda(const std::vector<LambdaPoint>& points, const Layout& layout,
                        const std::string& id) {
  const auto [least, most] =
      std::minmax_element(points.begin(), points.end(),
                          [](const LambdaPoint& a, const LambdaPoint& b) { return a.nll < b.nll; });
  double lo = least->nll;
  double hi = most->nll;
  const double spread = hi > lo ? hi - lo : 0.1;
  hi += spread * 0.06;
  lo -= spread * 0.28;  // room for the label below the minimum
  const double height = layout.narrow ? 250 : 290;
  const double left = 52;
  const double right = layout.width - 20;
  const double top = 30;
  const double bottom = height - 46;
  const double first = std::min(0.0, points.front().lambda);
  const Scale x{first, std::max({1.0, points.back().lambda, first + 1e-9}), left + 8, right};
  const Scale y{lo, hi, bottom, top};
  const std::string best =
      fixed(least->nll, kNatDigits) + " at \xCE\xBB = " + trimmed(least->lambda, 3);
  Svg svg(
      layout, height,
      {id, "Loss against a constant lambda",
       "Mean negative log-likelihood per test token for " + std::to_string(points.size()) +
           " values of lambda, the weight of the personal distribution. Minimum " + best +
           ". At lambda " + trimmed(points.front().lambda, 3) + ": " +
           fixed(points.front().nll, kNatDigits) + "; at lambda " +
           trimmed(points.back().lambda, 3) + ": " + fixed(points.back().nll, kNatDigits) + "."});
  svg.text(0, 14, "mean NLL per test token, nats", "muted", Anchor::kStart);
  svg.y_axis(y, left, right, 5);
  svg.line(left, bottom, right, bottom, "axis");
  const std::vector<double> marks = ticks(x.d0, x.d1, layout.narrow ? 5 : 10);
  for (const double mark : marks) {
    svg.line(x(mark), bottom, x(mark), bottom + 4, "axis");
    svg.text(x(mark), bottom + 18, fixed(mark, tick_digits(marks)), "muted", Anchor::kMiddle);
  }
  svg.text((left + right) / 2, bottom + 38, "\xCE\xBB, weight of the personal distribution",
           "muted", Anchor::kMiddle);
  std::vector<std::pair<double, double>> path;
  path.reserve(points.size());
  for (const LambdaPoint& p : points) path.emplace_back(x(p.lambda), y(p.nll));
  svg.line(x(least->lambda), y(least->nll), x(least->lambda), bottom, "dashed");
  svg.polyline(path, "l1");
  for (const LambdaPoint& p : points) {
    svg.circle(x(p.lambda), y(p.nll), 3, "s1",
               "\xCE\xBB = " + trimmed(p.lambda, 3) + ": " + fixed(p.nll, kNatDigits) + " nats");
  }
  svg.circle(x(least->lambda), y(least->nll), 7, "ring", "minimum " + best);
  const std::string label = "minimum " + best;
  const double half = text_width(label, layout.font) / 2;
  const double at = std::clamp(x(least->lambda), left + 8 + half, right - half);
  svg.text(at, std::min(y(least->nll) + 26, bottom - 8), label, "ink strong haloed",
           Anchor::kMiddle);
  return svg.str();
}

}  // namespace

std::string methods_chart(const std::vector<Method>& methods) {
  PEMA_ASSERT(!methods.empty());
  return both_layouts("chart-methods", [&](const Layout& layout, const std::string& id) {
    return draw_methods(methods, layout, id);
  });
}

std::string lambda_chart(const std::vector<LambdaPoint>& points) {
  PEMA_ASSERT(!points.empty());
  return both_layouts("chart-lambda", [&](const Layout& layout, const std::string& id) {
    return draw_lambda(points, layout, id);
  });
}

}  // namespace pema::tools::report
