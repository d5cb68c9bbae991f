import { describe, expect, test } from '@jest/globals'
import { START } from '../contracts/core.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import type { Database } from '../platform/sql.ts'
import { enginesOnLedger, projections } from '../test/support/engines.ts'
import { accountsProjection, countsProjection, openLedger } from '../test/support/ledger.ts'
import { freshDatabase } from '../test/support/postgres.ts'
import { quiet } from '../test/support/quiet.ts'
import { until } from '../test/support/until.ts'
import { createProjectionEngine, type ProjectionEngine, skipEvent } from './engine.ts'
import type { Projection } from './port.ts'
import { dumpRows } from './rebuild.ts'

const { engineOf, ledger, started } = enginesOnLedger({ retryPauses: [1, 1] })

const counted = async (engine: ProjectionEngine) =>
  Number((await engine.query<{ events: string }>(`select events from ${engine.table('counts')}`))[0]?.events)
const statusOf = async (engine: ProjectionEngine, name: string) =>
  (await engine.status()).projections.find((projection) => projection.name === name)

/** What the accounts must be, by the same rules from an engine that is given one event at a time. */
async function rowsOneByOne(): Promise<Record<string, string[]>> {
  const other = await freshDatabase()
  const copy = await openLedger(other.url)
  const singles: EventStore = {
    ...ledger.store,
    async *follow(after, signal) {
      for await (const events of ledger.store.follow(after, signal)) for (const event of events) yield [event]
    },
  }
  const engine = createProjectionEngine({ db: copy.db, store: singles, projections, log: quiet })
  await engine.start()
  try {
    expect(await engine.passed(await ledger.store.head(), 20_000)).toBe(true)
    return await dumpRows(engine, projections)
  } finally {
    await engine.stop()
    await copy.close()
    await other.drop()
  }
}

describe('catching up', () => {
  test('a long log is applied once, in batches, to the rows that single events make', async () => {
    const last = await ledger.write(3_210)
    const transactions: number[] = []
    const watched: Projection = {
      ...countsProjection,
      apply: (sql, table, events) => (transactions.push(events.length), countsProjection.apply(sql, table, events)),
    }
    const engine = await started({ projections: [accountsProjection, watched] })
    expect(await engine.passed(last, 20_000)).toBe(true)
    expect(await counted(engine)).toBe(3_210)
    expect(transactions.length).toBeLessThan(20)
    expect(await dumpRows(engine, projections)).toEqual(await rowsOneByOne())
  })

  test('events of unknown types move the checkpoint and are not handed over', async () => {
    const handed: string[] = []
    const engine = await started({
      projections: [
        {
          ...countsProjection,
          apply: async (_sql, _table, events) => void handed.push(...events.map(({ type }) => type)),
        },
      ],
    })
    const last = await ledger.say('Unheard')
    expect(await engine.passed(last)).toBe(true)
    expect(handed).toEqual([])
    expect(await statusOf(engine, 'counts')).toMatchObject({ position: last, lag: 0, state: 'running' })
  })

  test('a projection that is new to a filled log catches up without stopping the others', async () => {
    const first = await started({ projections: [countsProjection] })
    await first.passed(await ledger.write(2_000))
    await first.stop()
    const gate = Promise.withResolvers<void>()
    const slow: Projection = {
      ...accountsProjection,
      apply: async (...args) => {
        await gate.promise
        await accountsProjection.apply(...args)
      },
    }
    const second = await started({ projections: [slow, countsProjection] })
    const last = await ledger.say('Tick')
    await until('the one at the tip has passed it', async () => (await statusOf(second, 'counts'))?.position === last)
    expect(await statusOf(second, 'accounts')).toMatchObject({ position: START })
    expect((await second.status()).caughtUp).toBe(false)
    expect(await second.passed(last, 20)).toBe(false)
    gate.resolve()
    expect(await second.passed(last, 10_000)).toBe(true)
    expect((await second.status()).caughtUp).toBe(true)
    expect(await counted(second)).toBe(2_001)
  })

  test('one that joins under constant writing does join', async () => {
    await ledger.write(5_000)
    const engine = await started()
    const writing = new AbortController()
    const writer = (async () => {
      while (!writing.signal.aborted) await ledger.write(20)
    })()
    await until('it has caught up', async () => (await engine.status()).caughtUp)
    writing.abort()
    await writer
    const head = await ledger.store.head()
    expect(await engine.passed(head, 10_000)).toBe(true)
    expect(await counted(engine)).toBe(Number(head))
  })

  test('a new version is built from the start, and the older one is left as it was', async () => {
    const first = await started()
    await first.passed(await ledger.write(100))
    const old = first.table('counts')
    await first.stop()
    const second = await started({ projections: [accountsProjection, { ...countsProjection, version: 2 }] })
    expect(second.table('counts')).toBe('counts_v2_g1')
    expect(await second.passed(await ledger.say('Tick'), 5_000)).toBe(true)
    expect(await counted(second)).toBe(101)
    expect(await ledger.db.query(`select events from ${old}`)).toEqual([{ events: '100' }])
  })

  test('old and new code beside each other each feed what the other does not', async () => {
    const old = await started()
    const next = await started({ projections: [accountsProjection, { ...countsProjection, version: 2 }] })
    const last = await ledger.write(50)
    expect(await Promise.all([old.passed(last, 5_000), next.passed(last, 5_000)])).toEqual([true, true])
    await old.stop()
    expect(await next.passed(await ledger.write(50), 5_000)).toBe(true)
    expect(await counted(next)).toBe(100)
    expect(await next.query(`select events from counts_v1_g1`)).toEqual([{ events: '50' }])
  })
})

