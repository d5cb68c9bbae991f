import type { Position, Recorded } from '../../contracts/core.ts'
import { upcast } from '../../contracts/events.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import type { Log } from '../../platform/log.ts'
import { pause } from '../../platform/pause.ts'
import { readAhead } from '../../platform/read-ahead.ts'
import { type Database, DatabaseUnavailable, type Session, type Sql, sqlState } from '../../platform/sql.ts'
import { advance, asRival, Rival } from './checkpoints.ts'
import type { Member } from './member.ts'
import { Turns } from './turns.ts'

/** What a lane tells the term that it belongs to. */
export interface LaneEvents {
  /** Its members have passed these events, and that is committed. */
  passed(events: readonly Recorded[], members: readonly Member[]): void
  /** The member cannot apply these; it goes on in a lane of its own while the others are not held up. */
  struggling(member: Member, error: unknown): void
  /** The member cannot apply this one event, again and again. */
  gaveUp(member: Member, event: Recorded, error: unknown): Promise<void>
}

export type LaneOptions = Readonly<{
  db: Database
  store: EventStore
  log: Log
  /** Milliseconds before each further attempt to apply a single event. */
  retryPauses: readonly number[]
  /** Called between two batches at the log's end: resolves when there is reason for the next. */
  breathe(signal: AbortSignal): Promise<void>
  events: LaneEvents
}>

/** Events that lie ready at most beside those that are being applied, for members that are behind. */
const CATCH_UP_EVENTS = 2_000

/**
 * Members that are fed together: one reader, one connection, one transaction for each batch, which holds their rows and
 * their checkpoints. Every step is one turn, so that members join and leave between two batches.
 */
export class Lane {
  /** The end of what was read and is applied to all members. */
  position: Position
  readonly members: Set<Member>
  readonly #options: LaneOptions
  readonly #turns = new Turns()
  #session: Promise<Session> | undefined

  constructor(options: LaneOptions, position: Position, members: Iterable<Member> = []) {
    this.#options = options
    this.position = position
    this.members = new Set(members)
  }

  /** Waits until the batch under way is done and holds back the next, until what it answers is called. */
  hold(): Promise<() => void> {
    return this.#turns.take()
  }

