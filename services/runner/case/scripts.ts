import type { JsonText } from '../../../contracts/json.ts'

/**
 * What the engine asks of a script sandbox. One session belongs to one flow (a run of cases that share variables) and is never
 * shared. The session writes what the script wrote and, below it, how a script failed (`前置脚本执行错误:…`, `断言失败:…`); the
 * traceback and the verdict's line are the engine's.
 */
export interface ScriptSession {
  /**
   * Begins a case: its two scripts share one `data` and the names they set. Starts what it needs on first use. Answers how the
   * environment's `global_func` source failed, if it did: then no script of the flow can run.
   */
  beginCase(): Promise<ScriptFault | undefined>
  /** Runs the setup script, before the request is built. */
  setup(call: ScriptCall): Promise<ScriptOutcome>
  /** Runs the teardown script: `call.data` (variables substituted by then) first replaces what is in the same dict. */
  teardown(call: ScriptCall & Readonly<{ response: ScriptResponse }>): Promise<ScriptOutcome>
  /** Runs what the scripts left for the end of the case (`addCleanup`), when an outcome was `pending`. Its script is empty. */
  cleanup(call: ScriptCall): Promise<ScriptOutcome>
}

export type ScriptCall = Readonly<{
  script: string
  /** The case as the scripts see it, a JSON object. */
  data: JsonText
  /** The temporary scope, a JSON object. */
  env: JsonText
  /** The global scope, a JSON object that holds `host` and `headers` too. */
  ENV: JsonText
}>

/** A Python exception; `message` is its `str()`. */
export type ScriptFault = Readonly<{ message: string; traceback: string }>

export type ScriptEnd =
  | Readonly<{ kind: 'done' }>
  /** An `AssertionError`. */
  | Readonly<{ kind: 'failed' }>
  /** A `unittest.SkipTest`. */
  | Readonly<{ kind: 'skipped' }>
  | (Readonly<{ kind: 'error' }> & ScriptFault)
  /** The sandbox ended the script: time, memory, output or a crash, as `message` says. */
  | Readonly<{ kind: 'limit'; message: string }>

/** One line as it stands in `log_data`, prefix included: `[level, text]`. Lines for debug runs alone are left out elsewhere. */
export type LogLine = readonly [level: string, text: string]

/** `expected` and `actual` are JSON texts: numbers as Python wrote them. */
export type Assertion = Readonly<{ method: string; expected: JsonText; actual: JsonText; passed: boolean }>

/** What was done to a scope: values as JSON texts. A name stands in one of the two. */
export type ScopeChanges = Readonly<{ set: Readonly<Record<string, JsonText>>; deleted: readonly string[] }>

export type ScriptOutcome = Readonly<{
  end: ScriptEnd
  log: readonly LogLine[]
  assertions: readonly Assertion[]
  /** The case and the scopes as the script left them: JSON objects. As they were, when the script was ended by a limit. */
  data: JsonText
  env: JsonText
  ENV: JsonText
  changes: Readonly<{ env: ScopeChanges; ENV: ScopeChanges }>
  /** What the script saved under the names of secrets, what it overwrote or deleted again included. */
  secrets: readonly string[]
  /** By field of the case: why what the script put there cannot be sent, `NameError: …`. */
  faults: Readonly<Record<string, string>>
  /** The case has cleanups, or parts that failed without ending the script. */
  pending: boolean
}>

/** An answer as a teardown script sees it. */
export type ScriptResponse = Readonly<{
  status: number
  reason: string
  /** As received: spelling and order kept, repeated names repeated. */
  headers: readonly (readonly [name: string, value: string])[]
  /** Decoded (gzip and the like), at most 10 MiB. */
  body: Uint8Array
  url: string
  /** What `response.encoding` says: the declared charset, else what requests assumes for the type, else null. */
  encoding: string | null
  elapsedMs: number
  /** Those that this very answer set. */
  cookies: readonly Readonly<{ name: string; value: string; domain: string; path: string }>[]
  /** The redirects that led here, first one first; each with an empty history. */
  history: readonly ScriptResponse[]
  request: Readonly<{
    method: string
    url: string
    headers: readonly (readonly [string, string])[]
    /** As requests has it: a text where the case sent a text or a form, the bytes of JSON and of files, null without a body. */
    body: string | Uint8Array | null
  }>
}>
