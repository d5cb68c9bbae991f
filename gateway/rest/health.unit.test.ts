import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { DatabaseUnavailable } from '../../platform/sql.ts'
import { healthRoutes, type Probes } from './health.ts'

const ask = (path: string, probes: Probes) =>
  healthRoutes(probes)
    .find((route) => route.path === path)!
    .handle(undefined as never)

afterEach(() => {
  jest.useRealTimers()
})

describe('readiness', () => {
  test('is green when every part is well, with the details of each', async () => {
    const projections = [{ name: 'cases', lag: 0 }]
    const answer = await ask('/readyz/', {
      database: async () => ({ ok: true }),
      projections: async () => ({ ok: true, projections }),
    })
    expect(answer).toEqual({
      status: 200,
      body: { status: 'ready', checks: { database: { ok: true }, projections: { ok: true, projections } } },
    })
  })

  test('is red with the reason when one part is not', async () => {
    const answer = await ask('/readyz/', {
      database: async () => ({ ok: true }),
      store: async () => ({ ok: false, reason: 'stopped at 7' }),
    })
    expect(answer).toMatchObject({
      status: 503,
      body: { status: 'not_ready', checks: { database: { ok: true }, store: { ok: false, reason: 'stopped at 7' } } },
      headers: { 'Retry-After': '1' },
    })
  })

  test('shows the words of an error only where they are known to be harmless', async () => {
    const answer = await ask('/readyz/', {
      database: () => Promise.reject(new DatabaseUnavailable('db:5432', new Error('refused'))),
      store: () => Promise.reject(new TypeError('password=hunter2')),
    })
    expect(answer.body).toEqual({
      status: 'not_ready',
      checks: {
        database: { ok: false, reason: 'Postgres at db:5432 is not available: refused' },
        store: { ok: false, reason: 'TypeError' },
      },
    })
  })

  test('does not wait for a part that never answers', async () => {
    jest.useFakeTimers()
    const answer = ask('/readyz/', { store: () => new Promise(() => {}) })
    await jest.advanceTimersByTimeAsync(2_000)
    expect((await answer).body).toMatchObject({ checks: { store: { ok: false, reason: 'no answer within 2000 ms' } } })
  })
})

test('the process is alive whatever its parts are', async () => {
  const answer = await ask('/healthz/', { database: () => Promise.reject(new Error('down')) })
  expect(answer).toEqual({ status: 200, body: { status: 'ok' } })
})
