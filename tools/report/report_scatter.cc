#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "pema/error.h"
#include "tools/report/report_charts.h"
#include "tools/report/report_svg.h"
#include "tools/report/report_text.h"

namespace pema::tools::report {
namespace {

constexpr double kRadius = 6;
constexpr double kLargestBytes = 1e15;  // as report_data.h
constexpr double kDodge = 15;           // between points that would cover each other

struct Point {
  double x = 0;
  double y = 0;
  std::string label;
  Box mark;  ///< the circle and its whisker
};

/// The axes: one slot for zero bytes, then decades.
struct Axes {
  double left = 52;
  double right = 0;
  double top = 28;
  double bottom = 0;
  double slot = 0;       ///< width of the slot of the methods that keep nothing per person
  double slot_mark = 0;  ///< where their marks stand
  Scale x;               ///< log10 of bytes
  Scale y;               ///< gain, nats
};

/// A place for one label, and how it hangs there.
struct Spot {
  Box box;
  double x = 0;
  double baseline = 0;
  Anchor anchor = Anchor::kStart;
  std::string label;
};

std::array<Spot, 8> spots(const Point& p, double font) {
  const double w = text_width(p.label, font);
  const double gap = kRadius + 4;
  const auto spot = [&](double dx, double dy, Anchor anchor) {
    const double x = p.x + dx;
    const double baseline = p.y + dy + font * 0.35;
    double x0 = x;
    if (anchor == Anchor::kMiddle) x0 -= w / 2;
    if (anchor == Anchor::kEnd) x0 -= w;
    return Spot{
        {x0, baseline - font * 0.85, x0 + w, baseline + font * 0.25}, x, baseline, anchor, p.label};
  };
  return {spot(gap, 0, Anchor::kStart),       spot(-gap, 0, Anchor::kEnd),
          spot(0, -gap - 6, Anchor::kMiddle), spot(0, gap + 6, Anchor::kMiddle),
          spot(gap, -font, Anchor::kStart),   spot(gap, font, Anchor::kStart),
          spot(-gap, -font, Anchor::kEnd),    spot(-gap, font, Anchor::kEnd)};
}

/// Greedy placement: the first spot inside `frame` that meets no point, whisker or earlier label;
/// where every spot meets something, the one that meets least.
std::vector<Spot> place_labels(const std::vector<Point>& points, const Box& frame, double font) {
  std::vector<Box> taken;
  taken.reserve(2 * points.size());
  for (const Point& p : points) taken.push_back(p.mark);
  std::vector<Spot> placed;
  for (const Point& p : points) {
    Spot best;
    std::int64_t fewest = -1;
    for (const Spot& spot : spots(p, font)) {
      const bool outside = spot.box.x0 < frame.x0 || spot.box.x1 > frame.x1 ||
                           spot.box.y0 < frame.y0 || spot.box.y1 > frame.y1;
      const auto hits = std::count_if(taken.begin(), taken.end(),
                                      [&](const Box& b) { return b.overlaps(spot.box); });
      const std::int64_t cost = hits + (outside ? 100 : 0);
      if (fewest < 0 || cost < fewest) best = spot, fewest = cost;
    }
    taken.push_back(best.box);
    placed.push_back(std::move(best));
  }
  return placed;
}

std::string tooltip(const Method& m) {
  return m.label + ": " + byte_size(*m.bytes) + " per person, gain " + signed_fixed(*m.gain, 3) +
         " nats";
}

std::string describe(const std::vector<Method>& methods) {
  std::string out = "Gain in nats per test token against bytes kept per person.";
  for (const Method& m : methods) out.append(" ").append(tooltip(m)).append(".");
  return out;
}

Axes make_axes(const std::vector<Method>& methods, const Layout& layout, double height) {
  double lo = 0;
  double hi = 0;
  double least = kLargestBytes;
  double most = 1;
  for (const Method& m : methods) {
    lo = std::min({lo, *m.gain, m.gain_low.value_or(0)});
    hi = std::max({hi, *m.gain, m.gain_high.value_or(0)});
    if (*m.bytes <= 0) continue;
    least = std::min(least, *m.bytes);
    most = std::max(most, *m.bytes);
  }
  if (lo == hi) hi = 1;
  const double pad = (hi - lo) * 0.07;
  const double d0 = std::floor(std::log10(std::clamp(least, 1.0, most)));
  const double d1 = std::max(std::ceil(std::log10(most) - 1e-9), d0 + 1);
  Axes axes;
  axes.right = layout.width - 12;
  axes.bottom = height - 48;
  axes.slot = layout.narrow ? 46 : 168;
  axes.slot_mark = axes.left + 23;
  axes.x = {d0, d1, axes.left + axes.slot + (layout.narrow ? 24 : 30), axes.right - 16};
  axes.y = {lo - pad, hi + pad, axes.bottom, axes.top};
  return axes;
}

void draw_axes(Svg& svg, const Axes& axes, bool narrow) {
  const double slot_end = axes.left + axes.slot;
  svg.text(0, 14, "gain over the base model, nats per test token", "muted", Anchor::kStart);
  svg.rect({axes.left, axes.top, slot_end, axes.bottom}, "slot", "");
  svg.y_axis(axes.y, axes.left, axes.right, 6);
  svg.line(axes.left, axes.bottom, slot_end, axes.bottom, "axis");
  svg.line(slot_end + 6, axes.bottom, axes.right, axes.bottom, "axis");
  svg.text(axes.slot_mark, axes.bottom + 17, "0 B", "muted", Anchor::kMiddle);
  const int every = static_cast<int>(std::ceil((axes.x.d1 - axes.x.d0) / (narrow ? 4 : 9)));
  for (int d = static_cast<int>(axes.x.d0); d <= static_cast<int>(axes.x.d1); d += every) {
    svg.line(axes.x(d), axes.top, axes.x(d), axes.bottom, "grid");
    svg.text(axes.x(d), axes.bottom + 17, byte_size(std::pow(10.0, d)), "muted", Anchor::kMiddle);
  }
  svg.text((axes.left + axes.right) / 2, axes.bottom + 38, "bytes kept per person (log scale)",
           "muted", Anchor::kMiddle);
}

/// Positions of the marks; one that would cover an earlier one moves aside.
std::vector<Point> place_points(const std::vector<Method>& methods, const Axes& axes, bool narrow) {
  std::vector<Point> points;
  for (const Method& m : methods) {
    const double home =
        *m.bytes <= 0 ? axes.slot_mark : axes.x(std::log10(std::max(*m.bytes, 1.0)));
    const double y = axes.y(*m.gain);
    Point p{home, y, narrow ? std::to_string(points.size() + 1) : shorten(m.label, 44), {}};
    for (const double step : {0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0}) {
      p.x = home + step * kDodge;
      p.mark = {p.x - kRadius, std::min(y - kRadius, axes.y(m.gain_high.value_or(*m.gain))),
                p.x + kRadius, std::max(y + kRadius, axes.y(m.gain_low.value_or(*m.gain)))};
      if (std::none_of(points.begin(), points.end(),
                       [&](const Point& other) { return other.mark.overlaps(p.mark); })) {
        break;
      }
    }
    points.push_back(std::move(p));
  }
  return points;
}

std::string draw(const std::vector<Method>& methods, const Layout& layout, const std::string& id) {
  const double height = layout.narrow ? 310 : 370;
  const Axes axes = make_axes(methods, layout, height);
  Svg svg(layout, height, {id, "Gain against bytes per person", describe(methods)});
  draw_axes(svg, axes, layout.narrow);
  const std::vector<Point> points = place_points(methods, axes, layout.narrow);
  for (std::size_t i = 0; i < methods.size(); ++i) {
    const Method& m = methods[i];
    if (m.gain_low && m.gain_high && *m.gain_low < *m.gain_high) {
      svg.whisker(points[i].x, axes.y(*m.gain_low), points[i].x, axes.y(*m.gain_high));
    }
    svg.circle(points[i].x, points[i].y, kRadius, m.id == "base" ? "base" : "s1", tooltip(m));
  }
  const Box frame{axes.left, axes.top, layout.width - 2, axes.bottom};
  for (const Spot& spot : place_labels(points, frame, layout.font)) {
    svg.text(spot.x, spot.baseline, spot.label, "ink haloed", spot.anchor);
  }
  return svg.str();
}

}  // namespace

bool has_bytes_and_gain(const Method& method) {
  return method.bytes && *method.bytes >= 0 && method.gain;
}

std::string scatter_chart(const std::vector<Method>& methods) {
  PEMA_ASSERT(!methods.empty());
  PEMA_ASSERT(std::all_of(methods.begin(), methods.end(), has_bytes_and_gain));
  return both_layouts("chart-bytes", [&](const Layout& layout, const std::string& id) {
    return draw(methods, layout, id);
  });
}

}  // namespace pema::tools::report