describe('rows and checkpoint commit together', () => {
  test('a batch that fails in the middle leaves neither', async () => {
    const engine = await started({ projections: [countsProjection] })
    await ledger.say('Tick')
    const poison = await ledger.say('Poison')
    await until('it has stopped', async () => (await statusOf(engine, 'counts'))?.state === 'stopped')
    expect(await counted(engine)).toBe(1)
    const row = await statusOf(engine, 'counts')
    expect(Number(row?.position)).toBe(Number(poison) - 1)
  })

  test('a lost connection in the middle of a batch costs nothing and doubles nothing', async () => {
    let cut = false
    const cutting: Projection = {
      ...countsProjection,
      async apply(sql, table, events) {
        await countsProjection.apply(sql, table, events)
        if (cut) return
        cut = true
        await sql.query('select pg_terminate_backend(pg_backend_pid())')
      },
    }
    const engine = await started({ projections: [accountsProjection, cutting] })
    expect(await engine.passed(await ledger.write(700), 10_000)).toBe(true)
    expect(cut).toBe(true)
    expect(await counted(engine)).toBe(700)
    expect((await engine.status()).projections.map(({ state }) => state)).toEqual(['running', 'running'])
  })

  test('the connection that holds the locks is lost: the term ends and the next goes on', async () => {
    const engine = await started()
    await engine.passed(await ledger.write(10))
    await ledger.db.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'testledger projector' and datname = current_database()`,
    )
    expect(await engine.passed(await ledger.write(10), 10_000)).toBe(true)
    expect(await counted(engine)).toBe(20)
  })
})

describe('rivals', () => {
  test('of two engines on one database one works and the other stands by, and takes over', async () => {
    const [a, b] = await Promise.all([started(), started()])
    const last = await ledger.write(1_000)
    expect(await Promise.all([a.passed(last, 10_000), b.passed(last, 10_000)])).toEqual([true, true])
    const leads = await Promise.all([a.status(), b.status()])
    expect(leads.filter((status) => status.leads)).toHaveLength(1)
    const [leader, standby] = leads[0].leads ? [a, b] : [b, a]
    await leader.stop()
    const next = await ledger.write(500)
    expect(await standby.passed(next, 10_000)).toBe(true)
    expect(await counted(standby)).toBe(1_500)
    expect((await standby.status()).leads).toBe(true)
  })

  test('projectors that all believe they hold the locks never apply an event twice: the checkpoint is the fence', async () => {
    const unlocked: Database = {
      ...ledger.db,
      async session(options) {
        const session = await ledger.db.session(options)
        const query: typeof session.query = (text, values) =>
          session.query(text.replace('pg_try_advisory_lock', '0 <> '), values)
        return { ...session, query }
      },
    }
    const warnings: unknown[] = []
    const log = { ...quiet, warn: (fields: object) => void warnings.push(fields) }
    const all = await Promise.all([1, 2, 3].map(() => started({ db: unlocked, log })))
    for (let n = 0; n < 40; n++) await ledger.write(25)
    const head = await ledger.store.head()
    await until(
      'all is applied',
      async () => (await all[0]?.status())?.projections.every(({ position }) => position === head) ?? false,
    )
    expect(warnings).toContainEqual({
      lock: 'projector',
      reason: expect.stringContaining('another projector has moved'),
    })
    for (const engine of all) expect(await counted(engine)).toBe(1_000)
    expect((await all[0]?.status())?.projections.map(({ state }) => state)).toEqual(['running', 'running'])
  })
})

describe('an event that cannot be applied', () => {
  test('stops its projection alone, with its position and the error; the others go on', async () => {
    const errors: object[] = []
    const alone: object[] = []
    const warn = (fields: object, message: string) => {
      if (message === 'a projection goes on by itself') alone.push(fields)
    }
    const engine = await started({ log: { ...quiet, warn, error: (fields) => void errors.push(fields) } })
    await ledger.write(600)
    const poison = await ledger.say('Poison')
    const last = await ledger.write(600)
    expect(await engine.passed(last, 10_000)).toBe(true)
    await until('it has stopped', async () => (await statusOf(engine, 'counts'))?.state === 'stopped')
    expect(await statusOf(engine, 'counts')).toMatchObject({
      stoppedAt: poison,
      error: `poison at ${poison}`,
      lag: 601,
    })
    expect(await statusOf(engine, 'accounts')).toMatchObject({ state: 'running', position: last })
    expect(await counted(engine)).toBe(600)
    expect(errors).toEqual([expect.objectContaining({ position: poison, type: 'Poison' })])
    expect(alone).toEqual([expect.objectContaining({ projection: 'counts version 1 generation 1' })])
    expect(await engine.passed(await ledger.write(1))).toBe(true)
  })

  test('is found in the middle of a batch that is caught up', async () => {
    await ledger.write(900)
    const poison = await ledger.say('Poison')
    await ledger.write(900)
    const engine = await started()
    await until('it has stopped', async () => (await statusOf(engine, 'counts'))?.stoppedAt === poison)
    expect(await counted(engine)).toBe(900)
  })

  test('is tried again before its projection stops', async () => {
    let failures = 0
    const flaky: Projection = {
      ...countsProjection,
      async apply(sql, table, events) {
        await countsProjection.apply(sql, table, events)
        if (events.some(({ type }) => type === 'Tick') && failures++ < 5) throw new Error('not yet')
      },
    }
    const engine = await started({ projections: [flaky, accountsProjection] })
    const last = await ledger.say('Tick')
    expect(await engine.passed(last, 10_000)).toBe(true)
    await until('it has passed', async () => (await statusOf(engine, 'counts'))?.position === last)
    expect(await counted(engine)).toBe(1)
    expect(failures).toBe(6)
  })

  test('is left out when an operator says so, and the projection goes on and joins the others', async () => {
    const engine = await started()
    await ledger.say('Tick')
    const poison = await ledger.say('Poison')
    const last = await ledger.say('Tick')
    await until('it has stopped', async () => (await statusOf(engine, 'counts'))?.state === 'stopped')
    await expect(skipEvent(ledger.db, 'counts', last)).rejects.toThrow('has not stopped')
    await skipEvent(ledger.db, 'counts', poison)
    await until('it goes on', async () => (await statusOf(engine, 'counts'))?.state === 'running')
    expect(await engine.passed(await ledger.say('Tick'))).toBe(true)
    expect(await counted(engine)).toBe(3)
  })

  test('is tried again at the next start, by code that can apply it', async () => {
    const first = await started()
    await ledger.say('Poison')
    const last = await ledger.say('Tick')
    await until('it has stopped', async () => (await statusOf(first, 'counts'))?.state === 'stopped')
    await first.stop()
    const mended: Projection = {
      ...countsProjection,
      apply: (sql, table, events) =>
        countsProjection.apply(
          sql,
          table,
          events.map((event) => ({ ...event, type: 'Tick' })),
        ),
    }
    const second = await started({ projections: [accountsProjection, mended] })
    await until('it goes on', async () => (await statusOf(second, 'counts'))?.state === 'running')
    expect(await second.passed(last, 5_000)).toBe(true)
    expect(await counted(second)).toBe(2)
  })
})

describe('waiting for a position', () => {
  test('who was told that it is passed sees the row, on any connection, here and in standby', async () => {
    const leader = await started()
    await until('it leads', async () => (await leader.status()).leads)
    const standby = await started()
    for (let n = 1; n <= 20; n++) {
      const position = await ledger.say('Tick')
      const engine = n % 2 === 0 ? leader : standby
      expect(await engine.passed(position)).toBe(true)
      expect(await counted(engine)).toBe(n)
    }
    expect((await standby.status()).leads).toBe(false)
  })

  test('answers false after the time, while nobody has passed it', async () => {
    const engine = await started()
    await engine.passed(await ledger.say('Tick'))
    const beyond = String(Number.MAX_SAFE_INTEGER).padStart(START.length, '0')
    expect(await engine.passed(beyond, 30)).toBe(false)
    const standby = await started()
    expect(await standby.passed(beyond, 30)).toBe(false)
  })

  test('an engine that stops answers who waits', async () => {
    const engine = await started()
    const waiting = engine.passed('9'.repeat(START.length), 60_000)
    await engine.stop()
    expect(await waiting).toBe(false)
  })

  test('waits hold no connection', async () => {
    const engine = await started()
    const waits = Array.from({ length: 50 }, () => engine.passed('9'.repeat(START.length), 60_000))
    expect(await ledger.db.query('select 1 as one')).toEqual([{ one: 1 }])
    await engine.stop()
    expect(new Set(await Promise.all(waits))).toEqual(new Set([false]))
  })

  test('listeners hear every event after it is in the rows, and one that throws harms nobody', async () => {
    const engine = await started()
    const heard: string[] = []
    engine.onApplied(() => {
      throw new Error('a listener of the test')
    })
    const stop = engine.onApplied((events) => void heard.push(...events.map(({ position }) => position)))
    const a = await ledger.say('Tick')
    await engine.passed(a)
    const b = await ledger.say('Unheard')
    await engine.passed(b)
    stop()
    await engine.passed(await ledger.say('Tick'))
    expect(heard).toEqual([a, b])
  })
})

test('two projections must not share a table', () => {
  const twin: Projection = { ...countsProjection, name: 'twin' }
  expect(() => engineOf({ projections: [countsProjection, twin] })).toThrow('table counts')
})
