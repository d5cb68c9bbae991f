import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Bench } from './measurement.ts'

const ROOT = new URL('..', import.meta.url).pathname

/** A process of its own that says one line when it is ready. Its log goes to a file. */
export type Program = Readonly<{ pid: number; firstLine: Promise<string>; stop(): Promise<void> }>

/** A folder that is removed in the end. */
export async function temporaryFolder(bench: Bench): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'testledger-bench-'))
  bench.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Starts one of the project's files as `npm start` does, with these variables and no others that the platform reads. */
export async function startProgram(
  bench: Bench,
  file: string,
  variables: Readonly<Record<string, string>>,
): Promise<Program> {
  const path = join(await temporaryFolder(bench), 'log')
  const log = await open(path, 'w')
  const { PATH, HOME, TMPDIR, NODE_OPTIONS } = process.env
  const inherited = Object.entries({ PATH, HOME, TMPDIR, NODE_OPTIONS }).filter(([, value]) => value !== undefined)
  const child = spawn(process.execPath, ['scripts/launch.mjs', file], {
    cwd: ROOT,
    env: { ...Object.fromEntries(inherited), ...variables },
    stdio: ['ignore', 'pipe', log.fd],
  })
  const exited = once(child, 'exit')
  await log.close()
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await exited
  }
  bench.defer(stop)
  const firstLine = lineOf(child).then(async (line) => {
    if (line !== undefined) return line
    const [code] = (await exited) as [number | null]
    throw new Error(`${file} ended with ${code} before it was ready:\n${await readFile(path, 'utf8')}`)
  })
  // Whoever waits for something else instead is told by that.
  firstLine.catch(() => {})
  return { pid: child.pid ?? 0, firstLine, stop }
}

async function lineOf(child: ChildProcess): Promise<string | undefined> {
  if (child.stdout === null) return undefined
  const lines = createInterface({ input: child.stdout })
  const [line] = await Promise.race([once(lines, 'line') as Promise<string[]>, once(lines, 'close').then(() => [])])
  return line
}

/** The URL at the end of the line that a server says when it is ready. */
export async function urlOfServer(program: Program): Promise<string> {
  const url = /http:\/\/\S+$/.exec(await program.firstLine)?.[0]
  if (url === undefined) throw new Error(`no URL in "${await program.firstLine}"`)
  return url
}
