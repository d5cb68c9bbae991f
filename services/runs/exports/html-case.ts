import type { ShownAssertion, ShownResult } from '../report.ts'
import { markup, type Markup } from './markup.ts'
import { excerpt, excerptLines } from './room.ts'
import { laidOut, reasonOf } from './words.ts'

const CLASSES = { 成功: 'success', 失败: 'fail', 错误: 'error' } as const

/** The class of the style sheet for a verdict. */
export const classOf = (state: ShownResult['state']): string => CLASSES[state]

/** A case in one line, which unfolds. `scene` is said where the case does not stand below it; `limit` holds for each text. */
export function caseDetails(
  result: ShownResult,
  { id, scene, open = false, limit }: { id?: string; scene?: string; open?: boolean; limit: number },
): Markup {
  const { log_data: log } = result
  // What was not met first.
  const assertions = result.assertions.toSorted((a, b) => Number(a.passed) - Number(b.passed))
  return markup`<details class="case ${classOf(result.state)}"${id !== undefined && markup` id="${id}"`}${
    open && markup` open=""`
  }><summary>${caseLine(result, scene)}</summary><div class="in">
${assertions.length > 0 && markup`<ol>${assertions.map((each) => assertionItem(each, limit))}</ol>`}
${exchange('请求', { headers: result.requests_header, body: result.requests_body, whole: result.requests_body_url }, limit)}
${exchange('响应', { headers: result.response_header, body: result.response_body, whole: result.response_body_url }, limit)}
${log.length > 0 && markup`<details class="log"><summary>日志</summary><pre>${logLines(log, limit)}</pre></details>`}
</div></details>
`
}

/** A case in one line that leads to where it stands unfolded. */
export function caseLink(result: ShownResult, id: string): Markup {
  return markup`<a class="row ${classOf(result.state)}" href="#${id}">${caseLine(result)}</a>
`
}

function caseLine(result: ShownResult, scene?: string): Markup {
  const { state, name, method, url, status_cede: status, run_time: time, attempt } = result
  const reason = reasonOf(result)
  const call = url === undefined ? '无请求记录' : markup`<b>${method}</b> ${excerpt(url, 300)}`
  return markup`<span class="badge">${state}</span><span><span class="name">${name}</span>${
    scene !== undefined && markup`<span class="where soft">${scene}</span>`
  }${attempt !== undefined && markup` <span class="soft">第 ${attempt} 次尝试</span>`}</span><span class="call">${call}</span><span class="number status">${
    status
  }</span><span class="number">${time}</span>${reason !== '' && markup`<span class="reason">${reason}</span>`}`
}

/** What was expected beside what came; lines that the other side has not are marked where there are several. */
function assertionItem({ method, expected, actual, passed }: ShownAssertion, limit: number): Markup {
  const [wanted, had] = [excerpt(laidOut(expected), limit), excerpt(laidOut(actual), limit)]
  const [left, right] = passed ? [wanted, had] : [marked(wanted, had), marked(had, wanted)]
  return markup`<li class="assertion ${passed ? 'success' : 'fail'}"><p><span class="badge">${
    passed ? '通过' : '未通过'
  }</span> ${method}</p><div><h4>预期结果</h4><pre>${left}</pre></div><div><h4>实际结果</h4><pre>${right}</pre></div></li>`
}

/** One line against one is seen at a glance, and a thousand lines are not compared by anyone. */
const MOST_MARKED = 1000

function marked(text: string, other: string): string | readonly (string | Markup)[] {
  const lines = text.split('\n')
  if (lines.length === 1 || lines.length > MOST_MARKED) return text
  const there = new Set(other.split('\n').map(bare))
  return lines.flatMap((line, index) => [
    index > 0 ? '\n' : '',
    there.has(bare(line)) ? line : markup`<mark>${line}</mark>`,
  ])
}

/** The comma after a member says nothing of it. */
function bare(line: string): string {
  return line.replace(/,$/, '')
}

type Message = Readonly<{
  headers: ShownResult['requests_header']
  body: string | undefined
  /** Where a body that was cut stands as a whole. */
  whole: string | undefined
}>

function exchange(title: string, { headers, body, whole }: Message, limit: number): Markup | false {
  if (headers === undefined && body === undefined) return false
  const lines = Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`)
  return markup`<details><summary>${title}</summary><h4>${title}头</h4><pre>${excerpt(lines.join('\n'), limit)}</pre><h4>${title}体</h4><pre>${
    body === undefined || body === '' ? '（空）' : excerpt(body, limit)
  }</pre>${whole !== undefined && markup`<p class="soft">全文：${whole}</p>`}</details>`
}

/** Levels of which a line has a colour. */
const COLOURED = ['DEBUG', 'WARNING', 'ERROR', 'CRITICAL', 'EXCEPT']

function logLines(log: ShownResult['log_data'], limit: number): readonly (string | Markup)[] {
  return excerptLines(log, limit).flatMap(([level, text], index) => [
    index > 0 ? '\n' : '',
    COLOURED.includes(level) ? markup`<span class="${level}">${text}</span>` : text,
  ])
}
