#include <algorithm>
#include <string>

#include "pema/error.h"
#include "tools/report/report_charts.h"
#include "tools/report/report_svg.h"
#include "tools/report/report_text.h"

namespace pema::tools::report {
namespace {

constexpr int kKeyShown = 4;  // enough to find the row of the table

std::string describe(const std::vector<Person>& people) {
  std::string out = "Gain over the base model for " + std::to_string(people.size()) +
                    (people.size() == 1 ? " person." : " people, largest first.");
  const auto extremes = [&](const char* what, Number (Person::*gain)() const) {
    Number low;
    Number high;
    for (const Person& p : people) {
      const Number g = (p.*gain)();
      if (!g) continue;
      low = std::min(low.value_or(*g), *g);
      high = std::max(high.value_or(*g), *g);
    }
    if (!low) return;
    out += std::string(" ") + what + ": from " + signed_fixed(*low, 3) + " to " +
           signed_fixed(*high, 3) + " nats.";
  };
  extremes("Masks", &Person::masks_gain);
  extremes("Masks and memory", &Person::memory_gain);
  return out;
}

void draw_legend(Svg& svg, double x, double y, bool masks, bool memory) {
  if (masks) {
    svg.rect({x, y - 9, x + 10, y + 1}, "s1", "");
    svg.text(x + 16, y, "masks", "ink", Anchor::kStart);
    x += 84;
  }
  if (memory) {
    svg.diamond(x + 5, y - 4, 5.5, "s2", "");
    svg.text(x + 16, y, "masks + memory", "ink", Anchor::kStart);
  }
}

std::string draw(const std::vector<Person>& people, const Layout& layout, const std::string& id) {
  double lo = 0;
  double hi = 0;
  bool any_masks = false;
  bool any_memory = false;
  for (const Person& p : people) {
    lo = std::min({lo, p.masks_gain().value_or(0), p.memory_gain().value_or(0)});
    hi = std::max({hi, p.masks_gain().value_or(0), p.memory_gain().value_or(0)});
    any_masks = any_masks || p.masks_gain().has_value();
    any_memory = any_memory || p.memory_gain().has_value();
  }
  if (lo == hi) hi = 1;
  const double pad = (hi - lo) * 0.05;
  if (hi > 0) hi += pad;
  if (lo < 0) lo -= pad;

  const double height = layout.narrow ? 290 : 320;
  const double left = 52;
  const double right = layout.width - 12;
  const double top = 58;
  const double step = (right - left) / static_cast<double>(people.size());
  const bool named = step >= layout.font * 0.62 * kKeyShown + 3;
  const double bottom = height - (named ? 48 : 32);
  const double bar = std::min(22.0, step * 0.62);
  const double mark = std::clamp(step * 0.5, 1.8, 6.0);
  const Scale y{lo, hi, bottom, top};
  Svg svg(layout, height, {id, "Gain of each person", describe(people)});
  svg.text(0, 14, "gain over the base model, nats per test token", "muted", Anchor::kStart);
  draw_legend(svg, left, 38, any_masks, any_memory);
  svg.y_axis(y, left, right, 6);
  double x = left + step / 2;
  for (const Person& p : people) {
    const Number masks = p.masks_gain();
    const Number memory = p.memory_gain();
    std::string tip = "person " + shorten(p.key, 16);
    if (masks) tip += "; masks " + signed_fixed(*masks, 3);
    if (memory) tip += "; masks and memory " + signed_fixed(*memory, 3);
    if (masks) svg.rect({x - bar / 2, y(0), x + bar / 2, y(*masks)}, "s1", tip);
    if (memory) {
      svg.line(x, y(masks.value_or(0)), x, y(*memory), "stem");
      svg.diamond(x, y(*memory), mark, "s2", tip);
    }
    if (named) svg.text(x, bottom + 17, prefix(p.key, kKeyShown), "muted mono", Anchor::kMiddle);
    x += step;
  }
  svg.line(left, y(0), right, y(0), "zero");
  const std::string axis =
      named ? "person (start of the key), by falling gain of the masks"
            : std::to_string(people.size()) + " people, by falling gain of the masks";
  svg.text((left + right) / 2, height - 10, axis, "muted", Anchor::kMiddle);
  return svg.str();
}

}  // namespace

std::string people_chart(const std::vector<Person>& people) {
  PEMA_ASSERT(!people.empty());
  return both_layouts("chart-people", [&](const Layout& layout, const std::string& id) {
    return draw(people, layout, id);
  });
}

}  // namespace pema::tools::report
