import { access, glob, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { REQUEST_KEYS } from '../../contracts/case.ts'
import { VARIABLES } from '../../platform/config.ts'
import { ADMIN, startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { README, section, takeTour, typed } from '../support/tour.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

describe("README's tour with curl, as it is printed", () => {
  let platform: TestPlatform
  let printed: readonly string[]
  beforeAll(async () => {
    platform = await startTestPlatform()
    expect(typed('A tour with curl').length).toBeGreaterThan(3)
    printed = await takeTour(platform.url, ADMIN.password)
  }, 120_000)
  afterAll(() => platform.stop(), 60_000)

  const json = (line: number): unknown => JSON.parse(printed.at(line) ?? '')

  test('prints what it says: ready, one project twice, a case that passes, the report of one that fails, a flow, the record of a task', async () => {
    expect(printed).toHaveLength(7)
    expect(json(0)).toMatchObject({ status: 'ready' })
    expect(printed[1]).toBe('project 1, and again 1')
    expect(json(2)).toMatchObject({ name: '服务存活', state: '成功', status_cede: 200, record: 1 })
    expect(json(3)).toMatchObject({
      record: 2,
      info: { all: 1, fail: 1, results: [{ cases: [{ name: '必然失败', state: '失败' }] }] },
    })
    expect(json(4)).toMatchObject({ id: 1, scene: 1, icase: 1, sort: 1 })
    expect(json(5)).toMatchObject({ name: '冒烟', all: 1, success: 1, state: 'success', record: 3 })
    expect(json(6)).toMatchObject([{ id: 4, task: '回归测试', pass_rate: '100.00', status: '执行完毕', build: '1042' }])
    const html = await readFile(join(tmpdir(), 'report-4.html'), 'utf8')
    expect(html).toContain('回归测试')
    await rm(join(tmpdir(), 'report-4.html'))
  })

  test('the variable went out with the request', () => {
    expect(json(2)).toMatchObject({ url: expect.stringMatching(/\/healthz\?mobile=1\d{10}$/) })
  })

  test('leaves behind what it made, once', async () => {
    expect((await platform.call('GET', '/api/testPro/projects/')).body).toMatchObject([{ id: 1, name: '小小电商' }])
    expect((await platform.call('GET', '/api/TestInterFace/interfaces/?project=1')).body).toMatchObject([
      { name: '存活', cases: [{ title: '服务存活' }] },
    ])
  })
})

test('the Chinese README has the same commands, the same table of variables and the same sections', async () => {
  const chinese = await readFile(join(ROOT, 'README.zh-CN.md'), 'utf8')
  const blocks = (text: string): string[] => text.match(/^```[^]*?^```$/gm) ?? []
  expect(blocks(chinese)).toEqual(blocks(README))
  const variables = (text: string): string[] =>
    text.split('\n').flatMap((line) => /^\| `([A-Z_]+)` +\|([^|]*)\|/.exec(line)?.slice(1).join() ?? [])
  expect(variables(chinese).map((cell) => cell.replaceAll(' ', ''))).toEqual(
    variables(README).map((cell) => cell.replaceAll(' ', '')),
  )
  const sections = (text: string): number => text.match(/^## /gm)?.length ?? 0
  expect(sections(chinese)).toBe(sections(README))
  const figures = (text: string): number => text.match(/^\| /gm)?.length ?? 0
  expect(figures(chinese)).toBe(figures(README))
})

test("README's table of the configuration is that of the code", () => {
  const rows = section('Configuration')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('\\', '')),
    )
  const code = Object.entries<{ default: string | undefined; meaning: string }>(VARIABLES)
  expect(rows).toEqual(
    code.map(([name, { default: preset, meaning }]) => [
      `\`${name}\``,
      preset === undefined ? '' : `\`${preset}\``,
      meaning,
    ]),
  )
})

test('every npm command that README names is there, and every one that is there is named or part of one', async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const code = README.match(/```[^`]*```|`[^`\n]+`/g)?.join('\n') ?? ''
  const named = [...code.matchAll(/npm (?:run )?([a-z:-]+)/g)].map(([, name = '']) => name)
  const known = Object.keys(scripts)
  expect(named.filter((name) => name !== 'install' && !known.includes(name))).toEqual([])
  expect(known.filter((name) => !name.includes(':') && !named.includes(name))).toEqual([])
})

/** The first column of the table below a heading of docs/case-engine.md. */
async function column(heading: string): Promise<readonly string[]> {
  const text = await readFile(join(ROOT, 'docs/case-engine.md'), 'utf8')
  const [, after = ''] = text.split(`# ${heading}\n`)
  const rows = (after.split('\n#')[0] ?? '').split('\n').filter((line) => line.startsWith('| '))
  return rows.slice(2).map((row) => row.split('|')[1]?.trim().replaceAll('`', '') ?? '')
}

describe('docs/case-engine.md names', () => {
  test('every key that a request may hold', async () => {
    expect((await column('The request')).toSorted()).toEqual([...REQUEST_KEYS].toSorted())
  })

  test('every comparison', async () => {
    const source = await readFile(join(ROOT, 'services/runner/sandbox/python/case_test.py'), 'utf8')
    const known = [...source.matchAll(/^ {4}'(\S+)': lambda test/gm)].map(([, name]) => name)
    expect(await column('Comparisons')).toEqual(known)
    expect(known).toHaveLength(10)
  })
})

test('the list of decisions has every one of them', async () => {
  const index = await readFile(join(ROOT, 'docs/adr/README.md'), 'utf8')
  const listed = [...index.matchAll(/\((\d{4}-[a-z0-9-]+\.md)\)/g)].map(([, file]) => file)
  const there = (await readdir(join(ROOT, 'docs/adr'))).filter((file) => file !== 'README.md')
  expect(listed).toEqual(there.toSorted())
})

test('every link from one document to another leads to a file', async () => {
  const broken: string[] = []
  let links = 0
  for await (const document of glob(['*.md', 'docs/**/*.md'], { cwd: ROOT })) {
    const text = await readFile(join(ROOT, document), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      links++
      await access(join(ROOT, dirname(document), target)).catch(() => broken.push(`${document}: ${target}`))
    }
  }
  expect(broken).toEqual([])
  expect(links).toBeGreaterThan(10)
})
