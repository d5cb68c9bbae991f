import type { JsonText } from '../../../contracts/json.ts'
import type { ScriptEnd as SandboxEnd, ScriptOutcome as SandboxOutcome } from '../sandbox/outcome.ts'
import type { SandboxPool } from '../sandbox/pool.ts'
import type { Sandbox, ScriptDatabases } from '../sandbox/sandbox.ts'
import type {
  ScopeChanges,
  ScriptCall,
  ScriptEnd,
  ScriptFault,
  ScriptOutcome,
  ScriptResponse,
  ScriptSession,
} from './scripts.ts'

export type SandboxScripts = ScriptSession &
  Readonly<{
    /** Resolves when the interpreter is there, or cannot be had: the case that asks for it hears why. */
    ready: () => Promise<void>
    close: () => void
  }>

/** The scripts of one flow in a sandbox of their own, taken from `pool` when the first case needs it. An aborted signal closes it. */
export function sandboxScripts(
  pool: Pick<SandboxPool, 'open'>,
  options: Readonly<{
    globalFunc: string
    debug: boolean
    secretPaths?: readonly string[]
    databases?: ScriptDatabases
    signal?: AbortSignal
  }>,
): SandboxScripts {
  const { globalFunc, debug, secretPaths = [], databases, signal } = options
  let opening: Promise<Opened> | undefined
  let closed = false

  async function open(): Promise<Opened> {
    const sandbox = await pool.open({ signal, databases })
    if (closed) sandbox.close()
    try {
      return { sandbox, fault: faultOf(await sandbox.begin({ globalFunc, debug, secretPaths })) }
    } catch (error) {
      sandbox.close()
      throw error
    }
  }

  async function run(
    phase: 'setup' | 'teardown' | 'cleanup',
    call: ScriptCall,
    response?: ScriptResponse,
  ): Promise<ScriptOutcome> {
    const { sandbox } = await (opening ??= open())
    return outcomeOf(await sandbox.runScript({ phase, ...call, ...(response === undefined ? {} : { response }) }))
  }

  /** A pool that gave no sandbox is asked again by the next case. */
  const opened = (): Promise<Opened> =>
    (opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    }))

  return {
    ready: () =>
      opened().then(
        () => undefined,
        () => undefined,
      ),
    async beginCase() {
      const { sandbox, fault } = await opened()
      sandbox.beginCase()
      return fault
    },
    setup: (call) => run('setup', call),
    teardown: ({ response, ...call }) => run('teardown', call, response),
    cleanup: (call) => run('cleanup', call),
    close() {
      closed = true
      opening?.then(
        ({ sandbox }) => sandbox.close(),
        () => undefined,
      )
    },
  }
}

type Opened = Readonly<{ sandbox: Sandbox; fault: ScriptFault | undefined }>

function faultOf(end: SandboxEnd | null): ScriptFault | undefined {
  if (end?.kind === 'error') return { message: end.message, traceback: end.traceback }
  return end?.kind === 'limit' ? { message: end.message, traceback: `${end.message}\n` } : undefined
}

/** The texts are JSON by the sandbox's own schema. */
function outcomeOf({ end, log, data, env, ENV, changes, assertions, ...rest }: SandboxOutcome): ScriptOutcome {
  return {
    end: endOf(end),
    log: log.map(({ level, text }) => [level, text]),
    assertions: assertions.map((assertion) => ({
      ...assertion,
      expected: assertion.expected as JsonText,
      actual: assertion.actual as JsonText,
    })),
    data: data as JsonText,
    env: env as JsonText,
    ENV: ENV as JsonText,
    changes: { env: changesOf(changes.env), ENV: changesOf(changes.ENV) },
    ...rest,
  }
}

function changesOf({ set, deleted }: SandboxOutcome['changes']['env']): ScopeChanges {
  return { set: Object.fromEntries(Object.entries(set).map(([name, text]) => [name, text as JsonText])), deleted }
}

function endOf(end: SandboxEnd): ScriptEnd {
  if (end.kind === 'error') return { kind: 'error', message: end.message, traceback: end.traceback }
  return end.kind === 'limit' ? { kind: 'limit', message: end.message } : { kind: end.kind }
}
