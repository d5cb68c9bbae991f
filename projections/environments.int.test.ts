import { describe, expect, test } from '@jest/globals'
import type { LongText } from '../contracts/blob.ts'
import type { JsonText } from '../contracts/json.ts'
import {
  environmentChanged,
  environmentCreated,
  environmentDeleted,
  type GivenEvent,
  json,
  PLAIN_ENVIRONMENT,
  projectCreated,
  projectDeleted,
} from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { findEnvironment, listEnvironments } from './environments.ts'

const given = givenRows()

const saved = (id: number, set: Record<string, LongText<JsonText>>, deleted: readonly string[] = []): GivenEvent => ({
  stream: `environment-${id}`,
  type: 'DebugVariablesSaved',
  data: { set, deleted },
})

describe('an environment', () => {
  test('keeps JSON letter for letter, sealed values and references to blobs', async () => {
    const fields = {
      headers: json('{ "b": 1.0, "a": {"$sealed":"v1.abc"}, "a": "\\u00e9" }'),
      db: json('[{"name":"x","config":{"password":{"$sealed":"v1.def"}}}]'),
      global_func: { $blob: 'a'.repeat(64), bytes: 20_000 },
      secrets: ['headers.a'],
    }
    const models = await given(projectCreated(1), environmentCreated(1, 1, fields))
    const shown = {
      id: 1,
      project: 1,
      name: 'environment 1',
      ...PLAIN_ENVIRONMENT,
      ...fields,
      debug_overlay: {},
      revision: '0',
    }
    expect(await findEnvironment(models, 1)).toEqual(shown)
    expect(await listEnvironments(models, {}, ALL)).toEqual({ rows: [shown], count: 1 })
  })

  test('changes field by field', async () => {
    const models = await given(
      projectCreated(1),
      environmentCreated(1, 1),
      environmentChanged(1, { name: 'b', host: '' }),
      environmentChanged(1, { global_variable: json('{"v": 1.50}'), global_func: 'pass', secrets: ['headers.X'] }),
    )
    expect(await findEnvironment(models, 1)).toEqual({
      id: 1,
      project: 1,
      ...PLAIN_ENVIRONMENT,
      name: 'b',
      host: '',
      global_variable: '{"v": 1.50}',
      global_func: 'pass',
      secrets: ['headers.X'],
      debug_overlay: {},
      revision: '2',
    })
  })
})

describe('what debug runs save', () => {
  test('is laid over what they saved before: the last word on a name counts', async () => {
    const long = { $blob: 'b'.repeat(64), bytes: 30_000 }
    const models = await given(
      projectCreated(1),
      environmentCreated(1, 1),
      saved(1, { token: json('{"$sealed":"v1.1"}'), kept: json('{"$sealed":"v1.2"}') }, ['a']),
      saved(1, { a: long }, ['token', 'never']),
    )
    const shown = await findEnvironment(models, 1)
    expect(shown).toMatchObject({ debug_global_variable: '{"a":1}', revision: '2' })
    expect(shown?.debug_overlay).toEqual({ a: long, token: null, kept: '{"$sealed":"v1.2"}', never: null })
  })

  test('keeps a name that is saved and deleted at once', async () => {
    const models = await given(projectCreated(1), environmentCreated(1, 1), saved(1, { x: json('1') }, ['x']))
    expect(await findEnvironment(models, 1)).toMatchObject({ debug_overlay: { x: '1' } })
  })

  test('is forgotten when the debug variables are written whole, and by no other change', async () => {
    const before = [projectCreated(1), environmentCreated(1, 1), saved(1, { x: json('1') })]
    const other = await given(...before, environmentChanged(1, { name: 'b', global_variable: json('{}') }))
    expect(await findEnvironment(other, 1)).toMatchObject({ debug_overlay: { x: '1' }, revision: '2' })
    const whole = await given(
      ...before,
      environmentChanged(1, { debug_global_variable: json('{"a":1}') }),
      saved(1, { y: json('2') }),
    )
    expect(await findEnvironment(whole, 1)).toMatchObject({ debug_global_variable: '{"a":1}', revision: '3' })
    expect((await findEnvironment(whole, 1))?.debug_overlay).toEqual({ y: '2' })
  })

  test('of a run that outlived its environment makes no row', async () => {
    const models = await given(
      projectCreated(1),
      environmentCreated(1, 1),
      environmentDeleted(1),
      saved(1, { x: json('1') }),
    )
    expect(await models.query(`select id from ${models.table('environments')}`)).toEqual([])
  })
})

describe('an environment is not seen', () => {
  test('after its own deletion, that of its project, or when it was born later than that', async () => {
    const models = await given(
      projectCreated(1),
      projectCreated(2),
      environmentCreated(1, 1),
      environmentCreated(2, 1),
      environmentCreated(3, 2),
      environmentDeleted(1),
      projectDeleted(2),
      environmentCreated(4, 2),
      environmentChanged(4, { name: 'late' }),
      environmentCreated(5, 9),
    )
    for (const id of [1, 3, 4, 5]) expect([id, await findEnvironment(models, id)]).toEqual([id, undefined])
    expect((await listEnvironments(models, {}, ALL)).rows.map(({ id }) => id)).toEqual([2])
    expect(await listEnvironments(models, { project: 2 }, { limit: 5, offset: 0 })).toEqual({ rows: [], count: 0 })
  })
})

test('a list is by id, of one project where asked, in pages that count all that is seen', async () => {
  const models = await given(
    projectCreated(1),
    projectCreated(2),
    environmentCreated(20, 1),
    environmentCreated(3, 2),
    environmentCreated(4, 1),
    environmentCreated(5, 1),
  )
  const ids = async (filter: { project?: number }, limit: number | null, offset: number) => {
    const { rows, count } = await listEnvironments(models, filter, { limit, offset })
    return [rows.map(({ id }) => id), count]
  }
  expect(await ids({}, null, 0)).toEqual([[3, 4, 5, 20], 4])
  expect(await ids({}, 3, 3)).toEqual([[20], 4])
  expect(await ids({ project: 1 }, 2, 0)).toEqual([[4, 5], 3])
  expect(await ids({ project: 1 }, 2, 2)).toEqual([[20], 3])
  expect(await ids({ project: 9 }, null, 0)).toEqual([[], 0])
})
