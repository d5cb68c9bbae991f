import { randomBytes } from 'node:crypto'
import {
  isObject,
  leafTexts,
  parseJson,
  stringifyJson,
  type Json,
  type JsonObject,
  type JsonText,
} from '../../../contracts/json.ts'
import type { RequestBody } from './body.ts'
import { CaseLog } from './case-log.ts'
import { CaseFault } from './fault.ts'
import { hasCode, type Flow } from './flow.ts'
import { repr } from './python.ts'
import { exchange, type Hop } from './redirects.ts'
import { askedBy, buildRequest, type BuiltRequest } from './request.ts'
import { charsetOf, decodeBody, shownBody, shownHeaders } from './response.ts'
import {
  MAX_SHOWN_BODY,
  NO_CHANGES,
  heldBody,
  mergeChanges,
  publicResult,
  runTime,
  storableChanges,
  type CaseOutcome,
  type CaseState,
  type ShownExchange,
} from './result.ts'
import type { Assertion, ScriptOutcome, ScriptResponse } from './scripts.ts'
import { uploadOf } from './upload.ts'
import { substitute } from './variables.ts'

/** A case as it is kept: JSON fields as their texts. */
export type CaseToRun = Readonly<{
  title: string
  interface: Readonly<{ url: string; method: string; name?: string }>
  headers: JsonText
  request: JsonText
  file: JsonText
  setupScript: string
  teardownScript: string
}>

export type CaseDeps = Readonly<{
  clock: Readonly<{
    /** ISO 8601. */
    now: () => string
    /** Milliseconds of a clock that never goes back. */
    monotonic: () => number
  }>
  /** Ends the case: its request is aborted and `runCase` throws the reason. */
  signal?: AbortSignal
}>

/**
 * Runs one case: setup script, variables, request, teardown script, verdict. Whatever goes wrong inside the case is its verdict
 * 错误 with the reason in the log; only the abortion by `signal` is thrown.
 */
export async function runCase(flow: Flow, testCase: CaseToRun, deps: CaseDeps): Promise<CaseOutcome> {
  const startedAt = deps.clock.now()
  const from = deps.clock.monotonic()
  const run = new CaseRun(flow, testCase, deps)
  const state = await run.perform()
  const { result, changes, mask } = run.finished(state)
  return {
    result: publicResult(
      {
        ...result,
        state,
        run_time: runTime(deps.clock.monotonic() - from - run.waited),
        assertions: run.assertions,
        started_at: startedAt,
      },
      mask,
    ),
    envChanges: storableChanges(changes.env),
    globalChanges: storableChanges(changes.ENV),
    cookies: flow.cookies.changed(),
  }
}

/** The fields of a case in which variables are replaced. */
const SUBSTITUTED = ['interface', 'headers', 'request', 'file']

class CaseRun {
  readonly flow: Flow
  readonly title: string
  readonly signal: AbortSignal | undefined
  readonly now: () => number
  readonly log: CaseLog
  readonly assertions: Assertion[] = []
  /** The case as its scripts see it. */
  data: JsonObject
  /** Unmasked: what is a secret is known at the end, when the teardown script has saved its own. */
  sent: ShownExchange | undefined
  sentHeaders: readonly string[] = []
  changes = { env: NO_CHANGES, ENV: NO_CHANGES }
  /** What the setup script put into the case and cannot be sent, by field. */
  faults: ScriptOutcome['faults'] = {}
  pending = false
  /** Milliseconds until an interpreter was there: no time of the case. */
  waited = 0

  constructor(flow: Flow, testCase: CaseToRun, { clock, signal }: CaseDeps) {
    this.flow = flow
    this.title = testCase.title
    this.signal = signal
    this.now = clock.monotonic
    this.log = new CaseLog(flow.debug)
    this.data = dataOf(testCase)
  }

