import type { Json } from '../../contracts/json.ts'
import type { TargetDeny } from './case/deny.ts'
import { pause } from '../../platform/pause.ts'
import { openDatabases } from './databases/open.ts'
import type { SandboxPool } from './sandbox/pool.ts'
import type { Sandbox } from './sandbox/sandbox.ts'

/** The interpreters of one run. */
export type Interpreters = Readonly<{
  /** One for a scene, which gives it back by `close`; it is begun anew each time. */
  open(): Promise<Sandbox>
  close(): Promise<void>
}>

/** Milliseconds that a scene waits for one that another gives back, before it has one started. */
const PATIENCE_MS = 200

/** An interpreter, and how what a scene has open in databases is closed. */
type Shared = Readonly<{ sandbox: Sandbox; closeDatabases(): Promise<void> }>

/**
 * Scenes that go side by side share what interpreters there are: to start one takes longer than a short scene. Where they are needed for
 * long there is soon one for each, up to `most`.
 */
export function createInterpreters(deps: {
  sandboxes: Pick<SandboxPool, 'open' | 'spare'>
  most: number
  /** The environment's databases: a scene never finds the session of another. */
  db: Json
  targetDeny: TargetDeny
  signal: AbortSignal
  patienceMs?: number
}): Interpreters {
  const { sandboxes, most, db, targetDeny, signal, patienceMs = PATIENCE_MS } = deps
  const all: Shared[] = []
  const free: Shared[] = []
  const waiting: PromiseWithResolvers<Shared>[] = []
  const closing = new AbortController()
  let growing: Promise<void> | undefined

  async function start(): Promise<Shared> {
    let databases = openDatabases(db, targetDeny)
    const sandbox = await sandboxes.open({
      signal,
      databases: { names: databases.names, answer: (...asked) => databases.answer(...asked) },
      more: all.length > 0,
    })
    const shared = {
      sandbox,
      async closeDatabases() {
        const old = databases
        databases = openDatabases(db, targetDeny)
        await old.close()
      },
    }
    all.push(shared)
    if (closing.signal.aborted) sandbox.close()
    return shared
  }

  /** Starts one after the other while somebody waits. */
  async function grow(): Promise<void> {
    try {
      while (waiting.length > 0 && all.length < most && !closing.signal.aborted) {
        if (all.length > 0 && sandboxes.spare === 0) {
          const [first] = waiting
          await pause(patienceMs, closing.signal)
          if (first !== waiting[0]) continue
        }
        offer(await start())
      }
    } catch (error) {
      for (const waiter of waiting.splice(0)) waiter.reject(error)
    } finally {
      growing = undefined
    }
  }

  function offer(shared: Shared): void {
    const next = waiting.shift()
    if (next) next.resolve(shared)
    else free.push(shared)
  }

  /** Whoever waits when the run is left waits for nothing. */
  function giveUp(reason: unknown): void {
    closing.abort(reason)
    for (const waiter of waiting.splice(0)) waiter.reject(reason)
  }
  const left = (): void => giveUp(signal.reason)
  signal.addEventListener('abort', left, { once: true })

  function take(): Promise<Shared> {
    if (closing.signal.aborted || signal.aborted)
      return Promise.reject((closing.signal.reason ?? signal.reason) as Error)
    const shared = free.pop()
    if (shared) return Promise.resolve(shared)
    const waiter = Promise.withResolvers<Shared>()
    waiting.push(waiter)
    growing ??= grow()
    return waiter.promise
  }

  return {
    async open() {
      const { sandbox, closeDatabases } = await take()
      let open = true
      return {
        begin: (input) => sandbox.begin(input),
        beginCase: () => sandbox.beginCase(),
        runScript: (input) => sandbox.runScript(input),
        close() {
          if (!open) return
          open = false
          void closeDatabases().finally(() => offer({ sandbox, closeDatabases }))
        },
      }
    },

    async close() {
      signal.removeEventListener('abort', left)
      giveUp(new Error('the run is over'))
      for (const { sandbox } of all) sandbox.close()
      await Promise.all(all.map(({ closeDatabases }) => closeDatabases()))
      await growing
    },
  }
}
