/**
 * One run's place for scripts: an interpreter that no other run ever sees. When a script takes it down (a limit, a
 * crash), the next one gets a new interpreter with the same functions; only what scripts kept in Python alone is lost.
 */
import type { z } from 'zod'
import {
  beginReply,
  scriptReply,
  type Limit,
  type LogEntry,
  type ScopeChanges,
  type ScriptEnd,
  type ScriptOutcome,
} from './outcome.ts'
import { type Answer, ChildEnded, type WalledChild } from './walled-child.ts'

/** An answer as `response` shows it. `elapsedMs` may have fractions; `encoding` is what the headers say, null without. */
export interface ResponseData {
  status: number
  reason: string
  url: string
  headers: readonly (readonly [string, string])[]
  body: Uint8Array
  encoding: string | null
  elapsedMs: number
  cookies: readonly { name: string; value: string; domain: string; path: string }[]
  /** The redirects before this answer, first to last; their own history is empty. */
  history: readonly ResponseData[]
  request: {
    method: string
    url: string
    headers: readonly (readonly [string, string])[]
    /** A text is a `str` there, bytes are `bytes`. */
    body: string | Uint8Array | null
  }
}

/** What scripts reach as `db`: its names, and who answers the questions about them. */
export interface ScriptDatabases {
  readonly names: readonly string[]
  answer(...asked: Parameters<Answer>): ReturnType<Answer>
}

/** `data`, `env` and `ENV` are JSON texts of objects. `response` is for teardown. */
export interface ScriptInput {
  /** `cleanup` runs what scripts registered with `addCleanup`; its script is empty. */
  phase: 'setup' | 'teardown' | 'cleanup'
  script: string
  data: string
  env: string
  ENV: string
  response?: ResponseData
}

/** Calls follow one another: a script is not started before the last one has ended. */
export interface Sandbox {
  /**
   * Loads the environment's `global_func` source. A Python error in it is answered, and makes each script of the run an
   * error: what an environment gets wrong is shown on every case that needs it. `secretPaths` are variables or lead
   * into them (`a.b`); outcomes tell their values in `secrets`. Begun again, it has no variables or names of before.
   */
  begin(input: { globalFunc: string; debug: boolean; secretPaths?: readonly string[] }): Promise<ScriptEnd | null>
  /** The next script belongs to another case: it sees none of the names of the one before. */
  beginCase(): void
  /** Runs one script. It always resolves; only a sandbox that is closed rejects. */
  runScript(input: ScriptInput): Promise<ScriptOutcome>
  /** Ends the interpreter, at once and for good. */
  close(): void
}

const LIMITS: Readonly<Record<'memory' | 'output', string>> = {
  memory: '脚本超过内存限制，沙箱已更换',
  output: '脚本输出超过限制，沙箱已更换',
}
/** What a script that was stopped has left. */
type Left = Pick<ScriptOutcome, 'log' | 'secrets'>
const UNCHANGED: ScopeChanges = { set: {}, deleted: [] }

export interface RunSandboxOptions {
  /** A ready interpreter that nobody has used. */
  child: WalledChild
  /** Gives another for each one that a script took down. */
  acquire: () => Promise<WalledChild>
  scriptTimeoutMs: number
  /** Without them scripts can ask nothing. */
  databases?: ScriptDatabases | undefined
  /** Closes the sandbox when it aborts. */
  signal?: AbortSignal | undefined
}

