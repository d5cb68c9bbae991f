import { isObject, stringifyJson, type JsonObject, type JsonText } from '../../contracts/json.ts'
import { parseTargetDeny } from '../../services/runner/case/deny.ts'
import { closeFlow, openFlow } from '../../services/runner/case/flow.ts'
import { repr } from '../../services/runner/case/python.ts'
import { runCase, type CaseToRun } from '../../services/runner/case/run-case.ts'
import { sandboxScripts } from '../../services/runner/case/sandbox-scripts.ts'
import type { SandboxPool } from '../../services/runner/sandbox/pool.ts'
import { normalised, type ObservedScene } from './observed.ts'
import { sceneFor, textOf, type Scene, type SceneToRun } from './scene.ts'
import { startTarget, type Target } from './target.ts'

/** Runs a scene in this engine, with a target of its own and an interpreter from `pool`. */
export async function runHere(scene: Scene, pool: Pick<SandboxPool, 'open'>): Promise<ObservedScene> {
  const target = await startTarget(scene.answers)
  try {
    return await runScene(sceneFor(scene, target), target, pool)
  } finally {
    await target.stop()
  }
}

const clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }

async function runScene(
  { debug, ENV, globalFunc, files: kept, cases }: SceneToRun,
  target: Target,
  pool: Pick<SandboxPool, 'open'>,
): Promise<ObservedScene> {
  const scripts = sandboxScripts(pool, { globalFunc, debug })
  const { host, headers, globalVariables } = surroundings(ENV)
  const environment = { host, headers, globalVariables, globalFunc, secrets: [], secretPaths: [] }
  const files = (path: string) => {
    const bytes = kept.get(path)
    return Promise.resolve(bytes && { name: path.split('/').at(-1) ?? '', type: 'application/octet-stream', bytes })
  }
  const flow = openFlow({ environment, debug, scripts, targetDeny: parseTargetDeny(''), files })
  const results: Readonly<Record<string, unknown>>[] = []
  try {
    for (const one of cases) {
      results.push((await runCase(flow, caseToRun(one), { clock })).result)
      target.nextCase()
    }
  } finally {
    scripts.close()
    await closeFlow(flow)
  }
  const sent = target.sent()
  const seen = {
    cases: results.map((result, index) => ({ result, sent: sent[index] ?? [] })),
    env: printed(flow.env),
    ENV: printed(flow.ENV),
  }
  return normalised(seen, target)
}

function surroundings(ENV: JsonObject): { host: string; headers: JsonObject; globalVariables: JsonObject } {
  const headers = ENV.get('headers')
  return {
    host: textOf(ENV.get('host')),
    headers: isObject(headers) ? headers : new Map(),
    globalVariables: new Map([...ENV].filter(([name]) => name !== 'host' && name !== 'headers')),
  }
}

function caseToRun(one: JsonObject): CaseToRun {
  const text = (name: string): JsonText => stringifyJson(one.get(name) ?? null)
  const called = one.get('interface') as JsonObject
  return {
    title: textOf(one.get('title')),
    interface: { url: textOf(called.get('url')), method: textOf(called.get('method')) },
    headers: text('headers'),
    request: text('request'),
    file: text('file'),
    setupScript: textOf(one.get('setup_script')),
    teardownScript: textOf(one.get('teardown_script')),
  }
}

/** Variables as Python prints them, by their names. */
function printed(scope: JsonObject): Record<string, string> {
  return Object.fromEntries([...scope].map(([name, value]) => [name, repr(value)]))
}
