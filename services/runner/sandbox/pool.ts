/**
 * The sandboxes of a runner: interpreters kept warm, one handed out for each run and never taken back. Nothing is
 * started before the first use (or `warm`), and all that takes long happens in other processes.
 */
import { RunSandbox, type Sandbox, type ScriptDatabases } from './sandbox.ts'
import { snapshotIn, type Snapshot } from './snapshot.ts'
import { WalledChild } from './walled-child.ts'
import { findWalls, type WallReport, type Wrapper } from './walls.ts'

export interface SandboxLog {
  warn(fields: object, message: string): void
}

export interface SandboxPoolOptions {
  /** How many interpreters wait for a run. */
  size: number
  log: SandboxLog
  /** Holds the memory snapshot that makes the start fast (some 30 MB). It can be deleted at any time. */
  cacheDir: string
  /** Wall-clock limit of one script. */
  scriptTimeoutMs?: number
  /** Limit of an interpreter's memory, its own 30 MiB included. */
  memoryLimitMb?: number
  /** What scripts take for the local time; without one the host's. */
  timeZone?: string
  /** Told of each interpreter that takes the place of one that a script has taken down. */
  replaced?: () => void
}

export interface OpenSandbox {
  signal?: AbortSignal | undefined
  databases?: ScriptDatabases | undefined
  /** It is one more for a run under way: that the next run finds one is not as pressing as what this one does. */
  more?: boolean
}

export interface SandboxPool {
  /** A sandbox for one run. An aborted signal closes it. */
  open(options?: OpenSandbox): Promise<Sandbox>
  /** How many interpreters are there for whoever asks now. */
  readonly spare: number
  /** Starts what is missing in the background. */
  warm(): void
  /** Makes the snapshot that interpreters start from where there is none yet, in the background: the first run need not wait for it. */
  prepare(): void
  /** Ends every interpreter, those in use too. */
  stop(): Promise<void>
  /** Which walls this host gives; found by trying, on the first read. */
  readonly walls: Promise<WallReport>
}

/** Milliseconds that a run has the machine to itself before its interpreter is replaced, when others are at hand. */
const REFILL_MS = 250

export function createSandboxPool(options: SandboxPoolOptions): SandboxPool {
  return new Pool(options)
}

interface Means {
  wrapper: Wrapper
  report: WallReport
  snapshot: Snapshot
}

class Pool implements SandboxPool {
  readonly #options: SandboxPoolOptions & Required<Pick<SandboxPoolOptions, 'scriptTimeoutMs' | 'memoryLimitMb'>>
  readonly #children = new Set<WalledChild>()
  readonly #starting = new Set<Promise<WalledChild>>()
  /** Interpreters for runs to come: ready, or about to be. */
  readonly #spare = new Set<Promise<WalledChild>>()
  /** Those of them that are ready. */
  readonly #ready = new WeakSet<Promise<WalledChild>>()
  #means: Promise<Means> | undefined
  #refilling: NodeJS.Timeout | undefined
  readonly #stopping = new AbortController()
  #stopped = false

  constructor(options: SandboxPoolOptions) {
    this.#options = { scriptTimeoutMs: 10_000, memoryLimitMb: 256, ...options }
  }

  get walls(): Promise<WallReport> {
    return this.#found().then(({ report }) => report)
  }

