import { hash, randomUUID } from 'node:crypto'
import type { EventId, StreamId } from '../contracts/core.ts'
import { ADVISORY_LOCKS } from './advisory-locks.ts'
import { gather, type Gathered } from './gather.ts'
import { type Database, sqlState } from './sql.ts'

/** The ids that REST shows. */
export interface Ids {
  /**
   * The next id of a kind (`scene`, `load_plan`: lower-case letters and `_`): a positive integer below 2^31, never given twice, but not
   * without gaps. Those that are asked for at once are drawn in one call.
   */
  nextId(kind: string): Promise<number>
}

/** Ids drawn at once: as many as requests may come together. */
const MOST_IDS = 1_000
const UNDEFINED_TABLE = '42P01'

/** Ids from one Postgres sequence for each kind, which is made at its first use. They are part of the truth: no rebuild drops them. */
export function createIds(db: Database): Ids {
  const kinds = new Map<string, Gathered<undefined, number>>()

  async function draw(sequence: string, count: number): Promise<readonly number[]> {
    const rows = await db.query<{ id: string }>('select nextval($1::regclass) as id from generate_series(1, $2)', [
      sequence,
      count,
    ])
    return rows.map(({ id }) => Number(id))
  }

  async function drawOfNew(sequence: string, count: number): Promise<readonly number[]> {
    await db.transaction(async (sql) => {
      await sql.query(`select pg_advisory_xact_lock(${ADVISORY_LOCKS.sequences})`)
      await sql.query(`create sequence if not exists ${sequence} as integer`)
    })
    return draw(sequence, count)
  }

  function drawing(kind: string): Gathered<undefined, number> {
    if (!/^[a-z_]{1,40}$/.test(kind)) throw new TypeError(`${JSON.stringify(kind)} is no kind of id`)
    const sequence = `id_of_${kind}`
    return gather<undefined, number>(
      ({ length }) =>
        draw(sequence, length).catch((error: unknown) => {
          if (sqlState(error) !== UNDEFINED_TABLE) throw error
          return drawOfNew(sequence, length)
        }),
      { most: MOST_IDS },
    )
  }

  return {
    async nextId(kind) {
      let draws = kinds.get(kind)
      if (draws === undefined) kinds.set(kind, (draws = drawing(kind)))
      return draws(undefined)
    },
  }
}

// The roots of our derived ids. Stored events were named by them: they never change.
const COMMANDS = '6f2a4c1e-0d53-5b0a-9a8e-3c6f1b7d2e90'

/** The id of a command that was sent with a key: the same for the same scope (who, and what is called) and key. */
export function commandId(scope: string, key: string): string {
  // The length keeps ('a', 'b c') and ('a b', 'c') apart.
  return named(COMMANDS, `${scope.length} ${scope} ${key}`)
}

/** The id of a command that came without a key. */
export function newCommandId(): string {
  return randomUUID()
}

/** The id of the `index`th event of a command in a stream: a repeated append repeats its ids. */
export function eventId(command: string, stream: StreamId, index: number): EventId {
  return named(command, `${index} ${stream}`)
}

/** The uuid of version 5 (RFC 9562 §5.5) of a name. Every event gets one: this takes a quarter of the time that the `uuid` package takes. */
function named(namespace: string, name: string): string {
  const bytes = Buffer.allocUnsafe(16 + Buffer.byteLength(name))
  if (bytes.write(namespace.replaceAll('-', ''), 'hex') !== 16) throw new TypeError(`${namespace} is no uuid`)
  bytes.write(name, 16)
  const hex = hash('sha1', bytes, 'hex')
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
