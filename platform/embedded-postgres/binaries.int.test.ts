import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { chmod, copyFile, lstat, mkdir, mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findBinaries, linkLibraries } from './binaries.ts'

let dir = ''

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'testledger-binaries-'))
  await chmod(dir, 0o755)
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

/** The installed package's folder as npm leaves it when install scripts are switched off: without the links. */
async function installWithoutScripts(name: string): Promise<string> {
  const installed = dirname(dirname((await findBinaries(dir)).postgres))
  const native = join(dir, name, 'native')
  await mkdir(join(native, 'bin'), { recursive: true })
  await mkdir(join(native, 'lib'))
  await copyFile(join(installed, 'pg-symlinks.json'), join(native, 'pg-symlinks.json'))
  await copyFile(join(installed, 'bin', 'postgres'), join(native, 'bin', 'postgres'))
  for (const library of await readdir(join(installed, 'lib'))) {
    const path = join(installed, 'lib', library)
    if ((await lstat(path)).isFile()) await copyFile(path, join(native, 'lib', library))
  }
  return native
}

function startsWith(native: string, env: Record<string, string>): boolean {
  return spawnSync(join(native, 'bin', 'postgres'), ['--version'], { env }).status === 0
}

test('missing links between the libraries are made beside them', async () => {
  const native = await installWithoutScripts('writable')
  expect(startsWith(native, {})).toBe(false)
  // Two platforms that start at once make the same links.
  const made = await Promise.all([1, 2].map(() => linkLibraries(native, join(dir, 'not-needed'))))
  expect(made).toEqual([{}, {}])
  expect(startsWith(native, {})).toBe(true)
  expect(await readdir(dir)).not.toContain('not-needed')
  // They still lead there when the folder is moved.
  expect(await readlink(join(native, 'lib', 'libpq.so.5'))).toMatch(/^libpq\.so\.5\.\d+$/)
})

test('missing links are made in the data directory when the installation is read-only', async () => {
  const native = await installWithoutScripts('read-only')
  await chmod(join(native, 'lib'), 0o555)
  const elsewhere = join(dir, 'elsewhere')
  await mkdir(elsewhere)
  await chmod(elsewhere, 0o777)

  // Root may write everywhere: the links are made as another user.
  const user = process.getuid?.() === 0 ? { uid: 1, gid: 1 } : {}
  const module = new URL('binaries.ts', import.meta.url).href
  const script = `const { linkLibraries } = await import(${JSON.stringify(module)})
    for (let round = 0; round < 2; round++) var made = await linkLibraries(...process.argv.slice(1))
    console.log(JSON.stringify(made))`
  const args = ['--input-type=module', '-e', script, native, elsewhere]
  const { stdout, stderr } = spawnSync(process.execPath, args, { ...user, encoding: 'utf8' })
  expect(stderr).toBe('')
  const variables = JSON.parse(stdout) as Record<string, string>

  expect(Object.values(variables)).toEqual([elsewhere])
  expect(startsWith(native, {})).toBe(false)
  expect(startsWith(native, variables)).toBe(true)
})
