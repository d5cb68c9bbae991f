import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { clusterOf } from '../../platform/embedded-postgres/cluster.ts'
import { embeddedConnection } from '../../platform/embedded-postgres.ts'
import { openDatabase } from '../../platform/postgres.ts'
import { quiet } from '../support/quiet.ts'
import { isServerOf, readPostmaster } from '../../platform/embedded-postgres/postmaster.ts'
import { ADMIN, type Caller, caller, login } from '../support/platform.ts'
import { type LaunchedProcess, launchProcess } from '../support/platform-process.ts'

/** What is done to the platform. */
export const STRIKES = {
  kill: 'the process is killed',
  'kill both': 'the process and its database are killed',
  'kill twice': 'the process is killed, and killed again while it starts',
  'kill database': 'the database is killed, and the process ends by itself',
  stop: 'the process is told to stop',
} as const
export type Strike = keyof typeof STRIKES

/** One of them. Milliseconds: in which the log takes nothing before it (0 for none), and until the second of two kills. */
export type Blow = Readonly<{ how: Strike; stall: number; second: number }>

/** Milliseconds: until a start is ready (a database that recovers takes its time), and until a process has stopped. */
const READY_MS = 90_000
const STOPPED_MS = 20_000

/**
 * The platform that is struck: one data directory, and one process after the other on it. `now()` is the one that answers, whenever that
 * will be.
 */
export class Subject {
  readonly #dataDir: string
  readonly #log
  readonly logFile: string
  #process: LaunchedProcess | undefined
  #up = Promise.withResolvers<Caller>()
  /** When each of its processes had ended, in milliseconds of this process's clock. */
  readonly endedAt: number[] = []
  /** A strike is under way, or the start after it. */
  isStruck = true

  constructor(dataDir: string) {
    this.#dataDir = dataDir
    this.logFile = join(dataDir, 'platform.log')
    this.#log = createWriteStream(this.logFile, { flags: 'a' })
  }

  /** How to call the platform, when there is one. */
  now(): Promise<Caller> {
    return this.#up.promise
  }

  /** A start that is ready; throws when it ends before, or takes too long. */
  async start(): Promise<void> {
    const launched = this.#launch()
    const url = await Promise.race([launched.ready, late(READY_MS)])
    if (url === undefined) throw new Error(`the platform was not ready: ${launched.said().slice(-2_000)}`)
    let token = ''
    const call = caller(
      () => url,
      () => token,
    )
    token = await login(call, ADMIN)
    this.isStruck = false
    this.#up.resolve(call)
  }

  #launch(): LaunchedProcess {
    const launched = launchProcess(this.#dataDir, {
      LOG_LEVEL: 'info',
      RUN_CONCURRENCY: '6',
      RATE_LIMIT: '0',
      SANDBOX_POOL: '2',
    })
    launched.stderr.on('data', (chunk: Buffer) => this.#log.write(chunk))
    this.#process = launched
    return launched
  }

  /** Strikes, and resolves when nothing runs any more. Throws when the end is not the one that it should be. */
  async strike({ how, stall, second }: Blow): Promise<void> {
    const goOn = stall > 0 ? await this.#stall() : undefined
    await pause(stall)
    this.#up = Promise.withResolvers()
    this.isStruck = true
    try {
      await this.#end(how, second)
    } finally {
      await goOn?.()
    }
  }

  /** The log takes nothing until the answer is called: whatever is under way then has results that are not written. */
  async #stall(): Promise<() => Promise<void>> {
    const connection = embeddedConnection(this.#dataDir)
    if (connection === undefined) throw new Error('there is no database to stall')
    const db = await openDatabase({ connection, max: 1, log: quiet })
    const locked = Promise.withResolvers<void>()
    const over = Promise.withResolvers<void>()
    const holding = db.transaction(async (sql) => {
      await sql.query('lock table events in share mode')
      locked.resolve()
      await over.promise
    })
    // It may be the database that ends.
    holding.catch(locked.reject)
    await locked.promise
    return async () => {
      over.resolve()
      await holding.catch(() => {})
      await db.close()
    }
  }

  async #end(how: Strike, second: number): Promise<void> {
    switch (how) {
      case 'kill':
        await this.#signal('SIGKILL')
        return
      case 'kill both': {
        const postmaster = this.#postmaster()
        const ended = this.#signal('SIGKILL')
        if (postmaster !== undefined) process.kill(postmaster, 'SIGKILL')
        await ended
        return
      }
      case 'kill twice':
        await this.#signal('SIGKILL')
        this.#launch()
        await pause(second)
        await this.#signal('SIGKILL')
        return
      case 'kill database': {
        const postmaster = this.#postmaster()
        if (postmaster === undefined) throw new Error('there is no database to kill')
        process.kill(postmaster, 'SIGKILL')
        await this.#ended(1)
        return
      }
      case 'stop':
        await this.stop()
    }
  }

  /** Stops it as people do. */
  async stop(): Promise<void> {
    this.#process?.kill('SIGTERM')
    await this.#ended(0)
  }

  async #ended(wanted: number): Promise<void> {
    const code = await Promise.race([this.#process?.exited, late(STOPPED_MS)])
    this.endedAt.push(performance.now())
    if (code !== wanted) throw new Error(`it should have ended with ${wanted}: ${code ?? 'it did not end'}`)
  }

  async #signal(name: NodeJS.Signals): Promise<void> {
    this.#process?.kill(name)
    await this.#process?.exited
    this.endedAt.push(performance.now())
  }

  #postmaster(): number | undefined {
    const cluster = clusterOf(this.#dataDir)
    const pid = readPostmaster(cluster)?.pid
    return pid !== undefined && isServerOf(pid, cluster) ? pid : undefined
  }

  /** What can be done at the very end of this process. */
  killNow(): void {
    this.#process?.kill('SIGKILL')
    const postmaster = this.#postmaster()
    if (postmaster !== undefined) process.kill(postmaster, 'SIGKILL')
  }

  /** Ends everything, whatever state it is in: nothing that was started here outlives it. */
  async destroy(): Promise<void> {
    await this.#signal('SIGKILL')
    const postmaster = this.#postmaster()
    if (postmaster !== undefined) process.kill(postmaster, 'SIGKILL')
    await new Promise<void>((resolve) => this.#log.end(resolve))
  }
}

async function late(milliseconds: number): Promise<undefined> {
  await pause(milliseconds, undefined, { ref: false })
}
