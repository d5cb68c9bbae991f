import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import type { Binaries } from './binaries.ts'
import type { RunAs } from './run-as.ts'

/** Everything that it takes to run one of the server's programs here. */
export interface Host {
  dataDir: string
  binaries: Binaries
  runAs: RunAs
}

/**
 * Starts a program of the server's. It gets a session of its own: Ctrl-C in the terminal reaches the platform alone,
 * which then ends the server when it no longer needs it.
 */
export function startProgram(host: Host, program: string, args: readonly string[], stdio: StdioOptions): ChildProcess {
  const [command = '', ...rest] = [...host.runAs.prefix, program, ...args]
  return spawn(command, rest, { detached: true, stdio, env: host.binaries.env, cwd: host.dataDir, ...host.runAs.user })
}

/**
 * Runs a program to its end, with `input` on its standard input.
 * @returns what it wrote, both streams together
 * @throws Error with the last lines that it wrote when it fails
 */
export async function runProgram(host: Host, program: string, args: readonly string[], input = ''): Promise<string> {
  const child = startProgram(host, program, args, 'pipe')
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  // It may end without having read everything.
  child.stdin?.on('error', () => {}).end(input)
  const end = await new Promise<string>((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve(String(code ?? signal)))
  })
  if (end === '0') return output
  throw new Error(`${program} ended with ${end}: ${output.trim().split('\n').slice(-5).join(' | ')}`)
}
