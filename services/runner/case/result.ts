import type { SerializedCookieJar } from 'tough-cookie'
import {
  isArray,
  isObject,
  JsonNumber,
  parseJson,
  stringifyJson,
  type Json,
  type JsonText,
} from '../../../contracts/json.ts'
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
  cookies: SerializedCookieJar | undefined
}>

/** Bytes of a body that a result keeps. */
export const MAX_SHOWN_BODY = 1024 * 1024

/** Somewhat more of a text than is shown of it, so that a secret across the cut is hidden before it would be halved. */
export const ACROSS_THE_CUT = 16_384

/** As much of a body as a result needs while it is not yet masked; `cut` says that the result will hold less than all of it. */
export function heldBody(text: string): Readonly<{ text: string; cut: boolean }> {
  // No unit is longer than three bytes, so that short text needs no counting.
  const cut = text.length * 3 > MAX_SHOWN_BODY && Buffer.byteLength(text) > MAX_SHOWN_BODY
  return { text: text.slice(0, MAX_SHOWN_BODY + ACROSS_THE_CUT), cut }
}

/** A body as results show it: without secrets, and then cut to its first MiB. */
function shownBody(held: string, mask: Mask): string {
  const masked = mask(held)
  if (masked.length * 3 <= MAX_SHOWN_BODY) return masked
  return masked.slice(0, new TextEncoder().encodeInto(masked, new Uint8Array(MAX_SHOWN_BODY)).read)
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
          response_body: storableText(shownBody(result.response_body ?? '', mask)),
          requests_body: storableText(shownBody(result.requests_body ?? '', mask)),
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

/** JSON without secrets in its strings, numbers and names, read before they are sought: escapes hide nothing. */
function publicJson(text: JsonText, mask: Mask): JsonText {
  const json = readable(text)
  // What is nested deeper than anyone could read is shown as its text.
  if (json === undefined) return storableJson(stringifyJson(mask(text)))
  const masked = maskedJson(json, mask)
  return storableJson(masked === json ? text : stringifyJson(masked))
}

function readable(text: JsonText): Json | undefined {
  try {
    return parseJson(text, { nonFinite: true })
  } catch {
    return undefined
  }
}

/** The very same value where nothing was hidden. A masked number is a string. */
function maskedJson(json: Json, mask: Mask): Json {
  if (typeof json === 'string') return mask(json)
  if (json instanceof JsonNumber) {
    const masked = mask(json.text)
    return masked === json.text ? json : masked
  }
  if (isArray(json)) {
    const items = json.map((item) => maskedJson(item, mask))
    return items.every((item, index) => item === json[index]) ? json : items
  }
  if (!isObject(json)) return json
  const members = [...json].map(([name, value]) => [mask(name), maskedJson(value, mask)] as const)
  return members.every(([name, value]) => json.get(name) === value) ? json : new Map(members)
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
