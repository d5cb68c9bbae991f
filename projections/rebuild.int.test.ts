import { describe, expect, test } from '@jest/globals'
import { pause } from '../platform/pause.ts'
import type { Database } from '../platform/sql.ts'
import { startChild } from '../test/support/child.ts'
import { enginesOnLedger, projections } from '../test/support/engines.ts'
import { accountsProjection, countsProjection } from '../test/support/ledger.ts'
import { quiet } from '../test/support/quiet.ts'
import { until } from '../test/support/until.ts'
import { dropVersionsBefore, type ProjectionEngine, skipEvent } from './engine.ts'
import { unfedProjections } from './fed.ts'
import type { Projection } from './port.ts'
import { awaitRebuild, dumpRows, rebuild, requestRebuild } from './rebuild.ts'

const { ledger, started } = enginesOnLedger({ retryPauses: [] })

const tables = async () =>
  (
    await ledger.db.query<{ name: string }>(
      `select relname as name from pg_class where relkind = 'r' and relname ~ '_v[0-9]+_g[0-9]+$' order by 1`,
    )
  ).map(({ name }) => name)
const generations = () =>
  ledger.db.query<{ name: string; generation: number; state: string }>(
    `select name, generation, state from projections where state <> 'retired' order by name, generation`,
  )

test('who feeds a projection can be seen, and that nobody does', async () => {
  const both = ['accounts', 'counts']
  const one = await started({ projections: [accountsProjection] })
  const two = await started({ projections: [countsProjection] })
  await until('both are fed', async () => (await unfedProjections(ledger.db, both)).length === 0)
  await one.stop()
  expect(await unfedProjections(ledger.db, both)).toEqual(['accounts'])
  expect(await unfedProjections(ledger.db, ['counts'])).toEqual([])
  await two.stop()
  expect(await unfedProjections(ledger.db, both)).toEqual(both)
})

