#include "tools/report/report_style.h"

namespace pema::tools::report {

// Series colours are a blue and an orange that stay apart under every common colour blindness, and
// differ in shape as well.
std::string_view style_sheet() {
  return R"css(
:root {
  color-scheme: light dark;
  --bg: #ffffff; --panel: #f5f6f8; --ink: #1a1e23; --muted: #59626c; --rule: #d3d8de;
  --grid: #e6e9ed; --axis: #7d8792; --s1: #0b69a3; --s2: #b5500b; --base: #78828d; --link: #0b5d91;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #14181d; --panel: #1d232a; --ink: #e7eaee; --muted: #a7b0ba; --rule: #3a434d;
    --grid: #2a3138; --axis: #87919c; --s1: #57a9e2; --s2: #f0a050; --base: #8d97a2; --link: #7cbdf0;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--bg); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
header, main, footer { max-width: 48rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.25rem; }
footer { padding-top: 1rem; padding-bottom: 3rem; color: var(--muted); font-size: .875rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .5rem; }
section { margin: 2.5rem 0 0; padding-top: 1.25rem; border-top: 1px solid var(--rule); }
p { margin: .5rem 0; }
a { color: var(--link); }
.byline, figcaption, .caption { color: var(--muted); font-size: .9rem; }
.headline { font-size: 1.15rem; line-height: 1.5; margin: 1.25rem 0 0; }
.note { border-left: 4px solid var(--s2); background: var(--panel); padding: .6rem .9rem; margin: 1.25rem 0 0; }
.mono, code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code, .mono { font-size: .875em; }
code { overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .75rem .9rem; background: var(--panel); border: 1px solid var(--rule);
  border-radius: 4px; font-size: .84rem; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
figcaption { margin-top: .5rem; }
dl.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1px;
  margin: 1.25rem 0 0; background: var(--rule); border: 1px solid var(--rule); }
dl.figures div { background: var(--bg); padding: .7rem .9rem; }
dl.figures dt { color: var(--muted); font-size: .84rem; line-height: 1.35; }
dl.figures dd { margin: .15rem 0 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
dl.figures dd small { font-size: .84rem; color: var(--muted); }
dl.facts { display: grid; grid-template-columns: minmax(8rem, 11rem) 1fr; margin: 1rem 0; }
dl.facts dt, dl.facts dd { margin: 0; padding: .4rem 0; border-bottom: 1px solid var(--grid); }
dl.facts dt { color: var(--muted); padding-right: 1rem; }
dl.facts dd { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .75rem 0; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; line-height: 1.4; }
caption { text-align: left; color: var(--muted); padding-bottom: .35rem; }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
thead th { border-bottom: 1px solid var(--axis); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 400; min-width: 8.5rem; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
thead th.n { white-space: normal; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--link); font-size: .9rem; padding: .25rem 0; }
ol.key { margin: .5rem 0; padding-left: 1.6rem; font-size: .9rem; }
.texts { display: grid; grid-template-columns: repeat(auto-fit, minmax(13.5rem, 1fr)); gap: 1rem; margin: 1rem 0; }
.texts article { min-width: 0; }
.texts h3 { font-size: .9rem; margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.texts pre { min-height: 4rem; }
svg.chart { display: block; width: 100%; height: auto; overflow: visible; font-family: inherit; }
svg.wide { max-width: 720px; }
svg.narrow, ol.key { display: none; }
svg text.ink { fill: var(--ink); }
svg text.muted { fill: var(--muted); }
svg text.strong { font-weight: 600; }
svg text.mono { font-size: .9em; }
svg text.haloed { paint-order: stroke; stroke: var(--bg); stroke-width: 4px; stroke-linejoin: round; }
svg .grid { stroke: var(--grid); }
svg .axis { stroke: var(--axis); }
svg .zero { stroke: var(--ink); stroke-width: 1.5; }
svg .dashed { stroke: var(--ink); stroke-dasharray: 4 4; opacity: .75; }
svg .stem { stroke: var(--axis); stroke-dasharray: 2 2; }
svg .slot { fill: var(--panel); }
svg .s1 { fill: var(--s1); }
svg .s2 { fill: var(--s2); stroke: var(--bg); }
svg .base { fill: var(--base); }
svg .l1 { fill: none; stroke: var(--s1); stroke-width: 2; }
svg .ring { fill: none; stroke: var(--ink); stroke-width: 1.5; }
svg .whisker { stroke: var(--ink); stroke-width: 1.5; }
svg .halo { stroke: var(--bg); stroke-width: 4; }
@media screen and (max-width: 620px) {
  svg.wide { display: none; }
  svg.narrow { display: block; max-width: 440px; }
  ol.key { display: block; }
  dl.facts { grid-template-columns: 1fr; }
  dl.facts dt { border-bottom: 0; padding-bottom: 0; }
  dl.facts dd { padding-top: 0; }
  dl.figures { grid-template-columns: 1fr 1fr; }
  table { font-size: .8rem; }
  th, td { padding-right: .45rem; }
  tbody th { min-width: 5.5rem; }
  td.n { white-space: normal; }
}
@media print {
  :root { --bg: #ffffff; --panel: #f5f6f8; --ink: #000000; --muted: #444b53; --rule: #c4cad1; --grid: #dde1e6;
    --axis: #7d8792; --s1: #0b69a3; --s2: #b5500b; --base: #78828d; --link: #000000; }
  body { font-size: 10.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  header, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  svg.chart, .texts article, tr, pre, dl.figures { break-inside: avoid; }
  h2, summary { break-after: avoid; }
  section { margin-top: 1.5rem; padding-top: .75rem; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .scroll { overflow: visible; }
}
)css";
}

}  // namespace pema::tools::report
