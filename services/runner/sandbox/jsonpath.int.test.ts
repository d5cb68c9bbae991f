import { afterAll, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { givenCase, givenPool } from './given-sandbox.ts'

const pool = givenPool({ size: 0 })
afterAll(() => pool.stop(), 30_000)

/** Documents, paths, and what the Python package jsonpath 0.82 answered: a text, for JavaScript would reorder keys. */
const OBSERVED = readFileSync(new URL('jsonpath-observed.json', import.meta.url), 'utf8')

test('paths are answered as by the package that cases were written with', async () => {
  const given = await givenCase(pool, { data: OBSERVED })
  const outcome = await given.setup(`
for case in data['cases']:
    answer = jsonpath(data['documents'][case['document']], case['path'])
    # As JSON, for True is not 1 here.
    assert json.dumps(answer) == json.dumps(case['result']), (case['path'], answer, case['result'])
assert len(data['cases']) > 200`)
  expect(outcome.end).toEqual({ kind: 'done' })
  given.sandbox.close()
}, 60_000)

test('the root alone, quoted names and the paths of matches', async () => {
  const given = await givenCase(pool)
  const outcome = await given.setup(`
assert jsonpath([1], '$') == [[1]] and jsonpath({'a': {'b.c': 1}}, '$["a"]["b.c"]') == [1]
assert jsonpath({'a': [{'b': 1}]}, '$.a[*].b', 'PATH') == ["$['a'][0]['b']"]
assert jsonpath({'a': 1}, '') is False and jsonpath(None, '$.a') is False`)
  expect(outcome.end).toEqual({ kind: 'done' })
  given.sandbox.close()
}, 60_000)