  get spare(): number {
    return [...this.#spare].filter((each) => this.#ready.has(each)).length
  }

  async open({ signal, databases, more = false }: OpenSandbox = {}): Promise<Sandbox> {
    signal?.throwIfAborted()
    const child = await this.#takeUnless(signal, more)
    const { scriptTimeoutMs, replaced } = this.#options
    const acquire = async (): Promise<WalledChild> => {
      const next = await this.#takeUnless(signal)
      replaced?.()
      return next
    }
    return new RunSandbox({ child, acquire, scriptTimeoutMs, databases, signal })
  }

  warm(): void {
    while (!this.#stopped && this.#spare.size < this.#options.size) {
      const spare = this.#start()
      this.#spare.add(spare)
      spare.then(
        () => this.#ready.add(spare),
        // Not tried again until a run asks for one, which then hears of it.
        (problem: unknown) => {
          this.#spare.delete(spare)
          if (!this.#stopped) this.#options.log.warn({ err: problem }, 'a script sandbox did not start')
        },
      )
    }
  }

  prepare(): void {
    this.#found()
      .then(({ snapshot }) => snapshot.open())
      .then(
        (file) => file.close(),
        (problem: unknown) => {
          if (!this.#stopped)
            this.#options.log.warn({ err: problem }, 'the snapshot of the script sandbox was not made')
        },
      )
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#refilling)
    // First what runs: a script under way must not outlast the platform because another interpreter is slow to start.
    const children = [...this.#children]
    for (const child of children) child.kill()
    this.#stopping.abort()
    await Promise.allSettled(this.#starting)
    await Promise.all([...children, ...this.#children].map((child) => child.exited()))
  }

  #found(): Promise<Means> {
    const { timeZone } = this.#options
    this.#means ??= findWalls().then(({ wrapper: walled, report }) => {
      const wrapper = timeZone === undefined ? walled : { ...walled, env: { ...walled.env, TZ: timeZone } }
      return {
        wrapper,
        report,
        snapshot: snapshotIn(this.#options.cacheDir, wrapper, this.#options.memoryLimitMb, this.#stopping.signal),
      }
    })
    return this.#means
  }

  /** A spare interpreter, or a new one; and another spare for the next run. */
  async #take(more: boolean): Promise<WalledChild> {
    if (this.#stopped) throw new Error('the sandbox pool has stopped')
    for (const spare of this.#spare) {
      this.#spare.delete(spare)
      const child = await spare.catch(() => undefined)
      if (child?.alive !== true) continue
      this.#refill(more)
      return child
    }
    const child = await this.#start()
    this.#refill(more)
    return child
  }

  /** Whoever is told to leave does not wait for an interpreter that is slow to start; nobody needs it when it comes. */
  async #takeUnless(aborted: AbortSignal | undefined, more = false): Promise<WalledChild> {
    const taking = this.#take(more)
    const left = Promise.withResolvers<never>()
    const leave = (): void => left.reject(aborted?.reason)
    aborted?.addEventListener('abort', leave, { once: true })
    if (aborted?.aborted === true) leave()
    try {
      return await Promise.race([taking, left.promise])
    } catch (problem) {
      taking.then(
        (child) => child.kill(),
        () => undefined,
      )
      throw problem
    } finally {
      aborted?.removeEventListener('abort', leave)
    }
  }

  /** While others are at hand the next interpreter may wait: to start one takes what the run that has just begun needs. */
  #refill(later: boolean): void {
    if (this.#spare.size === 0 && !later) this.warm()
    else this.#refilling ??= setTimeout(() => this.#refillNow(), REFILL_MS).unref()
  }

  #refillNow(): void {
    this.#refilling = undefined
    this.warm()
  }

  #start(): Promise<WalledChild> {
    const started = this.#startOne().finally(() => this.#starting.delete(started))
    this.#starting.add(started)
    return started
  }

  async #startOne(): Promise<WalledChild> {
    const { wrapper, snapshot } = await this.#found()
    let child: WalledChild
    try {
      child = await this.#startFrom(wrapper, snapshot)
    } catch (problem) {
      if (this.#stopped) throw problem
      // A snapshot may be whole and still not fit (another CPU, another kernel): once, it is made again.
      await snapshot.discard()
      child = await this.#startFrom(wrapper, snapshot)
    }
    this.#children.add(child)
    if (this.#stopped) child.kill()
    void child.exited().then(() => this.#children.delete(child))
    return child
  }

  async #startFrom(wrapper: Wrapper, snapshot: Snapshot): Promise<WalledChild> {
    if (this.#stopped) throw new Error('the sandbox pool has stopped')
    const file = await snapshot.open()
    try {
      return await WalledChild.start(wrapper, this.#options.memoryLimitMb, file, this.#stopping.signal)
    } finally {
      await file.close()
    }
  }
}
