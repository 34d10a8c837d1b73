// SPDX-License-Identifier: MIT
// How the HTML report looks.
#pragma once

namespace echoload {

/// Light and dark, and both in contrast enough to be read (4.5 to 1, WCAG AA). Charts are there in
/// two shapes, so that their text keeps its size on a phone; the other one is hidden.
inline constexpr const char* kHtmlStyle = R"(
:root {
  color-scheme: light dark;
  --back: #ffffff; --panel: #f4f6f8; --text: #1b1f24; --soft: #57606a; --rule: #d0d7de;
  --line0: #0550ae; --line1: #b3440c; --line2: #1a7f37;
  --good: #116329; --good-back: #dafbe1; --bad: #a40e26; --bad-back: #ffebe9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0d1117; --panel: #161b22; --text: #e6edf3; --soft: #9aa4af; --rule: #30363d;
    --line0: #6cb6ff; --line1: #f0883e; --line2: #56d364;
    --good: #7ee787; --good-back: #12261e; --bad: #ff9492; --bad-back: #2d1417;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums;
}
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: 0.5rem 0 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; border-bottom: 1px solid var(--rule); }
p { margin: 0.25rem 0; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.verdict { margin: 1rem 0; padding: 0.75rem 1rem; border-left: 0.35rem solid; border-radius: 4px; }
.verdict ul { margin: 0.25rem 0 0; padding-left: 1.25rem; overflow-wrap: anywhere; }
.good { color: var(--good); background: var(--good-back); }
.bad { color: var(--bad); background: var(--bad-back); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 0.5rem; }
.tiles div { background: var(--panel); border-radius: 4px; padding: 0.5rem 0.75rem; }
.tiles dt { color: var(--soft); font-size: 0.85rem; }
.tiles dd { margin: 0; font-size: 1.35rem; }
figure { margin: 1rem 0; }
figcaption { font-weight: 600; }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--soft); }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg .band { fill: var(--bad); opacity: 0.2; }
svg .grid { stroke: var(--rule); stroke-width: 0.6; }
svg .axis { stroke: var(--soft); fill: none; }
svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
svg .bar { fill: none; stroke-width: 1.8; }
.line0 { stroke: var(--line0); }
.line1 { stroke: var(--line1); stroke-dasharray: 6 3; }
.line2 { stroke: var(--line2); stroke-dasharray: 1 3; }
.wide { display: none; }
@media (min-width: 44rem) { .wide { display: block; } .narrow { display: none; } }
.legend { display: flex; flex-wrap: wrap; gap: 0 1.25rem; font-size: 0.9rem; }
.legend svg { display: inline-block; width: 28px; height: 10px; margin-right: 0.4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.95rem; }
caption { text-align: left; font-weight: 600; padding: 0.5rem 0 0.25rem; }
th, td { text-align: right; padding: 0.2rem 0.6rem; overflow-wrap: anywhere; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.text { text-align: left; overflow-wrap: anywhere; }
th { font-weight: 600; overflow-wrap: normal; }
data { white-space: nowrap; }
#latencies td { overflow-wrap: normal; }
@media (max-width: 30rem) {
  #latencies { font-size: 0.8rem; }
  #latencies th, #latencies td { padding: 0.2rem 0.4rem 0.2rem 0; }
}
tbody th { font-weight: 400; color: var(--soft); }
summary { cursor: pointer; padding: 0.25rem 0; }
.columns { columns: 17rem; column-gap: 2rem; }
.columns > div { break-inside: avoid; }
.columns > .list { column-span: all; }
.columns > .list table { font-size: 0.85rem; }
.columns > .list th, .columns > .list td { padding: 0.2rem 0.7rem 0.2rem 0; }
.list td, .list td.text { overflow-wrap: normal; }
.list td:first-child { white-space: nowrap; }
)";

} // namespace echoload
