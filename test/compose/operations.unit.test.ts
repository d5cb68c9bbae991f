/** What docs/operations.md quotes is what the code says. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { ROLES } from '../../platform/config.ts'
import { ROOT } from './image-files.ts'

const guide = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')

const sources = globSync('{main.ts,{contracts,gateway,platform,projections,roles,scripts,services}/**/*.{ts,mjs}}', {
  cwd: ROOT,
  exclude: (path) => path.endsWith('.test.ts'),
})
  .map((path) => readFileSync(join(ROOT, path), 'utf8'))
  .join('\n')
  // Long messages are put together of parts.
  .replaceAll(/['"`] \+\s+['"`]/g, '')

/** The cells of the table under a heading, row by row, without its head. */
function table(heading: string): readonly (readonly string[])[] {
  const [, after = ''] = guide.split(`\n${heading}\n`)
  const rows = (after.split('\n#')[0] ?? '').split('\n').filter((line) => line.startsWith('| '))
  return rows.slice(1).map((row) =>
    row
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  )
}

const quoted = (text: string): readonly string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, words = '']) => words)

test('it tells of every role', () => {
  const named = table('## Roles').flatMap(([role = '']) => quoted(role))
  expect([...new Set(named)]).toEqual([...ROLES])
})

describe('the trouble that it knows', () => {
  const messages = [
    ...table('## Trouble by symptom').flatMap(([symptom = '']) => quoted(symptom)),
    ...table('### When it rings').flatMap(([, look = '']) => quoted(look)),
  ]
    .flatMap((words) => words.split('…').map((part) => part.trim()))
    // A path, a topic, a variable, what shells call a process and what is typed are no messages of ours.
    .filter((words) => / |\p{Script=Han}/u.test(words) && !/\.sh /.test(words))

  test.each(messages)('is said: %s', (words) => {
    expect(sources.includes(words)).toBe(true)
  })

  test('is some', () => expect(messages.length).toBeGreaterThan(20))
})

test('commands that it names are there', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object }
  const named = [...guide.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name)
  expect(named.length).toBeGreaterThan(3)
  expect([...new Set(named)].filter((name) => !Object.keys(scripts).includes(name ?? ''))).toEqual([])
})
