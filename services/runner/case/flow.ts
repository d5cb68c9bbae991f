import type { SerializedCookieJar } from 'tough-cookie'
import type { Json, JsonObject } from '../../../contracts/json.ts'
import { RunCookies } from './cookies.ts'
import type { TargetDeny } from './deny.ts'
import { RunSecrets } from './run-secrets.ts'
import type { ScriptSession } from './scripts.ts'
import { openConnections, type Connections } from './send.ts'
import type { CaseFiles } from './upload.ts'

/** The environment that a run runs in. */
export type RunEnvironment = Readonly<{
  host: string
  headers: JsonObject
  /** For a debug run with `debug_global_variable` laid over it. */
  globalVariables: JsonObject
  /** Python source whose functions scripts call as `global_func.name`. */
  globalFunc: string
  /** Values in clear that results show as `******`. */
  secrets: readonly string[]
  /** What the environment names as secret: `headers.X`, `global_variable.x`. */
  secretPaths: readonly string[]
}>

export type FlowOptions = Readonly<{
  environment: RunEnvironment
  /** A run of one case by `cases/run/`: the engine's DEBUG lines are kept. */
  debug: boolean
  scripts: ScriptSession
  /** What the run must not show, shared by its flows; of its own where it is not said. */
  secrets?: RunSecrets
  targetDeny: TargetDeny
  /** What cases may upload; nothing where it is not said. */
  files?: CaseFiles
  /** Where an earlier attempt of the same run stopped. */
  resume?: Readonly<{
    env: JsonObject
    ENV: JsonObject
    cookies?: SerializedCookieJar
    /** All that scripts have saved, what was overwritten since included: secrets among it stay hidden. */
    saved: readonly JsonObject[]
  }>
}>

/** One run under way: what its cases share. Cases run one after the other. */
export interface Flow {
  readonly debug: boolean
  readonly scripts: ScriptSession
  readonly connections: Connections
  readonly files: CaseFiles
  readonly cookies: RunCookies
  readonly secrets: RunSecrets
  /** Whether the environment's source has anything to fail with: then a case without scripts asks the sandbox too. */
  readonly hasGlobalCode: boolean
  /** The temporary scope; lives as long as a scene. */
  env: JsonObject
  /** The global scope: `host`, `headers` and the environment's variables. */
  ENV: JsonObject
}

export function openFlow({
  environment,
  debug,
  scripts,
  secrets = secretsOf(environment),
  targetDeny,
  files = noFiles,
  resume,
}: FlowOptions): Flow {
  const { globalFunc } = environment
  const env = resume?.env ?? new Map()
  const ENV = resume?.ENV ?? globalScope(environment)
  // What the run began with too: a case may have saved over it before an earlier attempt stopped.
  secrets.addFrom(globalScope(environment), env, ENV, ...(resume?.saved ?? []))
  return {
    debug,
    scripts,
    connections: openConnections(targetDeny),
    files,
    cookies: new RunCookies(resume?.cookies),
    secrets,
    hasGlobalCode: hasCode(globalFunc.replace(DOCSTRING, '').replace(TOOLS_IMPORT, '')),
    env,
    ENV,
  }
}

/** What a run in that environment must not show from its beginning on. */
export function secretsOf(environment: RunEnvironment): RunSecrets {
  return new RunSecrets(environment.secretPaths, environment.secrets)
}

const noFiles: CaseFiles = () => Promise.resolve(undefined)

/** The global scope that a run begins with. */
export function globalScope({ host, headers, globalVariables }: RunEnvironment): JsonObject {
  return new Map<string, Json>([['host', host], ['headers', headers], ...globalVariables])
}

/** What every environment's source begins with (seed 000 §四 项目管理 2.1) cannot fail, so that it alone starts no sandbox. */
const DOCSTRING = /^\s*("""[^\\]*?"""|'''[^\\]*?''')/
const TOOLS_IMPORT = /^from (apitestengine|ApiTestEngine)\.core\.tools import \*[ \t]*$/m

/** The temporary variables of a scene end with it. */
export function beginScene(flow: Flow): void {
  flow.env = new Map()
}

/** Closes the run's connections. The sandbox belongs to who opened it. */
export async function closeFlow(flow: Flow): Promise<void> {
  await flow.connections.close()
}

/** Whether a Python source does anything: blank lines and comments do not. */
export function hasCode(source: string): boolean {
  return source.split(/\r\n|\r|\n/).some((line) => !/^[ \t\f]*(#|$)/.test(line))
}