export class RunSandbox implements Sandbox {
  readonly #acquire: RunSandboxOptions['acquire']
  readonly #limitMs: number
  readonly #databases: readonly string[]
  readonly #answer: Answer | undefined
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.close()
  #child: WalledChild | undefined
  /** The interpreter that has the environment's functions. */
  #loaded: WalledChild | undefined
  #functions: { globalFunc: string; debug: boolean; secretPaths: readonly string[] } = {
    globalFunc: '',
    debug: false,
    secretPaths: [],
  }
  /** What kept the environment's functions from loading. */
  #failure: ScriptEnd | null = null
  #case = 0
  #seq = 0
  #closed = false
  /** What was logged outside of a script: it stands before the next one's lines. */
  #log: LogEntry[] = []

  constructor({ child, acquire, scriptTimeoutMs, databases, signal }: RunSandboxOptions) {
    this.#child = child
    this.#acquire = acquire
    this.#limitMs = scriptTimeoutMs
    this.#databases = databases?.names ?? []
    this.#answer = databases && ((question, asked) => databases.answer(question, asked))
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted === true) this.close()
  }

  async begin(input: {
    globalFunc: string
    debug: boolean
    secretPaths?: readonly string[]
  }): Promise<ScriptEnd | null> {
    this.#functions = { secretPaths: [], ...input }
    this.#failure = null
    this.#loaded = undefined
    await this.#ready()
    return this.#failure
  }

  beginCase(): void {
    this.#case += 1
  }

  async runScript(input: ScriptInput): Promise<ScriptOutcome> {
    let child: WalledChild
    try {
      child = await this.#ready()
    } catch (problem) {
      // No interpreter to be had is the platform's fault, and yet no reason for the run to hang or to fall.
      if (this.#closed) throw problem
      return this.#stopped(input, 'crash', (problem as Error).message)
    }
    // Functions that met a limit are not tried again: each script would wait for the same limit.
    if (this.#failure?.kind === 'limit') return this.#stopped(input, this.#failure.limit, this.#failure.message)
    try {
      const reply = await this.#ask(child, scriptReply, this.#command(input), input.response?.body)
      if (reply.data === undefined) {
        this.#discard()
        return this.#stopped(input, reply.end.limit, LIMITS[reply.end.limit], reply)
      }
      const { data, env, ENV, changes, assertions, secrets, log, faults, pending } = reply
      const end = reply.end.kind === 'limit' ? { ...reply.end, message: LIMITS[reply.end.limit] } : reply.end
      if (end.kind === 'limit') this.#discard()
      return { end, data, env, ENV, changes, assertions, secrets, log: this.#withLog(log), faults, pending }
    } catch (problem) {
      return this.#stopped(input, ...this.#endedBy(problem))
    }
  }

  close(): void {
    this.#closed = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#discard()
  }

  /** The interpreter, new when the last one is gone, with the environment's functions loaded. */
  async #ready(): Promise<WalledChild> {
    this.#refuseWhenClosed()
    if (this.#child?.alive !== true) {
      const child = await this.#acquire()
      if (this.#closed) child.kill()
      this.#refuseWhenClosed()
      this.#child = child
    }
    const child = this.#child
    if (this.#loaded !== child && this.#failure?.kind !== 'limit') await this.#loadFunctions(child)
    this.#refuseWhenClosed()
    this.#loaded = child
    return child
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new Error('the sandbox is closed')
  }

  async #loadFunctions(child: WalledChild): Promise<void> {
    try {
      const command = { op: 'begin', databases: this.#databases, ...this.#functions }
      const reply = await this.#ask(child, beginReply, command, undefined)
      if ('failure' in reply) {
        this.#failure = reply.failure
        return
      }
      this.#failure = { kind: 'limit', limit: reply.end.limit, message: LIMITS[reply.end.limit] }
      this.#log.push(...reply.log)
    } catch (problem) {
      const [limit, message] = this.#endedBy(problem)
      this.#failure = { kind: 'limit', limit, message }
    }
  }

  async #ask<T extends { seq: number }>(
    child: WalledChild,
    schema: z.ZodType<T>,
    command: object | string,
    bytes: Uint8Array | undefined,
  ): Promise<T> {
    const seq = (this.#seq += 1)
    const json = typeof command === 'string' ? command : JSON.stringify(command)
    const reply = await child.ask(`{"seq":${seq},${json.slice(1)}`, bytes, this.#limitMs, this.#answer)
    const parsed = schema.safeParse(parsedJson(reply))
    if (parsed.success && parsed.data.seq === seq) return parsed.data
    const ended = new ChildEnded('crash', '脚本破坏了沙箱的通信，沙箱已更换')
    child.kill(ended)
    throw ended
  }

  /** `data`, `env` and `ENV` go in as they are: reading them here would cost their numbers. */
  #command({ phase, script, data, env, ENV, response }: ScriptInput): string {
    const rest = { op: 'run', case: this.#case, phase, script, response: response ? wireResponse(response) : null }
    return `{"data":${data},"env":${env},"ENV":${ENV},${JSON.stringify(rest).slice(1)}`
  }

  #stopped(input: ScriptInput, limit: Limit, message: string, left: Left = { log: [], secrets: [] }): ScriptOutcome {
    const { data, env, ENV } = input
    const changes = { env: UNCHANGED, ENV: UNCHANGED }
    const { secrets, log } = left
    const end = { kind: 'limit' as const, limit, message }
    const nothing = { assertions: [], faults: {}, pending: false }
    return { end, data, env, ENV, changes, ...nothing, secrets, log: this.#withLog(log) }
  }

  #withLog(log: LogEntry[]): LogEntry[] {
    const whole = [...this.#log, ...log]
    this.#log = []
    return whole
  }

  #endedBy(problem: unknown): [Limit, string] {
    this.#refuseWhenClosed()
    this.#discard()
    if (problem instanceof ChildEnded) return [problem.limit, problem.message]
    throw problem
  }

  #discard(): void {
    this.#child?.kill()
    this.#child = undefined
    this.#loaded = undefined
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The answer without its body, which travels as bytes behind the command; those of redirects are short. */
function wireResponse(response: ResponseData): object {
  const { status, reason, url, headers, encoding, elapsedMs, cookies } = response
  const { body } = response.request
  const sent = body instanceof Uint8Array ? { bodyBase64: Buffer.from(body).toString('base64') } : { body }
  const history = response.history.map((hop) => ({
    ...wireResponse(hop),
    bodyBase64: Buffer.from(hop.body).toString('base64'),
  }))
  return {
    status,
    reason,
    url,
    headers,
    encoding,
    elapsedMs,
    cookies,
    request: { ...response.request, body: null, ...sent },
    history,
  }
}
