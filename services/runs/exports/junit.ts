import { durationOf } from '../record.ts'
import type { FlowReport, RunReport, ShownResult } from '../report.ts'
import { markup, type Markup } from './markup.ts'
import { excerpt, excerptLines, type Room, roomIn, roomOf } from './room.ts'
import { caveatOf, laidOut, propertiesOf, reasonOf, secondsOf } from './words.ts'

/**
 * A run's report as CI servers read it (the schema of Jenkins' xunit plugin, which GitLab takes too): a suite for each flow, 失败 as
 * `<failure>`, 错误 as `<error>`. A run that did not come to its end is an error by itself, so that it is never taken for a success.
 * The same report gives the same bytes.
 */
export function junitReport(report: RunReport): string {
  const { run, results } = report
  const room = roomIn(report)
  const properties = markup`<properties>
${propertiesOf(report).map(([name, value]) => markup`<property name="${name}" value="${line(value)}"/>\n`)}</properties>`
  const names = distinct(results.map(({ name }) => line(name)))
  const flows = results.map((flow, index) =>
    suite(flow, { index, name: names[index] ?? flow.name, run, properties, room }),
  )
  const caveat = caveatOf(report)
  const errors = run.error + (caveat === undefined ? 0 : 1)
  const tests = run.all + (caveat === undefined ? 0 : 1)
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="${line(run.name)}" tests="${tests}" failures="${run.fail}" errors="${errors}" time="${elapsed(report)}">
${flows}${caveat !== undefined && unended(caveat, { index: results.length, run, properties })}</testsuites>
`.text
}

type Suite = Readonly<{ index: number; run: RunReport['run']; properties: Markup }>

function suite(
  { cases, all, fail, error }: FlowReport,
  { index, name, run, properties, room }: Suite & Readonly<{ name: string; room: Room }>,
): Markup {
  const seconds = cases.reduce((sum, { run_time }) => sum + secondsOf(run_time), 0)
  const timestamp = cases[0]?.started_at ?? run.requested_at
  const names = distinct(cases.map((each) => line(each.name)))
  const className = run.kind === 'task' ? `${dotless(line(run.name))}.${dotless(name)}` : dotless(name)
  return markup`<testsuite id="${index}" name="${name}" tests="${all}" failures="${fail}" errors="${error}" skipped="0" time="${time(
    seconds,
  )}" timestamp="${timestamp}">
${properties}
${cases.map((each, nth) => testCase(each, { name: names[nth] ?? each.name, className, limit: roomOf(room, each) }))}</testsuite>
`
}

function testCase(
  result: ShownResult,
  { name, className, limit }: Readonly<{ name: string; className: string; limit: number }>,
): Markup {
  const { state, log_data, run_time } = result
  const log = excerptLines(log_data, limit)
    .map(([, text]) => text)
    .join('\n')
  return markup`<testcase name="${name}" classname="${className}" time="${time(secondsOf(run_time))}">
${state === '失败' && markup`<failure type="失败" message="${reasonOf(result)}">${account(result, log, limit)}</failure>\n`}${
    state === '错误' &&
    markup`<error type="错误" message="${reasonOf(result)}">${account(result, log, limit)}</error>\n`
  }<system-out>${log}</system-out>
</testcase>
`
}

/** What was sent, what was expected and what came instead, and the log. */
function account({ url, method, status_cede: status, assertions }: ShownResult, log: string, limit: number): string {
  const sent = url === undefined ? [] : [`${method} ${excerpt(url, limit)} → ${status}`]
  const unmet = assertions
    .filter(({ passed }) => !passed)
    .map((each) => {
      const [expected, actual] = [each.expected, each.actual].map((value) => excerpt(laidOut(value), limit))
      return `比较方式：${each.method}\n预期结果：${expected}\n实际结果：${actual}`
    })
  return [...sent, ...unmet, `日志：\n${log}`].join('\n\n')
}

/** What is said of the run and of none of its cases. */
function unended(caveat: string, { index, run, properties }: Suite): Markup {
  return markup`<testsuite id="${index}" name="运行" tests="1" failures="0" errors="1" skipped="0" time="0.000" timestamp="${run.requested_at}">
${properties}
<testcase name="运行完成" classname="运行" time="0.000">
<error type="错误" message="${line(caveat)}">${caveat}</error>
</testcase>
</testsuite>
`
}

/** Seconds from the run's start to its end; before it, of its cases so far. */
function elapsed({ run, results }: RunReport): string {
  const cases = results.flatMap((flow) => flow.cases)
  return time(durationOf(run) ?? cases.reduce((sum, { run_time }) => sum + secondsOf(run_time), 0))
}

const time = (seconds: number): string => seconds.toFixed(3)

/** CI servers tell cases apart by their names alone: what bears a name again is numbered. */
function distinct(names: readonly string[]): readonly string[] {
  const taken = new Set(names)
  const last = new Map<string, number>()
  return names.map((name) => {
    const before = last.get(name)
    last.set(name, before ?? 1)
    if (before === undefined) return name
    let nth = before + 1
    // What bears such a number as its own name keeps it.
    while (taken.has(`${name} (${nth})`)) nth++
    last.set(name, nth)
    return `${name} (${nth})`
  })
}

/** The last dot of a class name divides package from class: those of names must not. */
const dotless = (name: string): string => name.replaceAll('.', '_')

/** An attribute is one line: readers of XML take line ends in it for blanks. */
const line = (text: string): string => text.replaceAll(/\s+/g, ' ')
