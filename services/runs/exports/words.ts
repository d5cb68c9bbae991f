import { parseJson, RawJson } from '../../../contracts/json.ts'
import type { RunKind, RunTrigger } from '../../../contracts/run.ts'
import { dumpsIndented } from '../../runner/case/python.ts'
import { durationOf } from '../record.ts'
import type { FlowReport, RunReport, ShownResult } from '../report.ts'

/** What exports say of a run, in whatever format. */

const KINDS: Readonly<Record<RunKind, string>> = { case: '用例', scene: '业务流', task: '任务' }
const STATES = { success: '成功', fail: '失败', error: '错误', cancelled: '已取消', running: '执行中' } as const

export const kindWord = (kind: RunKind): string => KINDS[kind]

/** The word for a run's state; what has not ended has its status. */
export const runWord = ({ state, status }: RunReport['run']): string => (state === null ? status : STATES[state])

/** The word for a flow's state. */
export function flowWord({ state, all }: FlowReport): string {
  if (state === 'running' && all === 0) return '未执行'
  return STATES[state as keyof typeof STATES] ?? state
}

/** Why a run is not what its cases came to; undefined when they tell all of it. */
export function caveatOf({ run }: RunReport): string | undefined {
  const { state, status, reason, all, total, error } = run
  if (state === null) return `运行尚未结束（${status}），以下是截至目前的结果：已执行 ${all} 个用例，共 ${total} 个`
  const left = total > all ? `，有 ${total - all} 个用例未执行` : ''
  if (state === 'cancelled') return `运行已被取消${left}`
  // What ended a run from outside is said of the run, not of a case.
  if (reason !== null) return `运行异常结束${left}：${reason}`
  return left !== '' || (state === 'error' && error === 0) ? `运行异常结束${left}` : undefined
}

type Value = ShownResult['assertions'][number]['expected']

/** What was compared, as JSON or as Python's text of what is none. */
export const valueText = (value: Value): string => (value instanceof RawJson ? value.text : value)

/** Longer values are laid out in lines, and not those that nobody reads to their end. */
const ONE_LINE = 60
const MOST_LAID_OUT = 64 * 1024

/** What was compared, laid out for reading. */
export function laidOut(value: Value): string {
  const text = valueText(value)
  if (!(value instanceof RawJson) || text.length <= ONE_LINE || text.length > MOST_LAID_OUT) return text
  return dumpsIndented(parseJson(text))
}

/** Why a case did not succeed, in one line; empty when nothing says so. */
export function reasonOf({ state, assertions, log_data: log }: ShownResult): string {
  if (state === '成功') return ''
  if (state === '错误') return oneLine(thrown(log.findLast(([level]) => level === 'EXCEPT')?.[1] ?? ''))
  const unmet = assertions.find(({ passed }) => !passed)
  if (unmet) {
    const [expected, actual] = [unmet.expected, unmet.actual].map((value) => oneLine(valueText(value), ONE_LINE))
    return `${oneLine(unmet.method)}：预期 ${expected}，实际 ${actual}`
  }
  // An assertion of Python's own stands in the log alone: before the last line, which says only that the case failed.
  return oneLine(
    log
      .slice(0, -1)
      .findLast(([level]) => level === 'WARNING')?.[1]
      .replace(/^【WARNING】\s*\|\s*/, '') ?? '',
  )
}

/** What a traceback ends with; what is none is told in whole. */
function thrown(text: string): string {
  const [, after = text] = /^Traceback [^]*^ +File [^\n]*\n(?: [^\n]*\n)*([^]*)$/m.exec(text) ?? []
  return after
}

/** A text as one line of at most so many characters: of what is longer the beginning and the end. */
function oneLine(text: string, most = 200): string {
  const characters = Array.from(
    ends(text, 4 * most)
      .replaceAll(/\s+/g, ' ')
      .trim(),
  )
  if (characters.length <= most) return characters.join('')
  const head = Math.ceil((most - 1) / 2)
  return `${characters.slice(0, head).join('')}…${characters.slice(head + 1 - most).join('')}`
}

/** What is much longer than a line is not looked at in its middle. */
function ends(text: string, most: number): string {
  return text.length <= 2 * most ? text : text.slice(0, most) + text.slice(-most)
}

/** Seconds of `0.455s`. */
export function secondsOf(runTime: string): number {
  const seconds = Number.parseFloat(runTime)
  return Number.isFinite(seconds) ? seconds : 0
}

/** Whether a build's address may be a link. */
export function isWebAddress(url: string): boolean {
  return URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol)
}

/** `2026-11-21 15:56:54 +08:00` of a time of an event. */
export function timeWords(at: string): string {
  return at.replace(/^(.{10})T(.{8})(?:\.\d+)?(.*)$/, '$1 $2 $3')
}

/** `1 小时 2 分 3 秒`; below a minute with fractions. */
export function durationWords(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} 秒`
  const whole = Math.round(seconds)
  const parts = [
    [Math.floor(whole / 3600), '小时'],
    [Math.floor(whole / 60) % 60, '分'],
    [whole % 60, '秒'],
  ] as const
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

type Facts = readonly (readonly [name: string, value: string])[]

function known(facts: readonly (readonly [string, string | null | undefined])[]): Facts {
  return facts.filter((fact): fact is readonly [string, string] => Boolean(fact[1]))
}

const TRIGGERS: Readonly<Record<RunTrigger, string>> = { manual: '手动', api: '接口' }

/** What is known of a run beside its counts, for people: in the order in which they ask for it. */
export function factsOf({ run }: RunReport): Facts {
  const { started_at: start, finished_at: end } = run
  const duration = durationOf(run)
  return known([
    ['测试环境', run.environment_name],
    ['测试人员', run.tester],
    ['触发方式', TRIGGERS[run.trigger]],
    ['开始时间', start && timeWords(start)],
    ['结束时间', end && timeWords(end)],
    ['耗时', duration === null ? null : durationWords(duration)],
    ['构建', run.build],
    ['分支', run.branch],
    ['提交', run.commit],
    ['链接', run.url],
  ])
}

/** The same for machines, by the names that records answer it by. */
export function propertiesOf({ run }: RunReport): Facts {
  return known([
    ['record', String(run.id)],
    ['name', run.name],
    ['type', run.kind],
    ['env', run.environment_name],
    ['tester', run.tester],
    ['trigger', run.trigger],
    ['status', run.status],
    ['state', run.state],
    ['start_time', run.started_at],
    ['end_time', run.finished_at],
    ['build', run.build],
    ['branch', run.branch],
    ['commit', run.commit],
    ['url', run.url],
  ])
}
