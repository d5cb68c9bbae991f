import { describe, expect, test } from '@jest/globals'
import type { TaskEvent } from '../../contracts/task.ts'
import { given } from '../../test/given.ts'
import { task } from './task.ts'

const created = {
  type: 'TaskCreated',
  data: { id: 1, project: 7, name: '回归测试', scenes: [2, 1, 2], concurrency: 1 },
} as const satisfies TaskEvent
const deleted = { type: 'TaskDeleted', data: {} } as const

describe('a task', () => {
  test('is created once', () => {
    given(task).when({ type: 'CreateTask', data: created.data }).gives(created)
    given(task, created).when({ type: 'CreateTask', data: created.data }).refused('conflict')
    given(task, created, deleted).when({ type: 'CreateTask', data: created.data }).refused('conflict')
  })

  test('says only what has changed, of its scenes all or nothing', () => {
    const when = (changes: object) => given(task, created).when({ type: 'ChangeTask', changes })
    when({ name: '回归测试', scenes: [2, 1, 2], concurrency: 1 }).gives()
    when({}).gives()
    when({ name: '冒烟测试', scenes: [2, 1, 2] }).gives({ type: 'TaskChanged', data: { name: '冒烟测试' } })
    when({ scenes: [1, 2, 2] }).gives({ type: 'TaskChanged', data: { scenes: [1, 2, 2] } })
    when({ scenes: [] }).gives({ type: 'TaskChanged', data: { scenes: [] } })
    when({ concurrency: 8 }).gives({ type: 'TaskChanged', data: { concurrency: 8 } })
  })

  test('stays in its project', () => {
    const when = (project: number) =>
      given(task, created).when({ type: 'ChangeTask', project, changes: { name: '冒烟测试' } })
    when(7).gives({ type: 'TaskChanged', data: { name: '冒烟测试' } })
    when(8).refused('invalid', 'project')
  })

  test('is deleted once, and nothing comes after', () => {
    given(task, created).when({ type: 'DeleteTask' }).gives(deleted)
    for (const events of [[], [created, deleted]]) {
      given(task, ...events)
        .when({ type: 'DeleteTask' })
        .refused('not_found')
      given(task, ...events)
        .when({ type: 'ChangeTask', changes: { name: 'x' } })
        .refused('not_found')
    }
  })

  test('folds to what was last said of it, and of a deleted one to where it was', () => {
    const changed = { type: 'TaskChanged', data: { scenes: [3], concurrency: 2 } } as const
    const { scenes: _, concurrency: __, ...rest } = created.data
    expect(given(task, created, changed).state).toEqual({ status: 'live', ...rest, scenes: [3], concurrency: 2 })
    expect(given(task, created, deleted, changed).state).toEqual({ status: 'deleted', id: 1, project: 7 })
    expect(given(task, changed).state).toEqual({ status: 'none' })
  })
})
