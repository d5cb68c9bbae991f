import { describe, expect, test } from '@jest/globals'
import type { BugEvent } from '../../contracts/bug.ts'
import type { JsonText } from '../../contracts/json.ts'
import { given } from '../../test/given.ts'
import { bug } from './bug.ts'

const json = (text: string): JsonText => text as JsonText
const place = { interface: 3, interface_url: '/users/login/', project: 7 }
const data = { id: 1, ...place, desc: '演示的数据', info: json('{"b": 1.0}'), status: '未处理', user: 'torin' } as const
const reported = { type: 'BugReported', data: { ...data, by: 'admin' } } as const
const deleted = { type: 'BugDeleted', data: { by: 'admin' } } as const

describe('a bug', () => {
  test('is reported once', () => {
    given(bug).when({ type: 'ReportBug', data: reported.data }).gives(reported)
    given(bug, reported).when({ type: 'ReportBug', data: reported.data }).refused('conflict')
    given(bug, reported, deleted).when({ type: 'ReportBug', data: reported.data }).refused('conflict')
  })

  test('says who changed what, and nothing where nothing changed', () => {
    const when = (changes: object) => given(bug, reported).when({ type: 'ChangeBug', by: 'musen', changes })
    when({ status: '处理中', desc: '演示的数据' }).gives({
      type: 'BugChanged',
      data: { status: '处理中', by: 'musen' },
    })
    when({ info: json('{"b":1.0}') }).gives({ type: 'BugChanged', data: { info: json('{"b":1.0}'), by: 'musen' } })
    when({ status: '未处理', user: 'torin', info: json('{"b": 1.0}') }).gives()
    when({}).gives()
  })

  test('goes to another interface of its project alone', () => {
    const to = (other: typeof place) =>
      given(bug, reported).when({ type: 'ChangeBug', by: 'musen', changes: {}, to: other })
    to({ ...place, interface: 4, interface_url: '/v2/' }).gives({
      type: 'BugChanged',
      data: { interface: 4, interface_url: '/v2/', by: 'musen' },
    })
    to({ ...place, interface: 4, project: 8 }).refused('invalid', 'interface')
    to({ ...place, interface_url: '/renamed/' }).gives()
  })

  test('is deleted once, and nothing comes after', () => {
    given(bug, reported).when({ type: 'DeleteBug', by: 'admin' }).gives(deleted)
    for (const command of [
      { type: 'DeleteBug', by: 'admin' },
      { type: 'ChangeBug', by: 'admin', changes: { status: '处理完' } },
    ] as const) {
      given(bug, reported, deleted).when(command).refused('not_found')
      given(bug).when(command).refused('not_found')
    }
  })
})

test('the work on a bug is told from its events, in their order, with the status after each', () => {
  const events: BugEvent[] = [
    reported,
    { type: 'BugChanged', data: { status: '处理中', by: 'musen' } },
    { type: 'BugChanged', data: { desc: '改', by: 'torin' } },
    { type: 'BugChanged', data: { status: '处理完', interface: 4, interface_url: '/v2/', by: 'admin' } },
  ]
  const at = (second: number): string => `2026-11-21T18:00:0${second}.000000+08:00`
  expect(given(bug, ...events).state).toEqual({
    status: 'live',
    id: 1,
    create_time: at(0),
    fields: {
      interface: 4,
      interface_url: '/v2/',
      project: 7,
      desc: '改',
      info: '{"b": 1.0}',
      status: '处理完',
      user: 'torin',
    },
    handle: [
      { handle: '提交bug,bug状态是未处理', update_user: 'admin', create_time: at(0) },
      { handle: '更新bug,bug状态是处理中', update_user: 'musen', create_time: at(1) },
      { handle: '更新bug,bug状态是处理中', update_user: 'torin', create_time: at(2) },
      { handle: '更新bug,bug状态是处理完', update_user: 'admin', create_time: at(3) },
    ],
  })
})
