import type { Position, Recorded } from '../../contracts/core.ts'
import type { Bell } from '../../platform/bell.ts'
import type { Session } from '../../platform/sql.ts'
import type { Projection } from '../port.ts'
import { generationsOf, namesAndVersions, recordStop } from './checkpoints.ts'
import { abandon, dropRetired, startBuilding, switchTo } from './generations.ts'
import { Lane, type LaneOptions, reasonOf } from './lane.ts'
import { OWN_LOCK } from './locks.ts'
import { Member } from './member.ts'

export type TermOptions = Omit<LaneOptions, 'events'> &
  Readonly<{
    projections: readonly Projection[]
    /** Rings when something may have been asked for. */
    bell: Bell
    /** How often to look without being rung for. */
    pollMilliseconds: number
    /** How long a retired generation stays readable. */
    retiredMilliseconds: number
    /** Live members have passed these events. */
    applied(events: readonly Recorded[]): void
    /** The positions of members, or who is a member, have changed. */
    progressed(): void
    switched(member: Member): void
  }>

type Led = { live: Member; building: Member | undefined }

/**
 * One time of leadership, until everything is given back.
 *
 * A projector that leads holds the lock of its code's whole set of projections (`setLock`), so that of processes with the same code one
 * has all or none; here it takes that of each projection in its version, so that old and new code, side by side during a deployment, each
 * feed what the other does not. The locks belong to a connection: a process that dies has let go at once. They only keep projectors
 * out of each other's way; what keeps rows right is the conditional move of the checkpoint.
 *
 * Any trouble (a lost connection, a rival) ends the term, and the next one starts from what is stored.
 */
export class Term {
  /** The projections that are fed here. */
  readonly led = new Map<string, Led>()
  readonly #options: TermOptions
  readonly #lanes = new Set<Promise<void>>()
  readonly #givenUp = new Set<Member>()
  readonly #end = new AbortController()
  /** Aborted when the term is over, whoever ended it. */
  readonly #over: AbortSignal
  #failure: { error: unknown } | undefined
  #tip: Lane

  constructor(options: TermOptions, signal: AbortSignal) {
    this.#options = options
    this.#over = AbortSignal.any([signal, this.#end.signal])
    this.#tip = this.#lane('', [])
  }

