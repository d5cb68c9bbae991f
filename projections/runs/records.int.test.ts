import { describe, expect, test } from '@jest/globals'
import { type RunEvent, type RunEventOf, runStream, type RunState } from '../../contracts/run.ts'
import type { GivenEvent } from '../../test/given-events.ts'
import { ALL, givenRows } from '../../test/given-rows.ts'
import type { ReadModels } from '../port.ts'
import { countOfRuns } from './counts.ts'
import { listRecords, type RecordFilter } from './records.ts'

const given = givenRows()

const ofRun = (id: number, event: RunEvent): GivenEvent => ({ stream: runStream(id), ...event })
const requested = (id: number, data: Partial<RunEventOf<'RunRequested'>['data']> = {}): GivenEvent =>
  ofRun(id, {
    type: 'RunRequested',
    data: {
      id,
      kind: 'task',
      debug: false,
      name: '回归测试',
      project: 1,
      environment: { id: 1, name: '本地', stream: 'environment-1', revision: 0 },
      tester: 'admin',
      flows: [],
      ...data,
    },
  })
const finished = (id: number, state: RunState): GivenEvent =>
  ofRun(id, { type: 'RunFinished', data: { attempt: 1, all: 0, success: 0, fail: 0, error: 0, state } })

const elsewhere = { id: 2, name: '预发', stream: 'environment-2', revision: 0 }
const runs = (): readonly GivenEvent[] => [
  requested(1, { task: 1 }),
  requested(2, { task: 2, name: 'Smoke 100%' }),
  requested(3, { task: 3, project: 2, environment: elsewhere }),
  requested(4, { kind: 'scene', scene: 1, name: '登录' }),
  requested(5, { kind: 'case', project: 2, name: '登录成功' }),
  requested(6, { task: 1, environment: elsewhere }),
  finished(1, 'success'),
  finished(2, 'cancelled'),
  finished(3, 'success'),
]

/** Milliseconds of the second in which the given event of that number stands. */
const second = (nth: number): number => Date.parse('2026-11-21T18:00:00+08:00') + nth * 1000

async function ids(models: ReadModels, filter: RecordFilter): Promise<readonly number[]> {
  const { rows, count } = await listRecords(models, filter, ALL)
  // A page of them tells the same, and how many there are.
  const paged = await listRecords(models, filter, { limit: 2, offset: 0 })
  expect([paged.rows, paged.count]).toEqual([rows.slice(0, 2), count])
  expect(await listRecords(models, filter, { limit: 2, offset: 2 })).toEqual({ rows: rows.slice(2, 4), count })
  expect(count).toBe(rows.length)
  return rows.map(({ id }) => id)
}

test('records are the newest first, and each filter leaves what it names', async () => {
  const models = await given(...runs())
  const left: readonly (readonly [RecordFilter, readonly number[]])[] = [
    [{}, [6, 5, 4, 3, 2, 1]],
    [{ kind: 'task' }, [6, 3, 2, 1]],
    [{ kind: 'scene' }, [4]],
    [{ kind: 'case' }, [5]],
    [{ project: 1 }, [6, 4, 2, 1]],
    [{ project: 1, kind: 'task' }, [6, 2, 1]],
    [{ project: 3 }, []],
    [{ task: 1 }, [6, 1]],
    [{ task: 1, kind: 'case' }, []],
    [{ task: 1, project: 2 }, []],
    [{ task: 3, project: 2, kind: 'task' }, [3]],
    [{ environment: 2 }, [6, 3]],
    [{ environment: 2, project: 1, kind: 'task' }, [6]],
    [{ state: 'success' }, [3, 1]],
    [{ state: 'cancelled', kind: 'task' }, [2]],
    [{ state: 'error' }, []],
    [{ search: '登录' }, [5, 4]],
    [{ search: 'SMOKE' }, [2]],
    [{ search: '%' }, [2]],
    [{ search: '_' }, []],
    [{ search: '' }, [6, 5, 4, 3, 2, 1]],
    [{ from: second(3) }, [6, 5, 4]],
    [{ before: second(3) }, [3, 2, 1]],
    [{ from: second(1), before: second(3), kind: 'task' }, [3, 2]],
    [{ from: second(3), before: second(3) }, []],
  ]
  for (const [filter, wanted] of left) expect([filter, await ids(models, filter)]).toEqual([filter, wanted])
})

test('a record in a list says what a record by itself says', async () => {
  const models = await given(...runs())
  const { rows } = await listRecords(models, { state: 'cancelled' }, ALL)
  expect(rows).toEqual([
    {
      id: 2,
      kind: 'task',
      task: 2,
      name: 'Smoke 100%',
      project: 1,
      environment: 1,
      environment_name: '本地',
      tester: 'admin',
      trigger: 'manual',
      build: null,
      branch: null,
      commit: null,
      url: null,
      total: 0,
      status: '执行完毕',
      state: 'cancelled',
      all: 0,
      success: 0,
      fail: 0,
      error: 0,
      reason: null,
      requested_at: '2026-11-21T18:00:01.000000+08:00',
      started_at: null,
      finished_at: '2026-11-21T18:00:07.000000+08:00',
      revision: '1',
    },
  ])
})

describe('how many runs there are', () => {
  test('is known of each project, kind and task', async () => {
    const models = await given(...runs())
    const counts = [
      [{}, 6],
      [{ project: 1 }, 4],
      [{ kind: 'task' }, 4],
      [{ task: 1 }, 2],
      [{ project: 1, kind: 'task', task: 2 }, 1],
      [{ project: 2, task: 1 }, 0],
      [{ project: 9 }, 0],
    ] as const
    for (const [by, count] of counts) expect([by, await countOfRuns(models, by)]).toEqual([by, count])
  })

  test('is asked of no run where nothing else narrows a page', async () => {
    const models = await given(...runs())
    const seen: string[] = []
    const watched: ReadModels = {
      ...models,
      query: (text, values) => {
        seen.push(text)
        return models.query(text, values)
      },
    }
    await listRecords(watched, { kind: 'task', project: 1 }, { limit: 1, offset: 0 })
    expect(seen).toHaveLength(2)
    expect(seen.filter((text) => /count\(/i.test(text))).toEqual([])
    // The counts stand in a table of their own.
    expect(seen.some((text) => text.includes(models.table('run_counts')))).toBe(true)
  })
})
