import { type Position, type Recorded, START } from '../contracts/core.ts'
import { Bell } from '../platform/bell.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import { type Candidate, lead } from '../platform/leader.ts'
import type { Log } from '../platform/log.ts'
import { migrate } from '../platform/migrations.ts'
import type { Database, Session } from '../platform/sql.ts'
import { generationsOf, slowest } from './engine/checkpoints.ts'
import { createMissing } from './engine/generations.ts'
import { reasonOf } from './engine/lane.ts'
import { setLock } from './engine/locks.ts'
import { tableNames } from './engine/member.ts'
import { Passing } from './engine/passing.ts'
import { CHANNEL, engineMigrations } from './engine/schema.ts'
import { Term } from './engine/term.ts'
import type { Projection, ReadModels } from './port.ts'

export { dropVersionsBefore } from './engine/generations.ts'
export { skipEvent } from './engine/skip.ts'

export type ProjectionEngineOptions = Readonly<{
  db: Database
  store: EventStore
  projections: readonly Projection[]
  log: Log
  /** Milliseconds before each further attempt to apply an event that fails; after the last its projection stops. */
  retryPauses?: readonly number[]
  /** How often to look for what a notification should have told. */
  pollMilliseconds?: number
  /** How long a generation that was switched away from stays readable: longer than any query takes. */
  retiredMilliseconds?: number
  /** False where another process feeds the read models, and this one only asks them. */
  feeds?: boolean
  /**
   * From one batch to the next while nobody in this process waits for it: what a run says case by case is written together. 0 where those
   * who wait are in other processes.
   */
  restMilliseconds?: number
}>

/** How a projection stands, for people and for `/readyz`. */
export type ProjectionStatus = Readonly<{
  name: string
  version: number
  generation: number
  state: 'running' | 'stopped' | 'building'
  position: Position
  /** How far it is behind the log's head: events, where positions count them. */
  lag: number
  /** The event that it cannot apply, and why. */
  stoppedAt?: Position
  error?: string
}>

export type EngineStatus = Readonly<{
  /** Whether this process feeds any of them; if not it stands by. */
  leads: boolean
  head: Position
  /** Whether all running ones have once passed what was in the log when this process started. */
  caughtUp: boolean
  projections: readonly ProjectionStatus[]
}>

/** Feeds the read models of a database, or stands by while another process does, and tells queries where they are. */
export interface ProjectionEngine extends ReadModels {
  /** Makes what is missing, and begins. Throws when the database is not available. */
  start(): Promise<void>
  /** Finishes the transactions under way and gives the projections back. Whoever waits for a position is answered false. */
  stop(): Promise<void>
  status(): Promise<EngineStatus>
  /**
   * Calls `listener` after each commit with the events that live projections have passed here: a hint for caches. Events that another
   * process applied are not among them, and after a failure some may come twice. Answers how to stop.
   */
  onApplied(listener: (events: readonly Recorded[]) => void): () => void
}

/** The projections' names, and those of all their tables, must differ from each other. */
export function createProjectionEngine(options: ProjectionEngineOptions): ProjectionEngine {
  return new Engine(options)
}

class Engine implements ProjectionEngine {
  readonly #options: Required<ProjectionEngineOptions>
  /** The projection of each table. */
  readonly #owners: ReadonlyMap<string, Projection>
  /** The live generation of each projection, by name. */
  readonly #live = new Map<string, number>()
  readonly #listeners = new Set<(events: readonly Recorded[]) => void>()
  readonly #bell = new Bell()
  readonly #stopped = new AbortController()
  readonly #passing: Passing
  #term: Term | undefined
  #headAtStart: Position = START
  #caughtUp = false
  #candidate: Candidate | undefined
  #watching: Promise<void> = Promise.resolve()
  #unlisten: () => Promise<void> = () => Promise.resolve()

