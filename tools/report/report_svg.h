/// A small writer of inline SVG, with the axes that the report's charts share.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pema::tools::report {

/// Where a text's x coordinate lies in it.
enum class Anchor : std::uint8_t { kStart, kMiddle, kEnd };

/// The two drawings of a chart: one for a page column, one for a phone. CSS shows one of them.
struct Layout {
  bool narrow = false;
  double width = 720;  ///< user units; about CSS pixels
  double font = 13;    ///< text size, user units
};

/// What a screen reader says of a chart.
struct ChartText {
  std::string id;           ///< unique in the page, ASCII
  std::string title;        ///< plain text, one line
  std::string description;  ///< plain text: what the chart shows, with its main figures
};

/// A box in user units.
struct Box {
  double x0 = 0;
  double y0 = 0;
  double x1 = 0;
  double y1 = 0;
  /// Whether the two boxes share an area.
  [[nodiscard]] bool overlaps(const Box& other) const;
};

/// A linear map from data [d0, d1] to user units [r0, r1].
struct Scale {
  double d0 = 0;
  double d1 = 1;
  double r0 = 0;
  double r1 = 1;
  /// The position of `value`; r0 where the domain is empty.
  [[nodiscard]] double operator()(double value) const;
};

/// Round tick values (1, 2 or 5 times a power of ten) inside [lo, hi], about `target` of them.
[[nodiscard]] std::vector<double> ticks(double lo, double hi, int target);

/// Decimals that tell the ticks of `ticks(lo, hi, target)` apart.
[[nodiscard]] int tick_digits(const std::vector<double>& values);

/// An estimate of a text's width at a font size, in user units (sans-serif, on the wide side).
[[nodiscard]] double text_width(std::string_view text, double font);

/// One SVG element under construction. Every string argument is plain text and is escaped here;
/// `css` names classes of report_style.cc. A tooltip of "" writes none. Thread-safety: none.
class Svg {
 public:
  /// Starts a drawing of layout.width by `height` user units.
  Svg(const Layout& layout, double height, const ChartText& text);

  /// Writes text with its baseline at y.
  void text(double x, double y, std::string_view content, std::string_view css, Anchor anchor);
  /// Draws a straight line.
  void line(double x0, double y0, double x1, double y1, std::string_view css);
  /// Draws a rectangle between two corners, in any order.
  void rect(const Box& box, std::string_view css, std::string_view tooltip);
  /// Draws a circle.
  void circle(double x, double y, double radius, std::string_view css, std::string_view tooltip);
  /// Draws a square standing on a corner, `radius` from centre to corner.
  void diamond(double x, double y, double radius, std::string_view css, std::string_view tooltip);
  /// Draws a line through points (x, y).
  void polyline(const std::vector<std::pair<double, double>>& points, std::string_view css);
  /// Draws an interval bar with end caps; vertical where x0 == x1, else horizontal.
  void whisker(double x0, double y0, double x1, double y1);
  /// Draws horizontal grid lines over [left, right] with tick labels to the left.
  void y_axis(const Scale& scale, double left, double right, int target);

  /// The finished element.
  [[nodiscard]] std::string str() const { return out_ + "</svg>\n"; }

 private:
  void close(std::string_view tag, std::string_view tooltip);
  double font_;
  std::string out_;
};

/// Both layouts of one chart. `draw` gets a layout and an id that is unique in the page.
[[nodiscard]] std::string both_layouts(
    const std::string& id,
    const std::function<std::string(const Layout&, const std::string&)>& draw);

}  // namespace pema::tools::report
