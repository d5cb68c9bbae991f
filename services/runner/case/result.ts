import type { SerializedCookieJar } from 'tough-cookie'
import { parseJson, stringifyJson, type JsonText } from '../../../contracts/json.ts'
import type { Assertion, LogLine, ScopeChanges } from './scripts.ts'
import type { Mask } from './secrets.ts'
import { storableJson, storableText } from './storable.ts'

export type CaseState = '成功' | '失败' | '错误' | '跳过'

/** What was sent and answered last, as results show it; absent when there was no answer. */
export type ShownExchange = Readonly<{
  url: string
  method: string
  status_cede: number
  response_header: Readonly<Record<string, string>>
  requests_header: Readonly<Record<string, string>>
  response_body: string
  requests_body: string
}>

/** The documented keys in the documented order (seed 000 §四 接口测试 2.6, §六 2.2), then ours. Plain JSON, safe to store. */
export type CaseResult = Readonly<
  { name: string; log_data: readonly LogLine[] } & Partial<ShownExchange> & {
      state: CaseState
      /** Seconds, `0.455s`. */
      run_time: string
      assertions: readonly Assertion[]
      /** ISO 8601. */
      started_at: string
    }
>

/** What one case left behind. */
export type CaseOutcome = Readonly<{
  result: CaseResult
  /** What the scripts did to the temporary and the global scope, in clear. */
  envChanges: ScopeChanges
  globalChanges: ScopeChanges
  /** The run's cookie jar after the case. */
  cookies: SerializedCookieJar
}>

/** Bytes of a body that a result keeps. */
export const MAX_SHOWN_BODY = 1024 * 1024

/** A body cut to its first MiB (`cut` says so). Secrets are hidden before the cut, which could halve one. */
export function keptBody(text: string, mask: Mask): Readonly<{ text: string; cut: boolean }> {
  // No character is longer than four bytes, so that short text needs no counting; somewhat more than is kept is enough for a
  // secret that lies across the cut.
  const masked = mask(text.slice(0, MAX_SHOWN_BODY + 16_384))
  if (text.length * 3 <= MAX_SHOWN_BODY) return { text: masked, cut: false }
  const { read } = new TextEncoder().encodeInto(masked, new Uint8Array(MAX_SHOWN_BODY))
  return { text: masked.slice(0, read), cut: read < masked.length || text.length > MAX_SHOWN_BODY + 16_384 }
}

/** Three significant digits as results print seconds: `0.455s`, `0.0304s`, `12.0s`, `123s`. */
export function runTime(milliseconds: number): string {
  const seconds = milliseconds / 1000
  if (seconds >= 99.95) return `${Math.round(seconds)}s`
  const digits = Number(seconds.toPrecision(3))
  if (Number.isInteger(digits)) return `${digits}.0s`
  return `${digits < 1e-6 ? digits.toFixed(9).replace(/0+$/, '') : digits}s`
}

/** A result whose every text is masked and can be stored. */
export function publicResult(result: CaseResult, mask: Mask): CaseResult {
  const safe = (text: string) => storableText(mask(text))
  const values = (record: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [safe(name), safe(value)]))
  const { name, log_data, state, run_time, assertions, started_at } = result
  const sent =
    result.url === undefined
      ? {}
      : {
          url: safe(result.url),
          method: safe(result.method ?? ''),
          status_cede: result.status_cede ?? 0,
          response_header: values(result.response_header ?? {}),
          requests_header: values(result.requests_header ?? {}),
          response_body: safe(result.response_body ?? ''),
          requests_body: safe(result.requests_body ?? ''),
        }
  return {
    name: safe(name),
    log_data: log_data.map(([level, text]) => [safe(level), safe(text)]),
    ...sent,
    state,
    run_time,
    assertions: assertions.map((assertion) => ({
      method: safe(assertion.method),
      expected: publicJson(assertion.expected, mask),
      actual: publicJson(assertion.actual, mask),
      passed: assertion.passed,
    })),
    started_at,
  }
}

/** A masked number is JSON no longer: then the masked text stands as a string. */
function publicJson(text: JsonText, mask: Mask): JsonText {
  const masked = mask(text)
  if (masked === text) return storableJson(text)
  try {
    parseJson(masked, { nonFinite: true })
    return storableJson(masked as JsonText)
  } catch {
    return stringifyJson(storableText(masked))
  }
}

/** Later changes over earlier ones: a name that is set again is no longer deleted, and the other way round. */
export function mergeChanges(earlier: ScopeChanges, later: ScopeChanges): ScopeChanges {
  const set = new Map([...Object.entries(earlier.set), ...Object.entries(later.set)])
  for (const name of later.deleted) set.delete(name)
  const deleted = [...earlier.deleted.filter((name) => !Object.hasOwn(later.set, name)), ...later.deleted]
  return { set: Object.fromEntries(set), deleted: [...new Set(deleted)] }
}

export const NO_CHANGES: ScopeChanges = { set: {}, deleted: [] }

/** Changes that can be stored: names and values without NUL and lone surrogates. */
export function storableChanges({ set, deleted }: ScopeChanges): ScopeChanges {
  return {
    set: Object.fromEntries(Object.entries(set).map(([name, text]) => [storableText(name), storableJson(text)])),
    deleted: deleted.map(storableText),
  }
}
