/** For tests: a pool whose cache all of them share, and a case whose scripts run one after the other. */
import { fileURLToPath } from 'node:url'
import { createSandboxPool, type SandboxPool, type SandboxPoolOptions } from './pool.ts'
import type { ResponseData, Sandbox, ScriptDatabases } from './sandbox.ts'
import type { ScriptOutcome } from './outcome.ts'

/** Kept between test runs: making the snapshot takes seconds, and its name tells all that it depends on. */
export const SANDBOX_CACHE = fileURLToPath(new URL('../../../.cache/sandbox/', import.meta.url))

export function givenPool(options: Partial<SandboxPoolOptions> = {}): SandboxPool {
  return createSandboxPool({ size: 1, log: { warn: () => {} }, cacheDir: SANDBOX_CACHE, ...options })
}

/** The variables and the case as they go from script to script. */
export interface GivenCase {
  sandbox: Sandbox
  setup(script: string): Promise<ScriptOutcome>
  teardown(script: string, response?: ResponseData): Promise<ScriptOutcome>
}

export interface GivenCaseOptions {
  globalFunc?: string
  debug?: boolean
  secretPaths?: readonly string[]
  databases?: ScriptDatabases
  data?: string
  env?: string
  ENV?: string
}

/** A run with one case in it. What a script leaves is what the next one gets. */
export async function givenCase(pool: SandboxPool, options: GivenCaseOptions = {}): Promise<GivenCase> {
  const { globalFunc = '', debug = false, secretPaths = [], databases } = options
  const sandbox = await pool.open({ databases })
  await sandbox.begin({ globalFunc, debug, secretPaths })
  sandbox.beginCase()
  let { data = '{}', env = '{}', ENV = '{}' } = options
  const run = async (phase: 'setup' | 'teardown', script: string, response?: ResponseData): Promise<ScriptOutcome> => {
    const outcome = await sandbox.runScript({ phase, script, data, env, ENV, ...(response ? { response } : {}) })
    ;({ data, env, ENV } = outcome)
    return outcome
  }
  return {
    sandbox,
    setup: (script) => run('setup', script),
    teardown: (script, response) => run('teardown', script, response),
  }
}

/** What `print` wrote, a text for each entry. */
export function printed(outcome: ScriptOutcome): string[] {
  return outcome.log.filter(({ source }) => source === 'print').map(({ text }) => text)
}

/** The log as pairs of level and text, as results show it. */
export function lines(outcome: ScriptOutcome): [string, string][] {
  return outcome.log.map(({ level, text }) => [level, text])
}
