import type { Position, Recorded } from '../../contracts/core.ts'
import type { Projection, TableNames } from '../port.ts'

/** One generation of a projection that this process feeds. */
export class Member {
  readonly projection: Projection
  readonly generation: number
  readonly table: TableNames
  /** A building generation is live once it was switched to; a retired one is fed no more. */
  state: 'live' | 'building' | 'retired'
  /** All events up to here are in its rows, and that is committed. */
  position: Position
  /** The event that it cannot apply and why. It stays set while that event is tried again, until it is passed. */
  stopped: Stopped | undefined
  /** Positions that an operator has told it to leave out. */
  skips: ReadonlySet<Position> = new Set()

  constructor(projection: Projection, row: Readonly<Pick<Member, 'generation' | 'state' | 'position' | 'stopped'>>) {
    this.projection = projection
    this.generation = row.generation
    this.state = row.state
    this.position = row.position
    this.stopped = row.stopped
    this.table = tableNames(projection, row.generation)
  }

  /** Those events that are not yet in its rows and are to be. */
  unseen(events: readonly Recorded[]): readonly Recorded[] {
    const first = events[0]
    const all = first === undefined || first.position > this.position
    if (all && this.skips.size === 0) return events
    return events.filter(({ position }) => position > this.position && !this.skips.has(position))
  }

  /** Whether it reads any of these events. */
  reads(events: readonly Recorded[]): boolean {
    return events.some(({ type }) => this.projection.reads.has(type))
  }

  /** `cases version 1 generation 2`, for people. */
  toString(): string {
    return `${this.projection.name} version ${this.projection.version} generation ${this.generation}`
  }
}

export type Stopped = Readonly<{ position: Position; error: string }>

/** Real names carry version and generation: those of two generations stand beside each other and nothing is ever renamed. */
export function tableNames({ name: projection, version, tables }: Projection, generation: number): TableNames {
  return (name) => {
    if (!tables.includes(name)) throw new Error(`projection ${projection} has no table ${name}`)
    return `${name}_v${version}_g${generation}`
  }
}