  /** Feeds until its signal is aborted; throws what ended the term otherwise. Its projections are locked on `session`. */
  async run(session: Session): Promise<void> {
    const { db, store, bell, pollMilliseconds, retiredMilliseconds } = this.#options
    const over = this.#over
    try {
      this.#tip = this.#lane(await store.head(), [])
      this.#start(this.#tip.follow(over))
      while (!over.aborted) {
        const { rung } = bell
        await this.#takeLocks(session)
        await this.#readSkips()
        await this.#startRebuilds()
        await dropRetired(db, retiredMilliseconds)
        await bell.next(rung, pollMilliseconds, over)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#end.abort()
      await Promise.all(this.#lanes)
      this.led.clear()
      this.#options.progressed()
    }
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#end.abort()
  }

  /** Takes over each projection whose lock is free. */
  async #takeLocks(session: Session): Promise<void> {
    const { db, projections, progressed } = this.#options
    const missing = projections.filter(({ name }) => !this.led.has(name))
    if (missing.length === 0) return
    const rows = await session.query<{ name: string; held: boolean }>(
      `select name, pg_try_advisory_lock(${OWN_LOCK}) as held
       from unnest($1::text[], $2::integer[]) as m (name, version)`,
      namesAndVersions(missing),
    )
    const held = missing.filter((projection) => rows.some((row) => row.held && row.name === projection.name))
    if (held.length === 0) return
    const stored = await generationsOf(db, held)
    for (const projection of held) {
      const row = stored.find(({ name, state }) => name === projection.name && state === 'live')
      if (row === undefined) throw new Error(`projection ${projection.name} has no live generation`)
      this.led.set(projection.name, { live: new Member(projection, row), building: undefined })
    }
    await this.#readSkips()
    progressed()
    const members = held.flatMap(({ name }) => this.led.get(name)?.live ?? [])
    for (const [position, together] of Map.groupBy(members, (member) => member.position)) this.#feed(position, together)
  }

  /** What operators have told to leave out. A projection that had stopped there goes on. */
  async #readSkips(): Promise<void> {
    const rows = await this.#options.db.query<{ name: string; version: number; position: Position }>(
      'select name, version, position from projection_skips',
    )
    for (const [name, { live, building }] of this.led) {
      const { version } = live.projection
      const own = rows.filter((row) => row.name === name && row.version === version)
      live.skips = new Set(own.map(({ position }) => position))
      if (building !== undefined) building.skips = live.skips
    }
    for (const member of this.#givenUp) {
      if (member.stopped === undefined || !member.skips.has(member.stopped.position)) continue
      this.#givenUp.delete(member)
      this.#feed(member.position, [member])
    }
  }

  /** Generations that were asked for are built together: one reader for all of them, beside the live ones. */
  async #startRebuilds(): Promise<void> {
    const { db, log } = this.#options
    const rows = await db.query<{ name: string; version: number }>(
      'select distinct name, version from rebuild_requests where done_at is null',
    )
    const started: Member[] = []
    for (const { name, version } of rows) {
      const led = this.led.get(name)
      if (led === undefined || led.building !== undefined || led.live.projection.version !== version) continue
      // One that was switched to since the list was read has answered its requests: `startBuilding` looks again.
      led.building = await startBuilding(db, led.live.projection)
      if (led.building === undefined) continue
      led.building.skips = led.live.skips
      started.push(led.building)
    }
    if (started.length === 0) return
    log.info({ projections: started.map(String) }, 'read models are being rebuilt')
    for (const [position, together] of Map.groupBy(started, (member) => member.position)) this.#feed(position, together)
  }

  #lane(position: Position, members: readonly Member[]): Lane {
    const { log, applied, progressed } = this.#options
    const events = {
      passed: (passed: readonly Recorded[], by: readonly Member[]) => {
        progressed()
        if (by.some(({ state }) => state === 'live')) applied(passed)
      },
      struggling: (member: Member, error: unknown) => {
        log.warn({ projection: String(member), reason: reasonOf(error) }, 'a projection goes on by itself')
        this.#feed(member.position, [member])
      },
      gaveUp: (member: Member, event: Recorded, error: unknown) => this.#giveUp(member, event, error),
    }
    return new Lane({ ...this.#options, events }, position, members)
  }

  /** Feeds members that are behind, until they are at the tip. */
  #feed(position: Position, members: readonly Member[]): void {
    const lane = this.#lane(position, members)
    this.#start(lane.catchUp(this.#tip, () => this.#join(lane), this.#over))
  }

  #start(running: Promise<void>): void {
    const kept = running.catch((error: unknown) => this.#fail(error)).finally(() => this.#lanes.delete(kept))
    this.#lanes.add(kept)
  }

  /** The lane is where the tip is, which is held: generations that were built become the live ones, and all go on together. */
  async #join(lane: Lane): Promise<boolean> {
    // A live one in a lane of its own may have come further; it waits for the tip now, and stays where it is.
    const ahead = (member: Member) => (this.led.get(member.projection.name)?.live.position ?? '') > member.position
    if ([...lane.members].some((member) => member.state === 'building' && ahead(member))) return false
    for (const member of lane.members) {
      if (member.state === 'building') await this.#switchTo(member)
      if (member.state === 'live') this.#tip.members.add(member)
    }
    lane.members.clear()
    return true
  }

  async #switchTo(built: Member): Promise<void> {
    const { db, log, switched, progressed } = this.#options
    const led = this.led.get(built.projection.name)
    if (led === undefined) throw new Error(`${String(built)} is not fed here`)
    const old = led.live
    await switchTo(db, built, old)
    // Its lane leaves it out from now on.
    old.state = 'retired'
    this.#givenUp.delete(old)
    built.state = 'live'
    led.live = built
    led.building = undefined
    switched(built)
    progressed()
    log.info({ projection: String(built) }, 'a rebuilt read model was switched to')
  }

  async #giveUp(member: Member, event: Recorded, cause: unknown): Promise<void> {
    const { db, log, progressed } = this.#options
    if (member.state === 'retired') return
    const { position, type } = event
    const error = reasonOf(cause)
    log.error({ projection: String(member), position, type, reason: error }, 'a projection has stopped')
    member.stopped = { position, error }
    if (member.state === 'live') {
      await recordStop(db, member, member.stopped)
      this.#givenUp.add(member)
    } else {
      await abandon(db, member)
      const led = this.led.get(member.projection.name)
      if (led !== undefined) led.building = undefined
    }
    progressed()
  }
}
