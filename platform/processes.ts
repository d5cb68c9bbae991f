/**
 * What the operating system says about other processes. Linux is read from /proc, other systems are asked through
 * `ps`. Everything here is synchronous and takes microseconds on Linux, milliseconds elsewhere.
 */
import { execFileSync, type StdioOptions } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

const onLinux = process.platform === 'linux'

/**
 * A text that tells this process from every other that ever had its pid, or undefined when no such process runs.
 * It is fit for a file name. A zombie, dead but not yet collected by its parent, counts as gone: in containers without
 * an init nobody ever collects an orphan.
 */
export function processStart(pid: number): string | undefined {
  if (!onLinux) return ask(pid, 'lstart')?.replaceAll(/[^0-9A-Za-z]+/g, '-')
  const stat = read(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // The name, in parentheses, may hold blanks and parentheses of its own: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, startTicks] = [fields[0], fields[19]]
  return state === 'Z' || state === 'X' ? undefined : `${bootId()}-${startTicks}`
}

/** Whether a process with this pid runs, whoever owns it. */
export function isRunning(pid: number): boolean {
  return processStart(pid) !== undefined
}

/** The words of the process's command line; empty when it is gone. Without /proc, words are split at blanks. */
export function commandLine(pid: number): string[] {
  if (!onLinux) return ask(pid, 'command')?.split(' ') ?? []
  return read(`/proc/${pid}/cmdline`)?.split('\0').slice(0, -1) ?? []
}

/** The directory that the process works in; undefined where the system does not tell (not Linux, another's process). */
export function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

/** The pids of all processes; none where there is no /proc. */
export function runningPids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}

/** Waits until the process is gone; false when it still runs after the given milliseconds. */
export async function waitUntilGone(pid: number, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds
  while (isRunning(pid)) {
    if (performance.now() > deadline) return false
    await pause(10)
  }
  return true
}

/** Ticks count from the boot, so that after a reboot the same pid could have the same start: the boot's id tells. */
function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id')?.slice(0, 8) ?? 'boot'
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function ask(pid: number, column: 'lstart' | 'command'): string | undefined {
  try {
    const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' }
    const stdio: StdioOptions = ['ignore', 'pipe', 'ignore']
    const [state, ...rest] = execFileSync('ps', ['-ww', '-o', `state=,${column}=`, '-p', String(pid)], {
      encoding: 'utf8',
      env,
      stdio,
    })
      .trim()
      .split(' ')
    return state === undefined || state === '' || state.startsWith('Z') ? undefined : rest.join(' ').trim()
  } catch {
    return undefined
  }
}