describe('a rebuild', () => {
  test('makes the same rows, and drops the old tables after a while', async () => {
    const engine = await started({ retiredMilliseconds: 0 })
    await engine.passed(await ledger.write(4_000), 10_000)
    const before = await dumpRows(engine, projections)
    expect(before['accounts']?.length).toBeGreaterThan(100)
    await awaitRebuild(ledger.db, await requestRebuild(ledger.db))
    expect(engine.table('accounts')).toBe('accounts_v1_g2')
    expect(await dumpRows(engine, projections)).toEqual(before)
    await until('the old tables are dropped', async () => (await tables()).length === 2)
    expect(await tables()).toEqual(['accounts_v1_g2', 'counts_v1_g2'])
  })

  test('brings back rows that were damaged', async () => {
    const engine = await started()
    await engine.passed(await ledger.write(1_000), 10_000)
    const before = await dumpRows(engine, projections)
    await ledger.db.query(`delete from ${engine.table('accounts')}`)
    await awaitRebuild(ledger.db, await requestRebuild(ledger.db, ['accounts']))
    expect(await dumpRows(engine, projections)).toEqual(before)
    expect(engine.table('counts')).toBe('counts_v1_g1')
  })

  test('goes on beside writes, waits and reads, none of which fails or goes back in time', async () => {
    const engine = await started()
    const standby = await started()
    await engine.passed(await ledger.write(3_000), 10_000)
    const over = new AbortController()
    let reads = 0
    const read = async (from: ProjectionEngine) => {
      let last = 0
      while (!over.signal.aborted) {
        const [row] = await from.query<{ events: string }>(`select events from ${from.table('counts')}`)
        expect(Number(row?.events)).toBeGreaterThanOrEqual(last)
        last = Number(row?.events)
        reads++
      }
    }
    const write = async () => {
      while (!over.signal.aborted) {
        const position = await ledger.write(10)
        expect(await engine.passed(position, 10_000)).toBe(true)
        const [row] = await engine.query<{ events: string }>(`select events from ${engine.table('counts')}`)
        expect(Number(row?.events)).toBe(Number(position))
      }
    }
    const load = Promise.all([read(engine), read(standby), write()])
    for (let n = 0; n < 3; n++) await awaitRebuild(ledger.db, await requestRebuild(ledger.db))
    over.abort()
    await load
    expect(reads).toBeGreaterThan(0)
    const live = await dumpRows(engine, projections)
    await awaitRebuild(ledger.db, await requestRebuild(ledger.db))
    expect(await dumpRows(engine, projections)).toEqual(live)
    await until('the standby has heard of it', async () => standby.table('counts') === 'counts_v1_g5')
    expect(await dumpRows(standby, projections)).toEqual(live)
  })

  test('leaves the old tables to a query that is under way, without holding up anything', async () => {
    const engine = await started({ retiredMilliseconds: 0 })
    await engine.passed(await ledger.write(100), 10_000)
    const old = engine.table('counts')
    const released = Promise.withResolvers<void>()
    const reading = Promise.withResolvers<void>()
    const query = ledger.db.transaction(async (sql) => {
      await sql.query(`select events from ${old}`)
      reading.resolve()
      await released.promise
      return sql.query(`select events from ${old}`)
    })
    await reading.promise
    await awaitRebuild(ledger.db, await requestRebuild(ledger.db))
    await until('the table that nobody reads is dropped', async () => !(await tables()).includes('accounts_v1_g1'))
    expect(await engine.passed(await ledger.write(1), 5_000)).toBe(true)
    // The next rebuild needs the projector, which must not be waiting for that query.
    await awaitRebuild(ledger.db, await requestRebuild(ledger.db, ['accounts']))
    expect(await tables()).toContain(old)
    released.resolve()
    expect(await query).toEqual([{ events: '100' }])
    await until('the other is dropped too', async () => !(await tables()).includes(old))
  })

  test('of a projection that has stopped mends it', async () => {
    let broken = true
    const flawed: Projection = {
      ...countsProjection,
      async apply(sql, table, events) {
        await countsProjection.apply(sql, table, events)
        if (broken) throw new Error('broken')
      },
    }
    const engine = await started({ projections: [accountsProjection, flawed] })
    const last = await ledger.say('Tick')
    const state = async () => (await engine.status()).projections.find(({ name }) => name === 'counts')?.state
    await until('it has stopped', async () => (await state()) === 'stopped')
    broken = false
    await awaitRebuild(ledger.db, await requestRebuild(ledger.db, ['counts']))
    expect(await state()).toBe('running')
    expect(await engine.passed(last)).toBe(true)
  })

  test('that cannot apply an event says which; what was live stays, and the event can be skipped for the next', async () => {
    const tolerant: Projection = {
      ...countsProjection,
      async apply(sql, table, events) {
        const ticks = events.map((event) => ({ ...event, type: 'Tick' }))
        await countsProjection.apply(sql, table, table('counts') === 'counts_v1_g1' ? ticks : events)
      },
    }
    const engine = await started({ projections: [accountsProjection, tolerant] })
    await ledger.write(30)
    const poison = await ledger.say('Poison')
    await engine.passed(await ledger.write(30), 10_000)
    await expect(awaitRebuild(ledger.db, await requestRebuild(ledger.db))).rejects.toThrow(
      `counts cannot apply ${poison}`,
    )
    expect(await generations()).toEqual([
      { name: 'accounts', generation: 2, state: 'live' },
      { name: 'counts', generation: 1, state: 'live' },
    ])
    expect(await tables()).not.toContain('counts_v1_g2')
    expect(await engine.passed(await ledger.write(1), 5_000)).toBe(true)
    await skipEvent(ledger.db, 'counts', poison)
    await awaitRebuild(ledger.db, await requestRebuild(ledger.db, ['counts']))
    expect(await engine.query(`select events from ${engine.table('counts')}`)).toEqual([{ events: '61' }])
  })

  test('of what is not there is refused', async () => {
    await started()
    await expect(requestRebuild(ledger.db, ['counts', 'ghosts'])).rejects.toThrow('ghosts')
    expect(await ledger.db.query('select * from rebuild_requests')).toEqual([])
  })

  test('is done by the process that asks when no platform runs, and by the platform when one does', async () => {
    const { db, store } = ledger
    await ledger.write(1_000)
    await rebuild({ db, store, projections, log: quiet })
    expect(await generations()).toEqual([
      { name: 'accounts', generation: 2, state: 'live' },
      { name: 'counts', generation: 2, state: 'live' },
    ])
    const platform = await started()
    await until('it leads', async () => (await platform.status()).leads)
    await rebuild({ db, store, projections, log: quiet, names: ['accounts'] })
    expect((await platform.status()).leads).toBe(true)
    await until('it has switched', async () => platform.table('accounts') === 'accounts_v1_g3')
  })

  test('is done once for one request, also when the list of open ones was read just before it was switched to', async () => {
    const read = Promise.withResolvers<void>()
    const waitsForRead: Projection = {
      ...countsProjection,
      apply: async (sql, table, events) => {
        if (table('counts') === 'counts_v1_g2') await read.promise
        await countsProjection.apply(sql, table, events)
      },
    }
    let reads: 'before' | 'late' | 'after' = 'before'
    const late: Database = {
      ...ledger.db,
      query: async (text, values) => {
        const rows = await ledger.db.query<never>(text, values)
        if (!text.includes('from rebuild_requests where done_at is null')) return rows
        if (reads === 'late') reads = 'after'
        if (reads === 'before' && (await generations()).some(({ state }) => state === 'building')) {
          read.resolve()
          await until('it is switched to', async () =>
            (await generations()).some(({ generation, state }) => generation === 2 && state === 'live'),
          )
          // That it is live is in the database a moment before the projector takes note of it.
          await pause(100, AbortSignal.timeout(100))
          reads = 'late'
        }
        return rows
      },
    }
    await ledger.write(30)
    await started({ db: late, projections: [waitsForRead] })
    await awaitRebuild(ledger.db, await requestRebuild(ledger.db, ['counts']))
    await until('the open ones were read again', async () => reads === 'after')
    expect(await generations()).toEqual([{ name: 'counts', generation: 2, state: 'live' }])
  })

  test('whose projector is killed in the middle is begun again by the next, and leaves nothing half', async () => {
    await ledger.write(20_000)
    const child = startChild('projector-process.ts', [ledger.url])
    expect(await child.line()).toBe('started')
    const standby = await started()
    expect(await standby.passed(await ledger.store.head(), 20_000)).toBe(true)
    expect((await standby.status()).leads).toBe(false)
    const before = await dumpRows(standby, projections)
    const request = await requestRebuild(ledger.db)
    expect(await child.line()).toBe('building')
    const [half] = await ledger.db.query<{ rows: number }>('select count(*)::integer as rows from accounts_v1_g2')
    expect(half?.rows).toBeGreaterThan(0)
    await child.end('SIGKILL')
    await awaitRebuild(ledger.db, request)
    expect(await dumpRows(standby, projections)).toEqual(before)
    expect((await generations()).map(({ state }) => state)).toEqual(['live', 'live'])
    expect(standby.table('accounts')).toBe('accounts_v1_g2')
  })
})

test('what older versions left is dropped when a release says so', async () => {
  const old = await started()
  await old.passed(await ledger.write(10), 5_000)
  await old.stop()
  const next = [accountsProjection, { ...countsProjection, version: 2 }]
  const engine = await started({ projections: next })
  await dropVersionsBefore(ledger.db, next)
  expect(await tables()).toEqual(['accounts_v1_g1', 'counts_v2_g1'])
  expect(await engine.passed(await ledger.write(10), 5_000)).toBe(true)
})
