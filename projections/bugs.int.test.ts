import { describe, expect, test } from '@jest/globals'
import {
  bugChanged,
  bugDeleted,
  bugReported,
  interfaceChanged,
  interfaceCreated,
  interfaceDeleted,
  json,
  projectCreated,
  projectDeleted,
} from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { findBug, listBugs, urlOfInterface } from './bugs.ts'

const given = givenRows()

/** A project with two interfaces, and another with one. */
const GROUND = [
  projectCreated(1),
  projectCreated(2),
  interfaceCreated(1, 1),
  interfaceCreated(2, 1, { url: '/users/token/' }),
  interfaceCreated(3, 2),
] as const

const place = (of: number, project = 1) => ({ interface: of, project })
const AT = (second: number): string => `2026-11-21T18:00:0${second}.000000+08:00`

describe('bugs', () => {
  test('show their last fields, and how they were handled', async () => {
    const info = { $blob: 'ab'.repeat(32), bytes: 30_000 }
    const models = await given(
      ...GROUND,
      bugReported(1, place(1)),
      bugChanged(1, 'musen', { status: '处理中' }),
      bugChanged(1, 'torin', { desc: '登录返回500', info, user: 'musen' }),
      bugChanged(1, 'admin', { status: '处理完', interface: 2, interface_url: '/users/token/' }),
    )
    const shown = {
      id: 1,
      create_time: AT(5),
      desc: '登录返回500',
      status: '处理完',
      user: 'musen',
      interface: 2,
      interface_url: '/users/token/',
    }
    expect(await listBugs(models, {}, ALL)).toEqual({ rows: [shown], count: 1 })
    expect(await findBug(models, 1)).toEqual({
      ...shown,
      info,
      handle: [
        { handle: '提交bug,bug状态是未处理', update_user: 'admin', create_time: AT(5) },
        { handle: '更新bug,bug状态是处理中', update_user: 'musen', create_time: AT(6) },
        { handle: '更新bug,bug状态是处理中', update_user: 'torin', create_time: AT(7) },
        { handle: '更新bug,bug状态是处理完', update_user: 'admin', create_time: AT(8) },
      ],
      revision: '3',
    })
  })

  test('keep what was sent with them letter for letter', async () => {
    const info = json('{"b": 1.0,  "10": 12345678901234567890, "a": "\\u4e2d"}')
    const models = await given(...GROUND, bugReported(1, place(1), { info }))
    expect(await findBug(models, 1)).toMatchObject({ info })
  })

  test('show the URL that their interface has now, and its last one when it has gone', async () => {
    const models = await given(
      ...GROUND,
      bugReported(1, place(1)),
      bugReported(2, place(2)),
      interfaceChanged(1, { url: '/v2/' }),
      interfaceChanged(2, { name: 'renamed' }),
      interfaceChanged(2, { url: '/last/' }),
      interfaceDeleted(2),
      // Reported by one who had not yet seen the new URL.
      bugReported(3, place(1)),
    )
    expect((await listBugs(models, {}, ALL)).rows.map(({ id, interface_url }) => [id, interface_url])).toEqual([
      [1, '/v2/'],
      [2, '/last/'],
      [3, '/v2/'],
    ])
    expect(await findBug(models, 2)).toMatchObject({ interface: 2, interface_url: '/last/' })
    expect([await urlOfInterface(models, 2), await urlOfInterface(models, 9)]).toEqual(['/last/', undefined])
  })

  test('outlive their interface, and their project for who knows their id', async () => {
    const models = await given(
      ...GROUND,
      bugReported(1, place(1)),
      bugReported(2, place(3, 2)),
      interfaceDeleted(1),
      projectDeleted(2),
      bugChanged(2, 'admin', { status: '无效bug' }),
    )
    expect((await listBugs(models, { interface: 1 }, ALL)).rows.map(({ id }) => id)).toEqual([1])
    expect((await listBugs(models, {}, ALL)).rows.map(({ id }) => id)).toEqual([1])
    expect(await listBugs(models, { project: 2 }, { limit: 5, offset: 0 })).toEqual({ rows: [], count: 0 })
    expect(await findBug(models, 2)).toMatchObject({ status: '无效bug', revision: '1' })
  })

  test('are gone when they are deleted', async () => {
    const models = await given(
      ...GROUND,
      bugReported(1, place(1)),
      bugReported(2, place(1)),
      bugChanged(1, 'admin', { status: '处理完' }),
      bugDeleted(1),
    )
    expect(await findBug(models, 1)).toBeUndefined()
    expect((await listBugs(models, {}, ALL)).rows.map(({ id }) => id)).toEqual([2])
    expect(await models.query(`select bug from ${models.table('bug_handlings')}`)).toEqual([{ bug: 2 }])
  })

  test('are listed by id, by project, interface, status and what their text holds', async () => {
    const models = await given(
      ...GROUND,
      bugReported(12, place(1), { desc: 'Login 500' }),
      bugReported(3, place(2), { status: '处理中' }),
      bugReported(4, place(3, 2), { desc: 'a LOGIN that hangs' }),
      bugReported(5, place(1), { status: '处理中' }),
      bugChanged(12, 'admin', { status: '处理中' }),
      bugChanged(5, 'admin', { interface: 2, interface_url: '/users/token/' }),
    )
    const ids = async (filter: Parameters<typeof listBugs>[1]) =>
      (await listBugs(models, filter, ALL)).rows.map(({ id }) => id)
    expect(await ids({})).toEqual([3, 4, 5, 12])
    expect(await ids({ project: 1 })).toEqual([3, 5, 12])
    expect(await ids({ interface: 2 })).toEqual([3, 5])
    expect(await ids({ interface: 2, project: 2 })).toEqual([])
    expect(await ids({ status: '处理中' })).toEqual([3, 5, 12])
    expect(await ids({ status: '无效bug' })).toEqual([])
    expect(await ids({ search: 'login' })).toEqual([4, 12])
    expect(await ids({ search: 'login', status: '处理中', project: 1 })).toEqual([12])
    const page = await listBugs(models, { project: 1 }, { limit: 1, offset: 1 })
    expect([page.rows.map(({ id }) => id), page.count]).toEqual([[5], 3])
  })
})
