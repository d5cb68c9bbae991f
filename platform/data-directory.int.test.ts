import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, startChild } from '../test/support/child.ts'
import { dataDirectoryOwner, DataDirectoryInUse, lockDataDirectory } from './data-directory.ts'
import { processStart } from './processes.ts'

let dir = ''
const children: Child[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'testledger-lock-'))
})

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end('SIGKILL')))
  await rm(dir, { recursive: true, force: true })
})

async function taker(): Promise<Child> {
  const child = startChild('data-directory-process.ts', [])
  children.push(child)
  expect(await child.line()).toBe('ready')
  return child
}

async function take(child: Child): Promise<string | undefined> {
  child.write(dir)
  return child.line()
}

describe('the lock on a data directory', () => {
  test('is given to one, refused to the next with directory and pid, and free after its release', async () => {
    const data = join(dir, 'not', 'there yet')
    expect(await dataDirectoryOwner(data)).toBeUndefined()
    const lock = await lockDataDirectory(data)
    expect(await dataDirectoryOwner(data)).toBe(process.pid)

    const refusal = await lockDataDirectory(data).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(DataDirectoryInUse)
    expect(refusal).toMatchObject({ code: 'data_directory_in_use', directory: data, pid: process.pid })
    expect(String(refusal)).toContain(data)

    await lock.release()
    await lock.release()
    expect(await dataDirectoryOwner(data)).toBeUndefined()
    await (await lockDataDirectory(data)).release()
  })

  test('is refused while another process lives that has it, and taken over once that was killed', async () => {
    const other = await taker()
    expect(await take(other)).toBe('taken')
    expect(await dataDirectoryOwner(dir)).toBe(other.pid)
    await expect(lockDataDirectory(dir)).rejects.toMatchObject({ pid: other.pid })

    await other.end('SIGKILL')
    expect(await dataDirectoryOwner(dir)).toBeUndefined()
    await (await lockDataDirectory(dir)).release()
    expect(await readdir(join(dir, 'platform.lock'))).toEqual([])
  })

  test('is taken over when the pid of its dead owner belongs to another process now', async () => {
    const other = await taker()
    const claims = join(dir, 'platform.lock')
    await mkdir(claims)
    await writeFile(join(claims, `${other.pid}.another-start`), '')
    expect(await dataDirectoryOwner(dir)).toBeUndefined()
    await (await lockDataDirectory(dir)).release()

    await writeFile(join(claims, `${other.pid}.${processStart(other.pid)}`), '')
    await expect(lockDataDirectory(dir)).rejects.toMatchObject({ pid: other.pid })
  })

  test('that cannot be made is refused at once', async () => {
    await expect(lockDataDirectory('/proc/nowhere/data')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('goes to exactly one of six that take over from a dead owner at the same moment', async () => {
    const takers = await Promise.all(Array.from({ length: 6 }, taker))
    for (let round = 0; round < 8; round++) {
      const owner = await taker()
      expect(await take(owner)).toBe('taken')
      await owner.end('SIGKILL')

      const answers = await Promise.all(takers.map(take))
      expect(answers.filter((answer) => answer === 'taken')).toHaveLength(1)
      const winner = takers[answers.indexOf('taken')]
      expect(await dataDirectoryOwner(dir)).toBe(winner?.pid)
      await rm(dir, { recursive: true })
      await mkdir(dir)
    }
  })
})
