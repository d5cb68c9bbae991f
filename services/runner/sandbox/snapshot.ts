/**
 * The memory of a freshly loaded interpreter and the code that V8 has compiled of it, kept in a file: a child that starts from it is
 * ready in a fraction of the time, and fast from its first script on. Made by a walled process on first use, checked by its digest,
 * made again when it is missing or damaged.
 */
import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SNAPSHOT_DIGEST_BYTES } from './child/contract.mjs'
import type { Wrapper } from './walls.ts'

const SOURCES = ['python/', 'child/'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)))
/** A snapshot is some 30 MiB; what is far longer was not made by ours. */
const LONGEST = 256 * 1024 * 1024
const MAKE_MS = 120_000

export interface Snapshot {
  /** The snapshot, checked. The caller closes it. */
  open(): Promise<FileHandle>
  /** Forgets the file, so that the next `open` makes it anew: for one whose digest is right and which still does not start. */
  discard(): Promise<void>
}

/** A snapshot in `folder`, named by all that it depends on. Nothing is made before the first `open`; the signal ends the making. */
export function snapshotIn(folder: string, wrapper: Wrapper, memoryLimitMb: number, signal: AbortSignal): Snapshot {
  const path = join(folder, `python-${keyOf(wrapper)}.snapshot`)
  let ready: Promise<void> | undefined

  async function ensure(): Promise<void> {
    if (await isWhole(path)) return
    await mkdir(folder, { recursive: true })
    try {
      await make(path, snapshotBytes(wrapper, [String(memoryLimitMb)], signal))
    } catch {
      // What V8 does with code is its own affair. An interpreter without any is slow at first, and right.
      await make(path, snapshotBytes(wrapper, [String(memoryLimitMb), 'without-code'], signal))
    }
    await removeOthers(folder, path)
  }

  return {
    async open() {
      ready ??= ensure()
      try {
        await ready
        return await open(path, 'r')
      } catch (problem) {
        ready = undefined
        throw problem
      }
    },
    async discard() {
      ready = undefined
      await rm(path, { force: true })
    },
  }
}

/** Snapshots of other versions are of no use any more, and thirty MiB each. */
async function removeOthers(folder: string, path: string): Promise<void> {
  for (const name of await readdir(folder))
    if (/^python-[0-9a-f]{24}\.snapshot$/.test(name) && join(folder, name) !== path)
      await rm(join(folder, name), { force: true })
}

/** Node, pyodide, the sandbox's own sources and the time zone: a change of any asks for another snapshot. */
function keyOf(wrapper: Wrapper): string {
  const { version } = createRequire(import.meta.url)('pyodide/package.json') as { version: string }
  const hash = createHash('sha256').update(`${process.version} ${process.arch} ${version} ${wrapper.env['TZ']}`)
  for (const folder of SOURCES)
    for (const file of readdirSync(folder).toSorted())
      if (/\.(py|mjs)$/.test(file)) hash.update(file).update(readFileSync(join(folder, file)))
  return hash.digest('hex').slice(0, 24)
}

/** The file is the snapshot and its SHA-256 behind it; read in chunks, so that nothing else waits for long. */
async function isWhole(path: string): Promise<boolean> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const size = (await file.stat()).size - SNAPSHOT_DIGEST_BYTES
    if (size <= 0 || size > LONGEST) return false
    const hash = createHash('sha256')
    for await (const chunk of file.createReadStream({
      autoClose: false,
      start: 0,
      end: size - 1,
      highWaterMark: 1 << 18,
    }))
      hash.update(chunk as Buffer)
    const digest = Buffer.alloc(SNAPSHOT_DIGEST_BYTES)
    await file.read(digest, 0, SNAPSHOT_DIGEST_BYTES, size)
    return hash.digest().equals(digest)
  } catch {
    return false
  } finally {
    await file?.close()
  }
}

/** Lets a walled process make the snapshot, and puts it in place whole. */
async function make(path: string, bytes: AsyncIterable<Buffer>): Promise<void> {
  const temporary = `${path}.${randomUUID()}`
  const file = await open(temporary, 'wx', 0o600)
  try {
    const hash = createHash('sha256')
    let size = 0
    for await (const chunk of bytes) {
      size += chunk.length
      if (size > LONGEST) throw new Error('the snapshot of the script interpreter is too long')
      hash.update(chunk)
      await file.write(chunk)
    }
    await file.write(hash.digest())
    await file.sync()
    await rename(temporary, path)
  } catch (problem) {
    await rm(temporary, { force: true })
    throw problem
  } finally {
    await file.close()
  }
}

async function* snapshotBytes(
  wrapper: Wrapper,
  options: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const [program, args] = wrapper.command('snapshot', ...options)
  const maker = spawn(program, args, {
    env: wrapper.env,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    timeout: MAKE_MS,
    signal,
    killSignal: 'SIGKILL',
  })
  let lastWords = ''
  maker.stderr?.setEncoding('utf8').on('data', (text: string) => (lastWords = (lastWords + text).slice(0, 4096)))
  const closed = new Promise<number | null>((resolve, reject) => {
    maker.once('error', reject)
    maker.once('close', resolve)
  })
  // Awaited below; until then a failure to start must not count as unhandled.
  closed.catch(() => {})
  try {
    for await (const chunk of maker.stdio[3] as AsyncIterable<Buffer>) yield chunk
    if ((await closed) !== 0) throw new Error(`the snapshot of the script interpreter was not made: ${lastWords}`)
  } finally {
    maker.kill('SIGKILL')
  }
}
