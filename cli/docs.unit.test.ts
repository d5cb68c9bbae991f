import { readFile } from 'node:fs/promises'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { commandOf, help } from './options.mjs'

/** docs/ci.md says what there is, and what it prints can be taken as it is. */

const TEXT = await readFile(new URL('../docs/ci.md', import.meta.url), 'utf8')

const blocks = (language: string): readonly string[] =>
  [...TEXT.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, text = '']) => (name === language ? [text] : []))

/** The words of each `testledger run` in a script. */
function commands(script: string): readonly (readonly string[])[] {
  return [...script.matchAll(/testledger (run .*?)['"]?$/gm)].map(([, words = '']) => words.split(' '))
}

const optionsOf = (text: string): ReadonlySet<string> => new Set(text.match(/(?<![\w-])--[a-z][a-z-]+/g))

const ENVIRONMENT = { TESTLEDGER_TOKEN: 'tl_1', TESTLEDGER_SERVER: 'https://tests.example.com' }

type GithubJobs = Readonly<{ jobs: Readonly<Record<string, { steps: readonly { run?: string; env?: object }[] }>> }>

describe('snippets', () => {
  test('each command can be understood, whatever CI it is for', () => {
    const scripts = [
      ...blocks('bash'),
      ...blocks('groovy'),
      ...blocks('yaml').map((text) => text.replace(/\n +--junit/, ' --junit')),
    ]
    const found = scripts.flatMap(commands)
    expect(found).toHaveLength(5)
    for (const words of found) expect(commandOf(words, ENVIRONMENT)).toMatchObject({ command: 'run' })
  })

  test('GitHub Actions: the parser sees the steps, the account and the command in one line', () => {
    const [github] = blocks('yaml').map((text) => parse(text) as GithubJobs)
    const steps = Object.values(github?.jobs ?? {}).flatMap(({ steps }) => steps)
    const step = steps.find(({ run }) => run?.includes('testledger run'))
    expect(step?.env).toEqual({
      TESTLEDGER_SERVER: 'https://tests.example.com',
      TESTLEDGER_TOKEN: '${{ secrets.TESTLEDGER_TOKEN }}',
    })
    const [words = []] = commands(step?.run ?? '')
    expect(commandOf(words, ENVIRONMENT)).toMatchObject({
      options: {
        files: [
          { format: 'junit', path: 'reports/junit.xml' },
          { format: 'html', path: 'reports/report.html' },
        ],
      },
    })
  })

  test('GitLab CI: the report that is written is the one that is read', () => {
    const [, gitlab] = blocks('yaml').map(
      (text) => parse(text) as { regression: { script: string[]; artifacts: object } },
    )
    expect(gitlab?.regression.artifacts).toMatchObject({ when: 'always', reports: { junit: 'reports/junit.xml' } })
    expect(gitlab?.regression.script.join('\n')).toContain('--junit reports/junit.xml')
    expect(blocks('yaml')).toHaveLength(2)
  })

  test('Jenkins: what opens closes, and the report that is written is the one that is read', () => {
    const [groovy = '', ...others] = blocks('groovy')
    expect(others).toEqual([])
    const code = groovy.replaceAll(/'[^'\n]*'/g, '')
    const count = (sign: string): number => code.split(sign).length
    for (const [open = '', close = ''] of ['{}', '[]', '()']) expect(count(open)).toBe(count(close))
    expect(code).not.toContain("'")
    expect(groovy).toMatch(
      /--junit reports\/junit\.xml --html reports\/report\.html'[\s\S]*junit testResults: 'reports\/junit\.xml'/,
    )
  })
})

describe('options', () => {
  test('its table has each one that there is, and no other', () => {
    const [, after = ''] = TEXT.split('\n## Options\n')
    const rows = (after.split('\n\n##')[0] ?? '').split('\n').filter((line) => line.startsWith('| `--'))
    const named = rows.map((row) => /--[a-z-]+/.exec(row)?.[0])
    expect([...new Set(named)]).toEqual([...help().matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name]) => name))
  })

  test('none is named anywhere that there is not', () => {
    const ours = optionsOf(help())
    const others = new Set(['--no-save', '--fail-with-body', '--retry', '--retry-connrefused', '--retry-max-time'])
    expect([...optionsOf(TEXT)].filter((name) => !ours.has(name) && !others.has(name))).toEqual([])
  })
})
