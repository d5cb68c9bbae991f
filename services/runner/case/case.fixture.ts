/** For tests of whole cases without a sandbox or a network: scripts and a target that do what the test says. */
import { parseJson, type JsonObject, type JsonText } from '../../../contracts/json.ts'
import { RunCookies } from './cookies.ts'
import type { Flow } from './flow.ts'
import { NO_CHANGES, type CaseOutcome } from './result.ts'
import type { WireRequest } from './request.ts'
import { runCase, type CaseToRun } from './run-case.ts'
import { RunSecrets } from './run-secrets.ts'
import type { ScriptCall, ScriptFault, ScriptOutcome, ScriptResponse, ScriptSession } from './scripts.ts'
import type { Connections, RawResponse } from './send.ts'
import type { CaseFiles } from './upload.ts'

export const json = (text: string) => text as JsonText

export type ScriptAnswer = Partial<ScriptOutcome>
export type FakeScripts = ScriptSession & {
  calls: string[]
  setupCall?: ScriptCall
  teardownCall?: ScriptCall & { response: ScriptResponse }
  cleanupCall?: ScriptCall
}

/** A session whose scripts do what the test says, and that remembers what it was asked. */
export function scriptsThat(
  setup: ScriptAnswer = {},
  teardown: ScriptAnswer = {},
  fault?: ScriptFault,
  cleanup: ScriptAnswer = {},
): FakeScripts {
  const ended = ({ data, env, ENV }: ScriptCall, answer: ScriptAnswer): ScriptOutcome => {
    const untouched = {
      data,
      env,
      ENV,
      log: [],
      assertions: [],
      secrets: [],
      faults: {},
      pending: false,
      changes: { env: NO_CHANGES, ENV: NO_CHANGES },
    }
    return { end: { kind: 'done' }, ...untouched, ...answer }
  }
  const scripts: FakeScripts = {
    calls: [],
    beginCase: () => {
      scripts.calls.push('begin')
      return Promise.resolve(fault)
    },
    setup: (call) => {
      scripts.calls.push('setup')
      scripts.setupCall = call
      return Promise.resolve(ended(call, setup))
    },
    teardown: (call) => {
      scripts.calls.push('teardown')
      scripts.teardownCall = call
      return Promise.resolve(ended(call, teardown))
    },
    cleanup: (call) => {
      scripts.calls.push('cleanup')
      scripts.cleanupCall = call
      return Promise.resolve(ended(call, cleanup))
    },
  }
  return scripts
}

export type FakeTarget = Connections & { requests: WireRequest[] }

/** A target that gives these answers, one after the other. */
export function targetThat(...answers: (Partial<RawResponse> | Error)[]): FakeTarget {
  const requests: WireRequest[] = []
  return {
    requests,
    send: (request) => {
      const answer = answers[requests.length] ?? {}
      requests.push(request)
      if (answer instanceof Error) return Promise.reject(answer)
      return Promise.resolve({
        status: 200,
        reason: 'OK',
        headers: [],
        body: Buffer.alloc(0),
        elapsedMs: 12,
        ...answer,
      })
    },
    close: () => Promise.resolve(),
  }
}

type FlowGiven = {
  files?: CaseFiles
  debug?: boolean
  env?: string
  ENV?: string
  secrets?: readonly string[]
  secretPaths?: readonly string[]
  globalCode?: boolean
}

export function flowWith(scripts: ScriptSession, connections: Connections, given: FlowGiven = {}): Flow {
  return {
    debug: given.debug ?? false,
    scripts,
    connections,
    files: given.files ?? (() => Promise.resolve(undefined)),
    cookies: new RunCookies(),
    secrets: new RunSecrets(given.secretPaths, given.secrets),
    hasGlobalCode: given.globalCode ?? false,
    env: parseJson(given.env ?? '{}') as JsonObject,
    ENV: parseJson(given.ENV ?? '{"host":"http://h","headers":{"X-Env":"1"}}') as JsonObject,
  }
}

export function caseWith(given: Partial<CaseToRun> = {}): CaseToRun {
  return {
    title: '登录',
    interface: { url: '/p', method: 'post', name: '登录接口' },
    headers: json('{}'),
    request: json('{}'),
    file: json('[]'),
    setupScript: '',
    teardownScript: '',
    ...given,
  }
}

let ticks = 0
export const clock = { now: () => '2026-01-01T00:00:00.000Z', monotonic: () => (ticks += 455) }

export function run(flow: Flow, testCase: Partial<CaseToRun> = {}, signal?: AbortSignal): Promise<CaseOutcome> {
  return runCase(flow, caseWith(testCase), { clock, ...(signal === undefined ? {} : { signal }) })
}
