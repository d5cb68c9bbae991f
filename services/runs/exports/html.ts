import { createHash } from 'node:crypto'
import type { Counts } from '../../../contracts/run.ts'
import { passRate } from '../record.ts'
import type { FlowReport, RunReport } from '../report.ts'
import { caseDetails, caseLink } from './html-case.ts'
import { Markup, markup } from './markup.ts'
import { type Room, roomIn, roomOf } from './room.ts'
import { STYLE } from './style.ts'
import { caveatOf, factsOf, flowWord, isWebAddress, kindWord, runWord } from './words.ts'

/** Nothing is fetched and no script runs, whatever a case has brought into the report: of styles this one alone counts. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/** What did not succeed stands unfolded, as long as it can be looked over. */
const MOST_OPEN = 20

/**
 * A run's report as one HTML file that needs nothing else: what did not succeed first, then every flow with its cases in order. The
 * same report gives the same bytes. It is well-formed XML too.
 */
export function htmlReport(report: RunReport): string {
  const { run, results } = report
  const room = roomIn(report)
  const state = run.state ?? 'running'
  return markup`<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="${POLICY}"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="referrer" content="no-referrer"/>
<title>${runWord(run)} · ${run.name} · 测试报告 ${run.id}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
${head(report, state)}
<main>
${wrong(results, room)}
${flows(results, room)}
</main>
<footer>Testledger · 运行记录 ${run.id}</footer>
</body>
</html>
`.text
}

function head(report: RunReport, state: string): Markup {
  const { run } = report
  const caveat = caveatOf(report)
  return markup`<header class="head ${state}">
<p class="soft">测试报告 #${run.id} · ${kindWord(run.kind)}</p>
<div class="title"><h1>${run.name}</h1><span class="badge">${runWord(run)}</span></div>
${caveat !== undefined && markup`<p class="note">${caveat}</p>`}
<dl class="tiles">
${tile('用例', run.all)}<div class="rate"><dt>通过率</dt><dd>${passRate(run)}%</dd></div>${tile('成功', run.success, 'success')}
${tile('失败', run.fail, 'fail')}${tile('错误', run.error, 'error')}
</dl>
${bar(run)}
<dl class="facts">
${factsOf(report).map(
  ([name, value]) =>
    markup`<div${value.length > MOST_NARROW && markup` class="wide"`}><dt>${name}</dt><dd>${value === run.url ? address(value) : value}</dd></div>`,
)}
</dl>
</header>`
}

/** Characters of a fact beside which another has its place on a phone. */
const MOST_NARROW = 28

/** What was built may be said to stand anywhere; only what a browser opens as a page is a link. */
function address(url: string): Markup | string {
  return isWebAddress(url) ? markup`<a href="${url}" rel="noopener noreferrer" target="_blank">${url}</a>` : url
}

function tile(name: string, count: number, state?: string): Markup {
  const classes = count === 0 ? 'none' : (state ?? '')
  return markup`<div class="${classes}"><dt>${name}</dt><dd>${count}</dd></div>`
}

/** Percent of the bar at which the smallest part is still seen. */
const LEAST = 0.8

/** The verdicts as one bar; without a style of its own, which the policy would refuse. */
function bar({ success, fail, error }: Counts): Markup {
  const parts = Object.entries({ fail, error, success }).filter(([, count]) => count > 0)
  const widths = parts.map(([, count]) => Math.max(LEAST, (count / (success + fail + error)) * 100))
  const all = widths.reduce((sum, width) => sum + width, 0)
  const from = (index: number): number => widths.slice(0, index).reduce((sum, width) => sum + width, 0)
  return markup`<svg class="bar" viewBox="0 0 ${all} 1" preserveAspectRatio="none" aria-hidden="true">${parts.map(
    ([state], index) => markup`<rect class="${state}" x="${from(index)}" width="${widths[index]}" height="1"></rect>`,
  )}</svg>`
}

/** Where a case that did not succeed stands unfolded. */
const anchor = (flow: number, index: number): string => `case-${flow}-${index}`

function wrong(results: readonly FlowReport[], room: Room): Markup | false {
  const found = results.flatMap(({ name, cases }, flow) =>
    cases.flatMap((result, index) =>
      result.state === '成功' ? [] : [{ result, scene: name, id: anchor(flow, index) }],
    ),
  )
  if (found.length === 0) return false
  return markup`<section class="wrong"><h2>失败与错误（${found.length}）</h2>
${found.map(({ result, scene, id }, index) =>
  caseDetails(result, { id, scene, open: index < MOST_OPEN, limit: roomOf(room, result) }),
)}</section>`
}

function flows(results: readonly FlowReport[], room: Room): Markup {
  return markup`<section><h2>全部用例（${results.length} 个业务流）</h2>
${results.map((flow, index) => flowDetails(flow, index, { room, open: results.length === 1 || flow.state !== 'success' }))}</section>`
}

function flowDetails(flow: FlowReport, number: number, { room, open }: { room: Room; open: boolean }): Markup {
  const { name, state, cases, all, fail, error } = flow
  const amiss = [fail > 0 && `失败 ${fail}`, error > 0 && `错误 ${error}`].filter((words) => words !== false)
  const items = cases.map(
    (result, index) =>
      markup`<li>${
        result.state === '成功'
          ? caseDetails(result, { limit: roomOf(room, result) })
          : caseLink(result, anchor(number, index))
      }</li>`,
  )
  return markup`<details class="scene ${state}"${open && markup` open=""`}><summary><span class="badge">${flowWord(
    flow,
  )}</span><span class="name">${name}</span><span class="soft">${[...amiss, `共 ${all} 个用例`].join(' · ')}</span></summary>
${cases.length > 0 && markup`<ol>${items}</ol>`}</details>
`
}
