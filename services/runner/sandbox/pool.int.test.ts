import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { givenCase, givenPool, printed } from './given-sandbox.ts'
import type { SandboxPool } from './pool.ts'

const pools: SandboxPool[] = []
const folders: string[] = []
const pool = (options: Parameters<typeof givenPool>[0] = {}): SandboxPool => {
  pools.push(givenPool(options))
  return pools.at(-1)!
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((each) => each.stop()))
}, 30_000)
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true })
})

test('no two runs share an interpreter', async () => {
  const shared = pool()
  const one = await givenCase(shared)
  await one.setup(
    'import json, builtins\nbuiltins.left_behind = 1\njson.dumps = None\nopen("/tmp/left", "w").write("x")',
  )
  const other = await givenCase(shared)
  one.sandbox.close()
  const next = await givenCase(shared)
  for (const given of [other, next])
    expect(
      printed(
        await given.setup(
          'import os, builtins\nprint(hasattr(builtins, "left_behind"), json.dumps({}), os.path.exists("/tmp/left"))',
        ),
      ),
    ).toEqual(['False {} False'])
}, 60_000)

test('begun again, an interpreter has no variables, functions or names of before', async () => {
  const { sandbox, ...given } = await givenCase(pool(), {
    globalFunc: 'calls = []\ndef called():\n    calls.append(1)\n    return len(calls)',
  })
  await given.setup(
    'global left\nleft = 1\nENV.kept = {1}\nenv.mine = {2}\nprint(global_func.called(), global_func.called())',
  )
  await sandbox.begin({ globalFunc: 'def other():\n    return "other"', debug: false })
  sandbox.beginCase()
  const outcome = await sandbox.runScript({
    phase: 'setup',
    script: `print(global_func.other(), hasattr(global_func, 'called'), 'left' in globals())
print(type(ENV.kept).__name__, type(env.mine).__name__)`,
    data: '{}',
    env: '{"mine": "{2}"}',
    ENV: '{"kept": "{1}"}',
  })
  expect(printed(outcome)).toEqual(['other False False', 'str str'])
}, 60_000)

test('who is told to leave does not wait for an interpreter that is slow to start', async () => {
  const slow = pool({ size: 0 })
  const leaving = new AbortController()
  let started = false
  const first = slow.open().then(() => (started = true))
  const opening = slow.open({ signal: leaving.signal })
  leaving.abort(new Error('the platform stops'))
  await expect(opening).rejects.toThrow('the platform stops')
  expect(started).toBe(false)
  await first
})

describe('a snapshot', () => {
  test('is made once, and made again when it is damaged, cut short or gone', async () => {
    const cacheDir = await mkdtemp(join(tmpdir(), 'testledger-snapshot-'))
    folders.push(cacheDir)
    const works = async (): Promise<void> => {
      const own = pool({ cacheDir, size: 0 })
      const given = await givenCase(own)
      expect(printed(await given.setup('print(1)'))).toEqual(['1'])
      await own.stop()
    }
    await writeFile(join(cacheDir, `python-${'0'.repeat(24)}.snapshot`), 'of another version')
    await works()
    const files = await readdir(cacheDir)
    expect(files).toEqual([expect.stringMatching(/^python-[0-9a-f]{24}\.snapshot$/)])
    const path = join(cacheDir, files[0]!)
    const whole = await readFile(path)

    const damaged = Buffer.from(whole)
    damaged[damaged.length >> 1]! ^= 1
    await writeFile(path, damaged)
    await works()
    expect((await readFile(path)).equals(damaged)).toBe(false)

    await truncate(path, 1000)
    await works()
    expect((await readFile(path)).length).toBeGreaterThan(1_000_000)
  }, 120_000)
})

test('an aborted signal ends the script under way and closes the sandbox', async () => {
  const cancel = new AbortController()
  const sandbox = await pool().open({ signal: cancel.signal })
  await sandbox.begin({ globalFunc: '', debug: false })
  const running = sandbox.runScript({ phase: 'setup', script: 'while True: pass', data: '{}', env: '{}', ENV: '{}' })
  cancel.abort()
  await expect(running).rejects.toThrow('closed')
  await expect(sandbox.begin({ globalFunc: '', debug: false })).rejects.toThrow('closed')
}, 60_000)

test('stop ends what runs, what waits and what starts', async () => {
  const own = pool({ size: 2 })
  const given = await givenCase(own)
  const running = given.setup('while True: pass')
  const ended = expect(running).resolves.toMatchObject({ end: { kind: 'limit', limit: 'crash' } })
  own.warm()
  await own.stop()
  await ended
  await expect(own.open()).rejects.toThrow('stopped')
}, 60_000)

test('the walls of this host are told', async () => {
  const { held, missing } = await pool().walls
  expect(missing).toHaveLength(Object.values(held).filter((wall) => !wall).length)
}, 60_000)

test('it is told of each interpreter that takes the place of one that a script has taken down, and of no other', async () => {
  let replaced = 0
  const { setup, sandbox } = await givenCase(pool({ replaced: () => void replaced++ }))
  await setup('a = 1')
  expect(replaced).toBe(0)
  expect((await setup('import os\nos._exit(0)')).end).toMatchObject({ kind: 'limit' })
  expect((await setup('print(1)')).end.kind).not.toBe('limit')
  expect(replaced).toBe(1)
  sandbox.close()
}, 60_000)
