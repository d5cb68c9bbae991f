import { setTimeout } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import { expect, test } from '@jest/globals'
import { START } from '../../contracts/core.ts'
import { Chance } from '../../test/chaos/chance.ts'
import { draft, newStream } from '../../test/contract/event-store.ts'
import { type EsdbDouble, startEsdbDouble } from '../../test/support/esdb-double.ts'
import { quiet } from '../../test/support/quiet.ts'
import { Unavailable } from '../unavailable.ts'
import { createEsdbEventStore } from './esdb.ts'
import type { EventStore } from './port.ts'

const seed = Number(process.env['ESDB_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const WRITERS = 12
const FAULTS = 60
/** Short, so that silences are met often. */
const DEADLINE = 1_500

/**
 * Writers who repeat what has no known outcome, each the only one of its stream, and followers, while everything goes wrong that the double
 * can do. What was accepted stands once and in order, no writer meets a conflict, and each follower sees the log.
 */
test(`whatever goes wrong, what was accepted stands once and is followed in order (ESDB_SEED=${seed})`, async () => {
  const double = await startEsdbDouble()
  const stores = [0, 1, 2].map(() => createEsdbEventStore({ url: double.url, log: quiet, deadline: DEADLINE }))
  const chance = new Chance(seed)
  const done = new AbortController()
  const seen: string[][] = stores.map(() => [])
  const followers = stores.map((store, nth) => follow(store, seen[nth] ?? [], done.signal))

  let over = false
  const writing = Array.from({ length: WRITERS }, () => write(stores, chance.own(), () => over))
  for (let n = 0; n < FAULTS; n++) await goWrong(double, chance)
  over = true
  const written = await Promise.all(writing)

  for (const { stream, ids } of written) {
    const events = await available(() => stores[0]?.load(stream) ?? Promise.resolve([]))
    expect(events.map(({ id }) => id)).toEqual(ids)
  }
  const log = double.log.entries.filter(({ type }) => !type.startsWith('$')).map(({ id }) => id)
  expect(log).toHaveLength(written.reduce((sum, { ids }) => sum + ids.length, 0))
  while (seen.some((ids) => ids.length < log.length)) await setTimeout(20)
  for (const ids of seen) expect(ids).toEqual(log)

  done.abort()
  await Promise.all(followers)
  await Promise.all(stores.map((store) => store.stop()))
  await double.stop()
}, 240_000)

async function write(stores: readonly EventStore[], chance: Chance, isOver: () => boolean) {
  const [stream, ids] = [newStream(), Array<string>()]
  while (!isOver()) {
    const drafts = Array.from({ length: chance.between(1, 5) }, (_, n) => draft(n))
    const expected = ids.length === 0 ? 'none' : BigInt(ids.length - 1)
    const { recorded } = await available(() => chance.pick(stores).append(stream, expected, drafts))
    expect(recorded.map(({ id }) => id)).toEqual(drafts.map(({ id }) => id))
    ids.push(...recorded.map(({ id }) => id))
  }
  return { stream, ids }
}

async function follow(store: EventStore, ids: string[], signal: AbortSignal): Promise<void> {
  for await (const batch of store.follow(START, signal)) ids.push(...batch.map(({ id }) => id))
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

async function goWrong(double: EsdbDouble, chance: Chance): Promise<void> {
  await setTimeout(chance.between(0, 100))
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
