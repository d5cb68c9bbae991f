/** What the Dockerfile makes, laid out in a folder of this machine, and its commands as processes: there is no Docker where tests run. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { chmod, chown, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { contextFiles, finalStage, imageEnvironment, only, productionPackages, ROOT } from './image-files.ts'

export type Ended = Readonly<{ code: number | null; output: string }>

/** A container, as it were: the image's program with variables of its own. */
export type Container = Readonly<{
  pid: number
  /** Asks it as Docker would, by the words of a health check. */
  check(command: readonly string[]): Promise<Ended>
  /** SIGTERM, as `docker stop` sends; SIGKILL when it takes too long. */
  stop(graceMs: number): Promise<Ended>
  said(): string
  isOver(): boolean
}>

export type Image = Readonly<{
  /** Starts its CMD. */
  run(environment: Readonly<Record<string, string>>): Promise<Container>
  remove(): Promise<void>
}>

/** Copies what the final stage has: the Node of the tests, the production packages of the lock file, and what .dockerignore lets in. */
export async function layImage(): Promise<Image> {
  const folder = await mkdtemp(join(tmpdir(), 'testledger-image-'))
  const app = join(folder, 'app')
  const node = join(folder, 'bin', 'node')
  // Nobody else than its owner may look into a temporary folder, and the image's user is not its owner.
  await chmod(folder, 0o755)
  await mkdir(app)
  await copyInto(app, [...contextFiles(), ...productionPackages()])
  await mkdir(dirname(node))
  await copyFile(process.execPath, node, constants.COPYFILE_FICLONE)

  const [program, ...args] = JSON.parse(only(finalStage(), 'CMD')) as string[]
  if (program !== 'node') throw new Error(`the image starts ${program}`)
  const running = new Set<ChildProcess>()

  function start(words: readonly string[], environment: Readonly<Record<string, string>>): ChildProcess {
    const env = { PATH: `${dirname(node)}:${process.env.PATH}`, ...imageEnvironment(), ...environment }
    const child = spawn('node', words, { cwd: app, env, ...user(), stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(child)
    child.once('exit', () => running.delete(child))
    return child
  }

  return {
    async run(environment) {
      const data = await mkdtemp(join(folder, 'data-'))
      const { uid, gid } = user()
      if (uid !== undefined && gid !== undefined) await chown(data, uid, gid)
      const own = { ...environment, DATA_DIR: data }
      const child = start(args, own)
      const end = ended(child)
      return {
        pid: child.pid ?? 0,
        said: end.said,
        isOver: () => child.exitCode !== null || child.signalCode !== null,
        check: async ([, first, ...words]) => {
          if (first !== 'node') throw new Error(`the image has no ${first}`)
          return ended(start(words, own)).done
        },
        async stop(graceMs) {
          child.kill('SIGTERM')
          const late = setTimeout(() => child.kill('SIGKILL'), graceMs)
          return end.done.finally(() => clearTimeout(late))
        },
      }
    },
    async remove() {
      const ends = [...running].map((child) => once(child, 'exit'))
      for (const child of running) child.kill('SIGKILL')
      await Promise.all(ends)
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** As COPY does, with the modes that the Dockerfile says. */
async function copyInto(app: string, paths: readonly string[]): Promise<void> {
  const copying = spawn('sh', ['-c', 'tar -cf - -T - | tar -xf - -C "$1" && chmod -R 755 "$1"', 'sh', app], {
    cwd: ROOT,
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  copying.stdin.end(paths.join('\n'))
  const [code] = (await once(copying, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`the image could not be laid out: ${code}`)
}

/** The image's user, where these tests may become it. */
function user(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const [uid = 0, gid = 0] = only(finalStage(), 'USER').split(':').map(Number)
  return { uid, gid }
}

function ended(child: ChildProcess): { done: Promise<Ended>; said(): string } {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const done = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
  return { done, said: () => output }
}
