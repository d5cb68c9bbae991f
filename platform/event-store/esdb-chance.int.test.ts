import { setTimeout } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import { expect, test } from '@jest/globals'
import type { Position, Recorded } from '../../contracts/core.ts'
import { Chance } from '../../test/chaos/chance.ts'
import { draft, newStream } from '../../test/contract/event-store.ts'
import { type EsdbDouble, startEsdbDouble } from '../../test/support/esdb-double.ts'
import { createDoor, type Door } from '../../test/support/proxy.ts'
import { quiet } from '../../test/support/quiet.ts'
import { Unavailable } from '../unavailable.ts'
import { createEsdbEventStore } from './esdb.ts'
import type { EventStore } from './port.ts'

const seed = Number(process.env['ESDB_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const WRITERS = 12
/** Short, so that silences are met often. */
const DEADLINE = 1_500
const PATIENCE = 240_000

/** A server, and what can go wrong with it or on the way to it. */
type World = Readonly<{
  url: string
  /** For who is spared what goes wrong on the way. */
  spared: string
  goWrong(chance: Chance): Promise<void>
}>

/**
 * Writers who repeat what has no known outcome, each the only one of its stream, and followers, while everything goes wrong that can. What
 * was accepted stands once and in order, no writer meets a conflict, and each follower sees the log. Answers the log: the ids of its events.
 */
async function survive(world: World, faults: number): Promise<readonly string[]> {
  const spared = createEsdbEventStore({ url: world.spared, log: quiet })
  const stores = [0, 1, 2].map(() => createEsdbEventStore({ url: world.url, log: quiet, deadline: DEADLINE }))
  const chance = new Chance(seed)
  const done = new AbortController()
  // The log may be a long one, and others may write to it.
  const after = await spared.head()
  const seen: Recorded[][] = [spared, ...stores].map(() => [])
  const followers = [spared, ...stores].map((store, nth) => follow(store, after, seen[nth] ?? [], done.signal))

  let over = false
  const writing = Array.from({ length: WRITERS }, () => write(stores, chance.own(), () => over))
  for (let n = 0; n < faults; n++) {
    await setTimeout(chance.between(0, 100))
    await world.goWrong(chance)
  }
  over = true
  const written = new Map(await Promise.all(writing))

  for (const [stream, ids] of written) expect(idsOf(await available(() => spared.load(stream)))).toEqual(ids)
  const count = [...written.values()].flat().length
  const logs = (): string[][] => seen.map((events) => idsOf(events.filter(({ stream }) => written.has(stream))))
  while (logs().some((ids) => ids.length < count)) await setTimeout(20)
  const [log = [], ...others] = logs()
  expect(log).toHaveLength(count)
  for (const ids of others) expect(ids).toEqual(log)

  done.abort()
  await Promise.all(followers)
  await Promise.all([spared, ...stores].map((store) => store.stop()))
  return log
}

async function write(stores: readonly EventStore[], chance: Chance, isOver: () => boolean) {
  const [stream, ids] = [newStream(), Array<string>()]
  while (!isOver()) {
    const drafts = Array.from({ length: chance.between(1, 5) }, (_, n) => draft(n))
    const expected = ids.length === 0 ? 'none' : BigInt(ids.length - 1)
    const { recorded } = await available(() => chance.pick(stores).append(stream, expected, drafts))
    expect(recorded.map(({ id }) => id)).toEqual(drafts.map(({ id }) => id))
    ids.push(...idsOf(recorded))
  }
  return [stream, ids] as const
}

async function follow(store: EventStore, after: Position, seen: Recorded[], signal: AbortSignal): Promise<void> {
  for await (const batch of store.follow(after, signal)) seen.push(...batch)
}

/** What a call answers when it is made again as long as its outcome is unknown. */
async function available<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
    }
  }
}

function idsOf(events: readonly Recorded[]): string[] {
  return events.map(({ id }) => id)
}

async function goWrong(double: EsdbDouble, chance: Chance): Promise<void> {
  const committed = chance.happens(0.5)
  const code = chance.pick([
    status.UNKNOWN,
    status.DEADLINE_EXCEEDED,
    status.ABORTED,
    status.INTERNAL,
    status.UNAVAILABLE,
  ])
  const faults: readonly (() => Promise<void> | void)[] = [
    () => double.nextAppend({ fault: 'dropped', committed }),
    () => double.nextAppend({ fault: 'late', milliseconds: 2 * DEADLINE, committed: committed ? 'at once' : 'late' }),
    () => double.nextAppend({ fault: 'denied' }),
    () => double.nextAppend({ fault: 'not leader' }),
    () => double.nextAppend({ fault: 'status', code, details: 'by chance', committed }),
    () => double.indexAfter(chance.pick([0, 5, 300])),
    () => double.disconnect(),
    () => double.dropSubscriptions(),
    () => {
      double.repeatEvents(chance.between(1, 100))
      double.dropSubscriptions()
    },
    async () => {
      await double.down()
      await setTimeout(chance.between(0, 500))
      await double.up()
    },
    async () => {
      double.hang()
      await setTimeout(chance.between(0, 2 * DEADLINE))
      double.resume()
    },
  ]
  await chance.pick(faults)()
}

async function goWrongOnTheWay(door: Door, chance: Chance): Promise<void> {
  if (chance.happens(0.3)) {
    door.silence({ forNew: chance.happens(0.5) })
    await setTimeout(chance.between(0, 2 * DEADLINE))
  }
  await door.shut()
  if (chance.happens(0.3)) await setTimeout(chance.between(0, 500))
  await door.open()
}

/** One node without TLS, before which a door can be put; such a one asks nobody who he is. */
const NODE = /^esdb:\/\/(?:[^@/?]*@)?(?<host>[^:,/?@]+)(?::(?<port>\d+))?\/?\?(?:.*&)?tls=false\b/

/** A server as it is reached through a network that fails. */
async function surviveOnTheWay(spared: string, faults: number): Promise<void> {
  const { host, port = '2113' } = NODE.exec(spared)?.groups ?? {}
  const door = await createDoor({ host, port: Number(port) })
  await door.open()
  try {
    const url = `esdb://127.0.0.1:${door.port}?tls=false`
    await survive({ url, spared, goWrong: (chance) => goWrongOnTheWay(door, chance) }, faults)
  } finally {
    await door.shut()
  }
}

const title = `what was accepted stands once and is followed in order (ESDB_SEED=${seed})`

test(
  `whatever goes wrong, ${title}`,
  async () => {
    const double = await startEsdbDouble()
    const goWrongThere = (chance: Chance): Promise<void> => goWrong(double, chance)
    const log = await survive({ url: double.url, spared: double.url, goWrong: goWrongThere }, 60)
    expect(log).toEqual(double.log.entries.filter(({ type }) => !type.startsWith('$')).map(({ id }) => id))
    await double.stop()
  },
  PATIENCE,
)

test(
  `whatever goes wrong on the way, ${title}`,
  async () => {
    const double = await startEsdbDouble()
    double.indexAfter(5)
    await surviveOnTheWay(double.url, 10)
    await double.stop()
  },
  PATIENCE,
)

const real = process.env['EVENTSTOREDB_URL']
if (real === undefined || !NODE.test(real)) {
  process.stderr.write(
    'skipped: a network that fails before EventStoreDB, for EVENTSTOREDB_URL names no node without TLS\n',
  )
} else {
  test(`whatever goes wrong on the way to EventStoreDB, ${title}`, () => surviveOnTheWay(real, 60), PATIENCE)
}