  /** The lane of those that are at the log's end: whatever is there now is one batch. Runs until `signal` is aborted. */
  async follow(signal: AbortSignal): Promise<void> {
    const { store, breathe } = this.#options
    await this.#whileOpen(async () => {
      for await (const events of store.follow(this.position, signal)) {
        const done = await this.hold()
        try {
          if (signal.aborted) return
          await this.#step(events, signal)
        } finally {
          done()
        }
        await breathe(signal)
      }
    })
  }

  /**
   * The lane of those that are behind: larger batches, until they are where `tip` is. There `join` is called, while the tip is held,
   * until it answers that they have joined. The tip is held back as soon as it is within one batch, or a busy log would keep the two
   * apart for ever.
   */
  async catchUp(tip: Lane, join: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    const { store } = this.#options
    const left = new AbortController()
    let release: (() => void) | undefined
    const arrived = async (near: Position) => {
      if (this.position < near) return false
      release ??= await tip.hold()
      if (this.position < tip.position || signal.aborted) return false
      return join()
    }
    const letGo = () => {
      release?.()
      release = undefined
    }
    try {
      await this.#whileOpen(async () => {
        if (await arrived(tip.position)) return
        const reading = AbortSignal.any([signal, left.signal])
        for await (const events of readAhead(store.follow(this.position, reading), CATCH_UP_EVENTS)) {
          const near = tip.position
          if (signal.aborted) return
          await this.#step(events, signal, letGo)
          if (this.members.size === 0 || (await arrived(near))) return
        }
      })
    } finally {
      letGo()
      left.abort()
    }
  }

  async #whileOpen(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } finally {
      // A connection that was lost has nothing to close.
      await this.#session?.then((session) => session.close()).catch(() => {})
    }
  }

  /** Applies one batch. `letGo` marks a lane whose last member waits for itself: it is called before a pause. */
  async #step(recorded: readonly Recorded[], signal: AbortSignal, letGo?: () => void): Promise<void> {
    const events = recorded.map(upcast)
    try {
      await this.#together(events)
    } catch (error) {
      if (endsTerm(error)) throw error
      const [only, ...others] = this.members
      if (only !== undefined && others.length === 0 && letGo !== undefined)
        await this.#patiently(only, events, signal, letGo)
      else await this.#oneByOne(events)
    }
  }

  /** The way of almost every batch: all checkpoints by one statement, then the rows of those that read any of the events. */
  async #together(events: readonly Recorded[]): Promise<void> {
    const position = events.at(-1)?.position ?? this.position
    const due = this.#due(position)
    try {
      await this.#write(due, position, events)
    } catch (error) {
      // A generation that was switched away from meanwhile is not a rival's doing.
      if (!(error instanceof Rival) || !due.some(({ state }) => state === 'retired')) throw error
      return this.#together(events)
    }
    this.#passed(due, position, events)
  }

  async #write(due: readonly Member[], position: Position, events: readonly Recorded[]): Promise<void> {
    if (due.length === 0) return
    const work = due.map((member) => ({ member, unseen: member.unseen(events) }))
    const readers = work.filter(({ member, unseen }) => member.reads(unseen))
    const session = await this.#open()
    try {
      if (readers.length === 0) return await advance(session, due, position)
      await session.transaction(async (sql) => {
        await advance(sql, due, position)
        await Promise.all(readers.map(({ member, unseen }) => member.projection.apply(sql, member.table, unseen)))
      })
    } catch (error) {
      throw asRival(error, due)
    }
  }

  /** The batch again, each member under a savepoint: those that cannot apply it leave the lane, the others are not held up. */
  async #oneByOne(events: readonly Recorded[]): Promise<void> {
    const position = events.at(-1)?.position ?? this.position
    const due = this.#due(position)
    const failed = new Map<Member, unknown>()
    const session = await this.#open()
    try {
      await session.transaction(async (sql) => {
        for (const member of due) {
          await sql.query('savepoint one_member')
          try {
            // Each answer is waited for: what fails is to be known before the savepoint is released.
            const awaited: Sql = { query: (text, values) => sql.query(text, values) }
            await advance(awaited, [member], position)
            await member.projection.apply(awaited, member.table, member.unseen(events))
            await sql.query('release savepoint one_member')
          } catch (failure) {
            const error = asRival(failure, [member])
            if (endsTerm(error)) throw error
            failed.set(member, error)
            await sql.query('rollback to savepoint one_member')
          }
        }
      })
    } catch (error) {
      if (endsTerm(error)) throw error
      // What fails only at the commit names no member: each is tried by itself.
      for (const member of due) failed.set(member, failed.get(member) ?? error)
    }
    for (const member of failed.keys()) this.members.delete(member)
    this.#passed(
      due.filter((member) => !failed.has(member)),
      position,
      events,
    )
    for (const [member, error] of failed) this.#options.events.struggling(member, error)
  }

  /** A member alone: halves the batch until the failing event stands by itself, tries that again after each pause, then gives up. */
  async #patiently(member: Member, events: readonly Recorded[], signal: AbortSignal, letGo: () => void): Promise<void> {
    const { retryPauses, events: tell, log } = this.#options
    let rest = events
    let size = events.length
    let failures = 0
    while (rest.length > 0 && !signal.aborted && this.members.has(member)) {
      const part = rest.slice(0, size)
      const [first] = part
      try {
        await this.#together(part)
        rest = rest.slice(size)
        size *= 2
        failures = 0
      } catch (error) {
        if (endsTerm(error) || first === undefined) throw error
        if (part.length > 1) size = Math.ceil(part.length / 2)
        else if (failures < retryPauses.length) {
          log.warn(
            { projection: String(member), position: first.position, reason: reasonOf(error) },
            'an event is tried again',
          )
          letGo()
          await pause(retryPauses[failures++] ?? 0, signal)
        } else {
          this.members.delete(member)
          await tell.gaveUp(member, first, error)
        }
      }
    }
  }

  #due(position: Position): Member[] {
    for (const member of this.members) if (member.state === 'retired') this.members.delete(member)
    return [...this.members].filter((member) => member.position < position)
  }

  #passed(due: readonly Member[], position: Position, events: readonly Recorded[]): void {
    this.position = position
    for (const member of due) {
      member.position = position
      member.stopped = undefined
    }
    this.#options.events.passed(events, due)
  }

  #open(): Promise<Session> {
    this.#session ??= this.#options.db.session({ name: 'projections', synchronousCommit: false, pipeline: true })
    return this.#session
  }
}

/** The server refuses everyone (no disk, no memory, read only, going down), which says nothing about a projection. */
const SERVER_TROUBLE = /^(53|57(?!014)|58|25006)/

/** A rival, or trouble of the database: all is given back and taken up again from the stored checkpoints. */
function endsTerm(error: unknown): boolean {
  return error instanceof Rival || error instanceof DatabaseUnavailable || SERVER_TROUBLE.test(sqlState(error) ?? '')
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