  /** The order of one case. */
  async perform(): Promise<CaseState> {
    this.log.add('INFO', `开始执行用例：【${this.title}】\n`)
    this.log.debugBody('临时变量', () => repr(this.flow.env))
    this.log.debugBody('全局变量', () => repr(this.flow.ENV))
    return this.cleanedUp(await this.judged())
  }

  async judged(): Promise<CaseState> {
    try {
      return (await this.begin()) ?? (await this.setup()) ?? (await this.teardown(await this.request()))
    } catch (error) {
      if (this.signal?.aborted === true) throw this.signal.reason
      this.log.add('EXCEPT', `${reasonOf(error)}\n`)
      return '错误'
    }
  }

  /** As unittest does it: what went wrong is told before the cleanups run, a success when they have. */
  async cleanedUp(state: CaseState): Promise<CaseState> {
    const sound = state === '成功'
    if (!sound) this.concluded(state)
    const worse = this.pending
      ? this.taken('清理', await this.flow.scripts.cleanup({ script: '', ...this.scriptScopes() }))
      : undefined
    if (sound || worse !== undefined) this.concluded(worse ?? state)
    return worse ?? state
  }

  finished(state: CaseState) {
    const mask = this.flow.secrets.mask(this.sentHeaders)
    const result = { name: this.title, log_data: this.log.lines(mask), ...this.sent, state }
    return { result, changes: this.changes, mask }
  }

  /** A case without scripts, in an environment without functions, needs no sandbox. */
  async begin(): Promise<CaseState | undefined> {
    const scripted = ['setup_script', 'teardown_script'].some((name) => hasCode(this.script(name)))
    if (!scripted && !this.flow.hasGlobalCode) return undefined
    const from = this.now()
    const fault = await this.flow.scripts.beginCase()
    this.waited = this.now() - from
    this.signal?.throwIfAborted()
    if (fault === undefined) return undefined
    this.log.add('ERROR', `全局工具函数执行错误:\n${fault.message}`)
    this.log.add('EXCEPT', fault.traceback)
    return '错误'
  }

  async setup(): Promise<CaseState | undefined> {
    this.log.add('INFO', '*********执行前置脚本*********')
    const script = this.script('setup_script')
    if (!hasCode(script)) return undefined
    return this.taken('前置', await this.flow.scripts.setup({ script, ...this.scriptScopes() }))
  }

  /** Sends what the case asks for, by the variables that stand now. */
  async request(): Promise<ScriptResponse> {
    const { flow, data } = this
    const environmentHeaders = this.substitute()
    const upload = await uploadOf(data.get('file'), flow.files)
    const asked = askedBy(data, flow.ENV.get('host'))
    this.log.add('INFO', `发送[${asked.method}]请求 : 请求地址为${asked.address}：`)
    try {
      const built = buildRequest(asked, data, environmentHeaders, {
        cookieHeader: (url, own) => flow.cookies.header(url, own),
        boundary: () => randomBytes(16).toString('hex'),
        upload,
      })
      this.built(built)
      const { type } = built.wire.body
      const own = [...members(environmentHeaders), ...members(data.get('headers'))]
      data.set('headers', new Map<string, Json>(upload && type !== undefined ? [...own, ['Content-Type', type]] : own))
      return await this.answered(await exchange(built, flow.cookies, flow.connections, this.signal))
    } catch (error) {
      if (!(error instanceof CaseFault)) throw error
      throw new CaseFault(`请求发送失败，错误信息如下：${error.message}`, { cause: error })
    }
  }

  /** Replaces the variables in the case, and answers the environment's headers with theirs replaced. */
  substitute(): Json | undefined {
    const { flow, data } = this
    this.addSubstitutedSecrets()
    let environment = flow.ENV.get('headers')
    for (const name of SUBSTITUTED) {
      const value = data.get(name)
      this.refuseFaulty(name)
      // The two are one in the reason of a fault, and what the case has of its own need not be there in the environment.
      const both = name === 'headers' ? overlaid(environment, value) : undefined
      if (isObject(environment) && both !== undefined)
        environment = substitute(
          new Map([...environment.keys()].map((key) => [key, both.get(key) ?? null])),
          flow,
          both,
        )
      if (value !== undefined) data.set(name, substitute(value, flow, both ?? value))
    }
    return environment
  }

