import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from '@jest/globals'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** How a command ended: its exit code (null after a signal), and all that it wrote. */
export type Ended = Readonly<{ code: number | null; output: string; errors: string }>

export type Command = Readonly<{
  ended: Promise<Ended>
  /** The first match in what it has written to stdout, now or later. Rejects when it ends without one. */
  said(pattern: RegExp): Promise<RegExpExecArray>
  signal(name: NodeJS.Signals): void
}>

/** A folder that is removed after the tests of this file. */
export function temporaryFolder(): Readonly<{ path: string }> {
  const path = mkdtempSync(join(tmpdir(), 'testledger-command-'))
  afterAll(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
  return { path }
}

/**
 * Starts one of the project's scripts as npm does, in a process of its own. Of this process's environment it gets `PATH` alone. What
 * still runs after the tests of this file is killed.
 */
export function runCommand(
  script: string,
  args: readonly string[],
  { cwd, env }: Readonly<{ cwd: string; env: Readonly<Record<string, string>> }>,
): Command {
  const child = spawn(process.execPath, [join(ROOT, 'scripts/launch.mjs'), join(ROOT, script), ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      running.delete(child)
      resolve({ code, output, errors })
    })
  })
  return {
    ended,
    signal: (name) => void child.kill(name),
    async said(pattern) {
      for (;;) {
        const match = pattern.exec(output)
        if (match) return match
        const more = new Promise((resolve) => child.stdout.once('data', () => resolve('more')))
        if ((await Promise.race([more, ended])) !== 'more' && !pattern.test(output)) {
          throw new Error(`${script} ended without ${pattern}:\n${output}\n${errors}`)
        }
      }
    },
  }
}

const running = new Set<ReturnType<typeof spawn>>()
afterAll(() => running.forEach((child) => child.kill('SIGKILL')))
