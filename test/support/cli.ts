import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from '@jest/globals'

export const BIN = fileURLToPath(new URL('../../bin/testledger.mjs', import.meta.url))

/** The oldest Node on the path that the command line client works on, as people without the platform have it; else this one. */
export const oldestNode = ((): Readonly<{ path: string; major: number }> => {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path))
    .map((path) => ({ path, major: majorOf(path) }))
    .filter(({ major }) => major >= 20)
  const own = { path: process.execPath, major: Number.parseInt(process.versions.node) }
  return found.reduce((oldest, each) => (each.major < oldest.major ? each : oldest), own)
})()

function majorOf(node: string): number {
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8', env: {} })
  return Number.parseInt(stdout?.slice(1) ?? '')
}

const running = new Set<ReturnType<typeof spawn>>()
afterAll(() => running.forEach((child) => child.kill('SIGKILL')))

type Options = Readonly<{ env?: Readonly<Record<string, string>>; cwd?: string; bin?: string }>

/** Starts `testledger` in a process of its own, on the oldest Node there is, with a token and nothing else in its environment. */
export function testledger(args: readonly string[], { env, cwd, bin = BIN }: Options = {}) {
  const child = spawn(oldestNode.path, [bin, ...args], {
    env: { TESTLEDGER_TOKEN: 'tl_token', ...env },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child)
    return { code: code as number | null, output, errors }
  })
  return {
    ended,
    signal: (name: NodeJS.Signals) => void child.kill(name),
    /** Nobody reads what it writes any more. */
    deafen: () => void child.stdout.destroy(),
    /** Resolves when it has written this. */
    async said(text: string) {
      while (!output.includes(text)) {
        const more = await Promise.race([once(child.stdout, 'data').then(() => true), ended.then(() => false)])
        if (!more && !output.includes(text)) throw new Error(`it ended without ${text}:\n${output}\n${errors}`)
      }
    },
  }
}