  refuseFaulty(field: string): void {
    const [, type, message] = /^(\w+): (.*)$/s.exec(this.faults[field] ?? '') ?? []
    if (type !== undefined && message !== undefined) throw new CaseFault(message, { type })
  }

  /** A secret may refer to other variables: what it comes to is one too. */
  addSubstitutedSecrets(): void {
    const { env, ENV, secrets } = this.flow
    for (const value of secrets.valuesIn(env, ENV)) {
      if (!leafTexts(value).some((text) => text.includes('${{'))) continue
      try {
        secrets.add(leafTexts(substitute(value, this.flow)))
      } catch (error) {
        // A case that does not use it need not be able to.
        if (!(error instanceof CaseFault)) throw error
      }
    }
  }

  /** What cannot be sent is told. */
  built({ wire, dropped }: BuiltRequest): void {
    this.sentHeaders = wire.headers.entries().map(([, value]) => value)
    for (const name of dropped) this.log.add('WARNING', `请求头${name}由发送端决定，未按用例发送`)
  }

  async answered(hops: readonly [Hop, ...Hop[]]): Promise<ScriptResponse> {
    const history: ScriptResponse[] = []
    for (const hop of hops.slice(0, -1))
      history.push(await seen(hop, await decodeBody(hop.response).catch(() => hop.response.body)))
    const last = hops.at(-1) ?? hops[0]
    const body = await decodeBody(last.response)
    const response = await seen(last, body, history)
    const charset = charsetOf(last.response.headers, body)
    const received = heldBody(shownBody(body, charset))
    const requested = heldBody(last.request.body.shown)
    this.sent = {
      url: last.request.url.href,
      method: last.request.method,
      status_cede: last.response.status,
      response_header: shownHeaders(last.response.headers),
      requests_header: shownHeaders(last.request.headers.entries()),
      response_body: received.text,
      requests_body: requested.text,
    }
    this.log.debug(() => `请求头：\n${reprHeaders(this.sent?.requests_header ?? {})}`)
    this.log.debugBody('请求体', () => requested.text)
    this.log.add('INFO', `请求响应状态码:${last.response.status}`)
    this.log.debug(() => `响应头：\n${reprHeaders(this.sent?.response_header ?? {})}`)
    this.log.debugBody('响应体', () => received.text)
    for (const [name, cut] of [
      ['请求体', requested.cut],
      ['响应体', received.cut],
    ] as const) {
      if (cut) this.log.add('WARNING', `${name}超过${MAX_SHOWN_BODY / 1024 / 1024}MiB，结果中只保留开头部分`)
    }
    return response
  }

  async teardown(response: ScriptResponse): Promise<CaseState> {
    this.log.add('INFO', '*********执行后置脚本*********')
    const script = this.script('teardown_script')
    if (!hasCode(script)) return '成功'
    return this.taken('后置', await this.flow.scripts.teardown({ script, ...this.scriptScopes(), response })) ?? '成功'
  }

  /** A setup script may have changed the teardown script too. */
  script(name: string): string {
    const script = this.data.get(name)
    return typeof script === 'string' ? script : ''
  }

  scriptScopes() {
    return {
      data: stringifyJson(this.data),
      env: stringifyJson(this.flow.env),
      ENV: stringifyJson(this.flow.ENV),
    }
  }

