#include "tools/report/report_svg.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/report/report_text.h"

namespace pema::tools::report {
namespace {

std::string attribute(std::string_view name, double value) {
  std::string out(1, ' ');
  return out.append(name).append("=\"").append(coordinate(value)).append("\"");
}

std::string css_class(std::string_view css) {
  return std::string(" class=\"").append(css).append("\"");
}

}  // namespace

bool Box::overlaps(const Box& other) const {
  return x0 < other.x1 && other.x0 < x1 && y0 < other.y1 && other.y0 < y1;
}

double Scale::operator()(double value) const {
  return d1 == d0 ? r0 : r0 + (value - d0) / (d1 - d0) * (r1 - r0);
}

std::vector<double> ticks(double lo, double hi, int target) {
  if (!(hi > lo)) return {lo};
  const double raw = (hi - lo) / std::max(target, 1);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= raw * 0.999) step = factor * power;
  }
  std::vector<double> values;
  const double first = std::ceil(lo / step - 1e-9);
  for (int i = 0; i < 64; ++i) {
    const double value = (first + i) * step;
    if (value > hi + step * 1e-9) break;
    values.push_back(std::abs(value) < step * 1e-6 ? 0.0 : value);
  }
  return values;
}

int tick_digits(const std::vector<double>& values) {
  if (values.size() < 2) return 2;
  const double step = values[1] - values[0];
  return std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
}

double text_width(std::string_view text, double font) {
  return 0.56 * font * static_cast<double>(code_points(text));
}

Svg::Svg(const Layout& layout, double height, const ChartText& text) : font_(layout.font) {
  out_ = "<svg" + css_class(layout.narrow ? "chart narrow" : "chart wide") + " viewBox=\"0 0 " +
         coordinate(layout.width) + " " + coordinate(height) + "\"" +
         attribute("width", layout.width) + attribute("height", height) +
         attribute("font-size", layout.font) + " role=\"img\" aria-labelledby=\"" + text.id +
         "-t " + text.id + "-d\">\n<title id=\"" + text.id + "-t\">" + escape(text.title) +
         "</title>\n<desc id=\"" + text.id + "-d\">" + escape(text.description) + "</desc>\n";
}

void Svg::close(std::string_view tag, std::string_view tooltip) {
  if (tooltip.empty()) {
    out_ += "/>\n";
    return;
  }
  out_ += "><title>" + escape(tooltip) + "</title></" + std::string(tag) + ">\n";
}

void Svg::text(double x, double y, std::string_view content, std::string_view css, Anchor anchor) {
  const char* place = anchor == Anchor::kStart ? "start" : "end";
  if (anchor == Anchor::kMiddle) place = "middle";
  out_ += "<text" + css_class(css) + attribute("x", x) + attribute("y", y) + " text-anchor=\"" +
          place + "\">" + escape(content) + "</text>\n";
}

void Svg::line(double x0, double y0, double x1, double y1, std::string_view css) {
  out_ += "<line" + css_class(css) + attribute("x1", x0) + attribute("y1", y0) +
          attribute("x2", x1) + attribute("y2", y1);
  close("line", "");
}

void Svg::rect(const Box& box, std::string_view css, std::string_view tooltip) {
  out_ += "<rect" + css_class(css) + attribute("x", std::min(box.x0, box.x1)) +
          attribute("y", std::min(box.y0, box.y1)) + attribute("width", std::abs(box.x1 - box.x0)) +
          attribute("height", std::abs(box.y1 - box.y0));
  close("rect", tooltip);
}

void Svg::circle(double x, double y, double radius, std::string_view css,
                 std::string_view tooltip) {
  out_ +=
      "<circle" + css_class(css) + attribute("cx", x) + attribute("cy", y) + attribute("r", radius);
  close("circle", tooltip);
}

void Svg::diamond(double x, double y, double radius, std::string_view css,
                  std::string_view tooltip) {
  const auto corner = [&](double dx, double dy) {
    return coordinate(x + dx * radius) + "," + coordinate(y + dy * radius);
  };
  out_ += "<polygon" + css_class(css) + " points=\"" + corner(0, -1) + " " + corner(1, 0) + " " +
          corner(0, 1) + " " + corner(-1, 0) + "\"";
  close("polygon", tooltip);
}

void Svg::polyline(const std::vector<std::pair<double, double>>& points, std::string_view css) {
  out_ += "<polyline" + css_class(css) + " points=\"";
  for (const auto& [x, y] : points) out_ += coordinate(x) + "," + coordinate(y) + " ";
  out_ += "\"";
  close("polyline", "");
}

void Svg::whisker(double x0, double y0, double x1, double y1) {
  constexpr double kCap = 4;
  const double dx = x0 == x1 ? kCap : 0;
  const double dy = x0 == x1 ? 0 : kCap;
  // The halo keeps the bar visible on top of a filled mark.
  for (const char* css : {"halo", "whisker"}) {
    line(x0, y0, x1, y1, css);
    line(x0 - dx, y0 - dy, x0 + dx, y0 + dy, css);
    line(x1 - dx, y1 - dy, x1 + dx, y1 + dy, css);
  }
}

void Svg::y_axis(const Scale& scale, double left, double right, int target) {
  const std::vector<double> values = ticks(scale.d0, scale.d1, target);
  const int digits = tick_digits(values);
  for (const double value : values) {
    const double y = scale(value);
    line(left, y, right, y, value == 0 ? "axis" : "grid");
    text(left - 8, y + font_ * 0.35, fixed(value, digits), "muted", Anchor::kEnd);
  }
}

std::string both_layouts(
    const std::string& id,
    const std::function<std::string(const Layout&, const std::string&)>& draw) {
  return draw(Layout{}, id + "-wide") + draw(Layout{true, 350, 12}, id + "-narrow");
}

}  // namespace pema::tools::report
