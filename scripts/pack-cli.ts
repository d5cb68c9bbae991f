import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const run = promisify(execFile)

type Manifest = Readonly<Record<string, unknown>>

/**
 * `npm run pack:cli [-- FOLDER]`: the command line client as a tarball, into FOLDER (here, if none is named).
 *
 * What `npm pack` makes holds the same files, but asks whoever installs it for all that the platform needs at run time, some 300 MB. The
 * client needs none of it, and the platform cannot be started from there: Node runs no TypeScript below `node_modules`.
 */
export async function main([folder = '.']: readonly string[]): Promise<void> {
  const staged = await mkdtemp(join(tmpdir(), 'testledger-pack-'))
  try {
    const destination = resolve(folder)
    await mkdir(destination, { recursive: true })
    const [listed] = await npmPack(ROOT, ['--dry-run'])
    for (const { path } of listed?.files ?? []) {
      // The platform's own, in every language, npm takes along unasked.
      if (path.startsWith('README')) continue
      const packed = path === 'docs/ci.md' ? 'README.md' : path
      await mkdir(join(staged, dirname(packed)), { recursive: true })
      await cp(join(ROOT, path), join(staged, packed))
    }
    const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest
    await writeFile(join(staged, 'package.json'), JSON.stringify(clientOf(manifest), null, 2))
    const [packed] = await npmPack(staged, ['--pack-destination', destination])
    console.log(join(destination, packed?.filename ?? ''))
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}

/** What concerns those who run the client, and nothing of how the platform is built. */
function clientOf({ name, version, description, license, type, engines, bin, files }: Manifest): Manifest {
  return { name, version, description, license, type, engines, bin, files }
}

type Packed = Readonly<{ filename: string; files: readonly Readonly<{ path: string }>[] }>

async function npmPack(cwd: string, options: readonly string[]): Promise<readonly Packed[]> {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', ...options], { cwd })
  return JSON.parse(stdout) as readonly Packed[]
}