  constructor(options: ProjectionEngineOptions) {
    this.#options = {
      retryPauses: [100, 300, 900],
      pollMilliseconds: 1_000,
      retiredMilliseconds: 30_000,
      feeds: true,
      restMilliseconds: 20,
      ...options,
    }
    this.#owners = owners(options.projections)
    this.#passing = new Passing({
      here: () => this.#slowestHere(),
      elsewhere: () => (this.#term?.led.size ?? 0) < options.projections.length,
      stored: () => slowest(options.db, options.projections),
    })
  }

  async start(): Promise<void> {
    const { db, store, projections } = this.#options
    await migrate(db, engineMigrations)
    await createMissing(db, projections)
    await this.#refresh()
    this.#headAtStart = await store.head()
    this.#unlisten = await db.listen(CHANNEL, () => this.#bell.ring())
    if (this.#options.feeds) this.#candidate = this.#lead()
    this.#watching = this.#watch()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    this.#passing.close()
    await Promise.all([this.#candidate?.stop(), this.#watching])
    await this.#unlisten()
  }

  query: ReadModels['query'] = (text, values) => this.#options.db.query(text, values)

  table(name: string): string {
    const projection = this.#owners.get(name)
    if (projection === undefined) throw new Error(`no projection has a table ${name}`)
    const generation = this.#live.get(projection.name)
    if (generation === undefined) throw new Error('the projection engine has not been started')
    return tableNames(projection, generation)(name)
  }

  passed(position: Position, milliseconds = 2_000): Promise<boolean> {
    return this.#passing.passed(position, milliseconds)
  }

  async status(): Promise<EngineStatus> {
    const { db, store, projections } = this.#options
    const [rows, head] = await Promise.all([generationsOf(db, projections), store.head()])
    const running = rows.filter(({ state, stopped }) => state === 'live' && stopped === undefined)
    this.#caughtUp ||= running.every(({ position }) => position >= this.#headAtStart)
    return {
      leads: (this.#term?.led.size ?? 0) > 0,
      head,
      caughtUp: this.#caughtUp,
      projections: rows.map(({ name, generation, state, position, stopped }) => ({
        name,
        version: projections.find((projection) => projection.name === name)?.version ?? 0,
        generation,
        state: state === 'building' ? 'building' : stopped === undefined ? 'running' : 'stopped',
        position,
        lag: Math.max(0, Number(BigInt(head) - BigInt(position))),
        ...(stopped && { stoppedAt: stopped.position, error: stopped.error }),
      })),
    }
  }

  onApplied(listener: (events: readonly Recorded[]) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Term after term: what ends one is looked at again after a pause. */
  #lead(): Candidate {
    const { db, projections, log } = this.#options
    const work = async (signal: AbortSignal, session: Session): Promise<void> => {
      const term = new Term(
        {
          ...this.#options,
          bell: this.#bell,
          breathe: (leaving) => this.#passing.untilAsked(this.#options.restMilliseconds, leaving),
          applied: (events) => this.#tell(events),
          progressed: () => this.#passing.check(),
          switched: ({ projection, generation }) => this.#live.set(projection.name, generation),
        },
        signal,
      )
      this.#term = term
      await term.run(session)
    }
    return lead(db, setLock(projections), work, log)
  }

  /** Sees what other processes have switched to. */
  async #watch(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      const { rung } = this.#bell
      // Names that are known stay right for a while; the database is asked again at the next round.
      await this.#refresh().catch(() => {})
      await this.#bell.next(rung, this.#options.pollMilliseconds, signal)
    }
  }

  async #refresh(): Promise<void> {
    for (const { name, generation, state } of await generationsOf(this.#options.db, this.#options.projections)) {
      // An answer may be older than a switch of this process.
      if (state === 'live') this.#live.set(name, Math.max(generation, this.#live.get(name) ?? 0))
    }
  }

  #slowestHere(): Position | undefined {
    let least: Position | undefined
    for (const { live } of this.#term?.led.values() ?? []) {
      if (live.stopped === undefined && (least === undefined || live.position < least)) least = live.position
    }
    return least
  }

  #tell(events: readonly Recorded[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(events)
      } catch (error) {
        this.#options.log.error({ reason: reasonOf(error) }, 'a listener to applied events has failed')
      }
    }
  }
}

function owners(projections: readonly Projection[]): Map<string, Projection> {
  const byTable = new Map<string, Projection>()
  for (const projection of projections) {
    for (const table of projection.tables) {
      if (byTable.has(table)) throw new Error(`two projections have a table ${table}`)
      byTable.set(table, projection)
    }
  }
  if (new Set(projections.map(({ name }) => name)).size < projections.length)
    throw new Error('two projections have one name')
  return byTable
}
