import { expect, test } from '@jest/globals'
import { projectCreated } from '../test/given-events.ts'
import { ALL, givenRows } from '../test/given-rows.ts'
import { listProjects } from './projects.ts'

const given = givenRows()

const SEARCHES: readonly (readonly [search: string | undefined, name: string, found: boolean])[] = [
  [undefined, 'anything', true],
  ['', 'anything', true],
  ['login', 'Nightly LOGIN run', true],
  ['LOGIN', 'nightly login run', true],
  ['login', 'log in', false],
  ['回归', '每晚回归测试', true],
  ['回归', '每晚测试', false],
  ['ПРОГОН', 'ночной прогон', true],
  ['été', "Un ÉTÉ d'essais", true],
  ['ete', 'ÉTÉ', false],
  ['οδοσ', 'ΟΔΟΣ', true],
  ['ΟΔΟΣ', 'οδος μου', true],
  ['STRASSE', 'Lange straße', true],
  ['straße', 'LANGE STRAẞE', true],
  ['ա', 'Ա', true],
  ['𐐀', '𐐨', true],
  // Letters of patterns are letters.
  ['%', 'anything', false],
  ['100%', 'to 100% of it', true],
  ['_', 'anything', false],
  ['a_b', 'a_B', true],
  ['a_b', 'acb', false],
  [String.raw`\d`, String.raw`\D and 5`, true],
  [String.raw`\d`, '5', false],
  ['.*', 'anything', false],
  ["'; --", "it's here'; -- and here", true],
  // Kept letter for letter, spaces included.
  [' b', 'a b', true],
  [' b', 'ab', false],
]

test('a search finds a part of the name, whichever case its letters have in whichever script, and patterns are none', async () => {
  const models = await given(...SEARCHES.map(([, name], index) => projectCreated(index + 1, { name })))
  const found = await Promise.all(
    SEARCHES.map(async ([search, name], index) => {
      const { rows } = await listProjects(models, { search }, ALL)
      return [search, name, rows.some(({ id }) => id === index + 1)]
    }),
  )
  expect(found).toEqual(SEARCHES)
})

test('what a page counts is what was found', async () => {
  const models = await given(
    projectCreated(1, { name: 'Smoke 1' }),
    projectCreated(2, { name: 'nightly' }),
    projectCreated(3, { name: 'SMOKE 3' }),
    projectCreated(4, { name: 'a smoke test' }),
  )
  const page = await listProjects(models, { search: 'smoke' }, { limit: 2, offset: 1 })
  expect({ ...page, rows: page.rows.map(({ id }) => id) }).toEqual({ rows: [3, 4], count: 3 })
})