  /** Takes over what a script did, however it ended; answers the verdict when the case ends here. */
  taken(phase: '前置' | '后置' | '清理', outcome: ScriptOutcome): CaseState | undefined {
    this.signal?.throwIfAborted()
    this.log.append(outcome.log)
    this.assertions.push(...outcome.assertions)
    this.data = objectOf(outcome.data, 'data')
    this.faults = outcome.faults
    this.pending = outcome.pending
    this.flow.env = objectOf(outcome.env, 'env')
    this.flow.ENV = objectOf(outcome.ENV, 'ENV')
    this.flow.secrets.add(outcome.secrets)
    this.flow.secrets.addFrom(this.flow.env, this.flow.ENV)
    this.changes = {
      env: mergeChanges(this.changes.env, outcome.changes.env),
      ENV: mergeChanges(this.changes.ENV, outcome.changes.ENV),
    }
    const { end } = outcome
    switch (end.kind) {
      case 'done':
        return undefined
      case 'failed':
        return '失败'
      case 'skipped':
        return '跳过'
      case 'error':
        this.log.add('EXCEPT', end.traceback)
        return '错误'
      case 'limit':
        this.log.add('ERROR', `${phase}脚本执行错误:\n${end.message}`)
        this.log.add('EXCEPT', `${end.message}\n`)
        return '错误'
    }
  }

  concluded(state: CaseState): void {
    if (state === '成功') this.log.verdict('INFO', `${this.title}执行——>【通过】\n`)
    else if (state === '失败') this.log.verdict('WARNING', `${this.title}执行——>【失败】\n`)
    else if (state === '错误') this.log.verdict('ERROR', `${this.title}执行——>【错误Error】\n`)
    else this.log.verdict('WARNING', `${this.title}执行——>【跳过】\n`)
  }
}

function dataOf(testCase: CaseToRun): JsonObject {
  const { title, interface: called, headers, request, file, setupScript, teardownScript } = testCase
  return new Map<string, Json>([
    ['title', title],
    ['interface', new Map(Object.entries(called))],
    ['headers', parseJson(headers)],
    ['request', parseJson(request)],
    ['file', parseJson(file)],
    ['setup_script', setupScript],
    ['teardown_script', teardownScript],
  ])
}

/** An object with another's members over its own; none when one of them is no object. */
function overlaid(under: Json | undefined, over: Json | undefined): JsonObject | undefined {
  return isObject(under) && isObject(over) ? new Map([...under, ...over]) : undefined
}

function members(json: Json | undefined): JsonObject {
  return isObject(json) ? json : new Map()
}

function objectOf(text: JsonText, name: string): JsonObject {
  try {
    return members(parseJson(text, { nonFinite: true }))
  } catch (error) {
    throw new CaseFault(`脚本在${name}中保存的值无法读取：嵌套层数过多`, { cause: error })
  }
}

function reprHeaders(headers: Readonly<Record<string, string>>): string {
  return repr(new Map(Object.entries(headers)))
}

/** The sentence that ends an EXCEPT line. An error that is not the case's own is told too: the run goes on without it. */
function reasonOf(error: unknown): string {
  if (error instanceof CaseFault) return `${error.type}: ${error.message}`
  return Error.isError(error) ? `${error.name}: ${error.message}` : String(error)
}

async function seen(
  { request, response, cookies }: Hop,
  body: Buffer,
  history: readonly ScriptResponse[] = [],
): Promise<ScriptResponse> {
  return {
    status: response.status,
    reason: response.reason,
    headers: response.headers,
    body,
    url: request.url.href,
    encoding: charsetOf(response.headers, body).encoding,
    elapsedMs: response.elapsedMs,
    cookies,
    history,
    request: {
      method: request.method,
      url: request.url.href,
      headers: request.headers.entries(),
      body: preparedBody(request.body),
    },
  }
}

/** What requests' `PreparedRequest.body` is: it encodes JSON and files itself, and leaves texts and forms to what sends them. */
function preparedBody({ kind, bytes }: RequestBody): ScriptResponse['request']['body'] {
  if (bytes === null) return null
  return kind === 'text' || kind === 'form' ? Buffer.from(bytes).toString() : bytes
}
