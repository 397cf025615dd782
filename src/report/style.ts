// The looks of a report: in light and dark, on paper and on a telephone. No character in it is one that HTML escapes, so
// that it goes through the same template as every text (a test holds that); line breaks are made spaces for the same reason.

/** The style sheet. Widths below 45rem show tables as cards. */
export const STYLE: string = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --page: #ffffff; --card: #f6f8fa; --line: #d0d7de;
  --bad: #a40e26; --bad-bg: #ffebe9; --good: #116329; --good-bg: #dafbe1; --unknown: #7d4e00; --unknown-bg: #fff8c5; --link: #0550ae; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b3; --page: #0d1117; --card: #161b22;
  --line: #3d444d; --bad: #ff8182; --bad-bg: #3c1618; --good: #56d364; --good-bg: #12301b; --unknown: #e3b341;
  --unknown-bg: #33280a; --link: #79c0ff; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 80rem; padding: 1.5rem; color: var(--ink); background: var(--page);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; margin: 0 0 0.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 0.6rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line); }
h3, caption { font-size: 0.95rem; font-weight: 600; margin: 1rem 0 0.4rem; text-align: start; }
p, td, li, dd, h1, figcaption { unicode-bidi: isolate; }
p { max-width: 60rem; }
.summary { font-size: 1.1rem; }
.soft, footer { color: var(--soft); }
footer { margin-top: 3rem; padding-top: 0.8rem; border-top: 1px solid var(--line); font-size: 0.85rem; }
nav { font-size: 0.9rem; margin: 1rem 0; }
nav a { color: var(--link); margin-inline-end: 0.9rem; white-space: nowrap; }
code { font: 0.88em/1.45 ui-monospace, Menlo, Consolas, monospace; background: var(--card); border-radius: 3px;
  padding: 0.05em 0.25em; overflow-wrap: anywhere; white-space: pre-wrap; unicode-bidi: isolate; direction: ltr; }
table { border-collapse: collapse; width: 100%; margin: 0.8rem 0; font-size: 0.9rem; }
caption { caption-side: top; }
th, td { text-align: start; vertical-align: top; padding: 0.35rem 0.6rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); white-space: nowrap; }
td { overflow-wrap: anywhere; }
.number { text-align: end; white-space: nowrap; font-variant-numeric: tabular-nums; }
.word { white-space: nowrap; }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.hash { min-width: 13rem; }
td.hash { font-size: 0.85em; }
.path { min-width: 12rem; }
dl { display: grid; grid-template-columns: minmax(9rem, 15rem) 1fr; gap: 0.3rem 1rem; margin: 0.8rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.notice { border: 1px solid var(--line); border-inline-start-width: 5px; border-radius: 4px; padding: 0.55rem 0.8rem;
  margin: 0.8rem 0; max-width: none; overflow-wrap: anywhere; }
.notice.bad { border-color: var(--bad); background: var(--bad-bg); }
.notice.good { border-color: var(--good); background: var(--good-bg); }
.notice.unknown { border-color: var(--unknown); background: var(--unknown-bg); }
.notice code { background: transparent; }
.missing { border: 2px dashed var(--unknown); border-radius: 4px; padding: 0.55rem 0.8rem; margin: 0.8rem 0; }
.missing ul { margin: 0.3rem 0 0; padding-inline-start: 1.2rem; }
.tag { font-weight: 600; border: 1px solid currentColor; border-radius: 3px; padding: 0 0.35em; white-space: nowrap; }
.tag.bad { color: var(--bad); }
.tag.good { color: var(--good); }
.tag.unknown { color: var(--unknown); }
ul.tree, ul.tree ul { list-style: none; margin: 0; padding: 0; font-size: 0.92rem; }
ul.tree ul { padding-inline-start: 0.7rem; margin-inline-start: 0.5rem; border-inline-start: 1px solid var(--line); }
ul.tree li { padding: 0.15rem 0 0.15rem 0.3rem; }
ul.tree .line { padding: 0.1rem 0.3rem; overflow-wrap: anywhere; }
ul.tree .marked { background: var(--bad-bg); border-inline-start: 4px solid var(--bad); }
figure { margin: 1rem 0; overflow-x: auto; }
figcaption { font-weight: 600; }
svg { display: block; width: 100%; min-width: 44rem; max-width: 70rem; height: auto; font: 13px system-ui, sans-serif; }
svg text { fill: var(--ink); unicode-bidi: isolate; }
svg .box { fill: var(--card); stroke: var(--ink); stroke-width: 1.5; }
svg .peer { fill: var(--card); stroke: var(--line); }
svg .way { stroke-width: 2; fill: none; }
svg .open { stroke: var(--bad); }
svg .cut { stroke: var(--good); stroke-dasharray: 3 4; }
svg .denied { stroke: var(--unknown); stroke-dasharray: 9 4; }
svg .tip { stroke: none; }
svg .tip.open { fill: var(--bad); }
svg .word { font-weight: 600; paint-order: stroke; stroke: var(--page); stroke-width: 5px; }
@media screen and (max-width: 45rem) {
  body { padding: 0.9rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 0.5rem; }
  table, tbody, tr, td, caption { display: block; }
  thead { display: none; }
  tr { border: 1px solid var(--line); border-radius: 4px; margin: 0.5rem 0; padding: 0.2rem 0; }
  td { border: 0; padding: 0.15rem 0.6rem; text-align: start; }
  td::before { content: attr(data-label); display: inline-block; min-width: 8.5rem; padding-inline-end: 0.5rem; color: var(--soft); font-size: 0.85rem; }
  td:empty { display: none; }
  .hash, .path { min-width: 0; }
  .word, .number, .time { white-space: normal; text-align: start; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  figure, .notice, .missing, tr { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  thead { display: table-header-group; }
  svg { min-width: 0; }
}
`
  .replaceAll(/\s+/g, ' ')
  .trim();
