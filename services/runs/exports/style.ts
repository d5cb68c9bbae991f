/**
 * How an HTML report looks: light and dark, on a phone and on paper. No class is named by what users write, and nothing is fetched.
 * Names of states are those of runs and flows; `success`, `fail`, `error` stand for 成功, 失败, 错误 too.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --line: #dfe3e8; --text: #1c2128; --soft: #59636e; --sunk: #f3f5f7;
  --success: #17743a; --fail: #c2202c; --error: #a84300; --running: #0b5cad; --cancelled: #59636e;
  --success-bg: #e3f5e9; --fail-bg: #fdebec; --error-bg: #fdeedd; --running-bg: #e3f0fc; --cancelled-bg: #eceff2;
  --mark: #ffe58a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1116; --card: #161b22; --line: #30363d; --text: #e2e8ee; --soft: #98a3af; --sunk: #0f141a;
    --success: #5bd487; --fail: #ff8b87; --error: #ffab5e; --running: #7cbcff; --cancelled: #98a3af;
    --success-bg: #12301d; --fail-bg: #3a1719; --error-bg: #37240f; --running-bg: #11294a; --cancelled-bg: #262c34;
    --mark: #5c4a00;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--text);
  font: .9375rem/1.55 system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif;
  overflow-wrap: anywhere;
}
h1, h2, h4, p, dl, dd, ol, pre { margin: 0; }
h1 { font-size: 1.6rem; line-height: 1.3; unicode-bidi: isolate; }
h2 { font-size: 1.15rem; margin: 2rem 0 .75rem; }
h4 { font-size: .8rem; font-weight: 600; color: var(--soft); margin: .5rem 0 .25rem; }
ol { list-style: none; padding: 0; }
a { color: var(--running); }
pre, code { font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre {
  background: var(--sunk); border: 1px solid var(--line); border-radius: 6px; padding: .5rem .65rem;
  white-space: pre-wrap; unicode-bidi: isolate; overflow: auto; max-height: 30rem;
}
summary { cursor: pointer; }
.success { --of: var(--success); --of-bg: var(--success-bg); }
.fail { --of: var(--fail); --of-bg: var(--fail-bg); }
.error { --of: var(--error); --of-bg: var(--error-bg); }
.running { --of: var(--running); --of-bg: var(--running-bg); }
.cancelled { --of: var(--cancelled); --of-bg: var(--cancelled-bg); }
.badge {
  flex: none; align-self: start; padding: .05rem .5rem; border-radius: 99px; font-size: .8rem; font-weight: 600; line-height: 1.5; white-space: nowrap;
  color: var(--of); background: var(--of-bg);
}
.soft { color: var(--soft); }
.name { font-weight: 600; unicode-bidi: isolate; }

.head { background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--of); border-radius: 10px; padding: 1.1rem 1.25rem 1.25rem; }
.head .title { display: flex; gap: .75rem; align-items: center; flex-wrap: wrap; }
.head .badge { align-self: center; font-size: 1rem; padding: .15rem .8rem; }
.note { margin-top: .75rem; padding: .5rem .75rem; border-radius: 6px; color: var(--of); background: var(--of-bg); white-space: pre-line; }
:where(.tiles div) { --of: var(--text); }
.tiles { display: grid; grid-template-columns: repeat(5, 1fr); gap: .5rem; margin-top: 1rem; }
.tiles div { background: var(--sunk); border-radius: 8px; padding: .45rem .75rem; }
.tiles dt { font-size: .8rem; color: var(--soft); }
.tiles dd { font-size: 1.35rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; color: var(--of); }
.tiles .none dd { color: var(--soft); font-weight: 400; }
.bar { display: block; width: 100%; height: 8px; margin-top: .75rem; border-radius: 4px; background: var(--sunk); }
.bar rect { fill: var(--of); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .5rem 1.5rem; margin-top: 1rem; }
.facts .wide { grid-column: span 2; }
.facts dt { font-size: .8rem; color: var(--soft); }
.facts dd { unicode-bidi: isolate; white-space: pre-wrap; }

.case, .scene { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.case + .case, .scene + .scene { margin-top: .5rem; }
.case { content-visibility: auto; contain-intrinsic-size: auto 5rem; }
.wrong > .case { border-left: 4px solid var(--of); }
.case:target { outline: 3px solid var(--running); }
.case > summary, .row {
  display: grid; grid-template-columns: auto minmax(8rem, 1fr) minmax(0, 1.6fr) 3rem 4.5rem; gap: .1rem .75rem; align-items: baseline;
  padding: .45rem .75rem;
}
.case > summary { list-style: none; }
.case > summary::-webkit-details-marker { display: none; }
.case > summary:hover, .row:hover { background: var(--sunk); border-radius: 8px; }
.where { display: block; font-size: .85rem; unicode-bidi: isolate; }
.call { font-size: .8125rem; color: var(--soft); unicode-bidi: isolate; word-break: break-all; }
.call b { color: var(--text); font-weight: 600; }
.number { text-align: right; font-size: .8125rem; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.reason { grid-column: 2 / -1; color: var(--of); unicode-bidi: isolate; }
.in { padding: .25rem .75rem .75rem; }
.in > details { border-top: 1px solid var(--line); margin-top: .6rem; padding-top: .45rem; }
.in > details > summary { font-weight: 600; font-size: .9rem; }
.row { color: inherit; text-decoration: none; }

.assertion { margin-top: .5rem; display: grid; grid-template-columns: 1fr 1fr; gap: .1rem .75rem; border-left: 3px solid var(--of); padding-left: .65rem; }
.assertion > p { grid-column: 1 / -1; font-size: .9rem; }
.assertion h4 { margin-top: .2rem; }
.assertion pre { height: calc(100% - 1.9rem); }
mark { background: var(--mark); color: inherit; border-radius: 2px; }

.scene > summary { display: grid; grid-template-columns: auto auto 1fr auto; gap: .1rem .75rem; align-items: baseline; padding: .55rem .75rem; }
.scene > summary::before { content: "▸"; color: var(--soft); width: 1em; }
.scene[open] > summary::before { content: "▾"; }
.scene > summary { list-style: none; }
.scene > summary::-webkit-details-marker { display: none; }
.scene > summary .soft { font-size: .9rem; }
.scene > ol { border-top: 1px solid var(--line); }
.scene .case { border: 0; border-radius: 0; }
.scene li + li { border-top: 1px solid var(--line); }
.log .EXCEPT, .log .ERROR, .log .CRITICAL { color: var(--fail); }
.log .WARNING { color: var(--error); }
.log .DEBUG { color: var(--soft); }
footer { margin-top: 2rem; font-size: .85rem; color: var(--soft); text-align: center; }

@media (max-width: 640px) {
  body { padding: .5rem .5rem 2rem; }
  h1 { font-size: 1.3rem; }
  .head { padding: .8rem .8rem 1rem; }
  .tiles { grid-template-columns: repeat(3, 1fr); }
  .tiles .rate { grid-column: span 2; }
  .tiles div { padding: .35rem .6rem; }
  .tiles dd { font-size: 1.15rem; }
  .facts { grid-template-columns: 1fr 1fr; gap: .4rem .75rem; }
  .case > summary, .row { grid-template-columns: auto 1fr auto auto; column-gap: .5rem; padding: .5rem .6rem; }
  .case > summary .call, .row .call { grid-column: 2 / -1; grid-row: 2; }
  .scene > summary .soft { grid-column: 3; }
  .reason { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 6; overflow: hidden; }
  .in { padding: .1rem .6rem .6rem; }
  .assertion { gap: .1rem .4rem; padding-left: .5rem; }
  pre { padding: .4rem .5rem; font-size: .75rem; max-height: 22rem; }
}
@media print {
  :root {
    color-scheme: light; --page: #fff; --card: #fff; --line: #ccc; --text: #000; --soft: #444; --sunk: #f6f6f6;
    --success: #17743a; --fail: #b3111d; --error: #8f3900; --running: #0b4a8f; --cancelled: #444;
    --success-bg: #e3f5e9; --fail-bg: #fdebec; --error-bg: #fdeedd; --running-bg: #e3f0fc; --cancelled-bg: #eee; --mark: #ffe58a;
  }
  html { font-size: 11px; }
  body { padding: 0; max-width: none; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  pre { max-height: none; overflow: visible; }
  .case { content-visibility: visible; }
  .case > summary, .row { break-inside: avoid; }
  .scene::details-content, .wrong > .case::details-content { display: block; content-visibility: visible; }
  .scene > summary::before { content: ""; width: 0; }
}
`
