/**
 * The walls that the operating system gives a sandbox's process: a user id of its own, no network, no sight of other
 * processes, no privileges. What a host refuses is found out by trying, strongest first, and said aloud.
 */
import { spawn } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A numeric user that no account should have, and not `nobody`, which the database runs as. */
export const SANDBOX_UID = 64_733

// Real paths: under links the process would need the right to read each of them.
const ENTRY = realpathSync(fileURLToPath(new URL('child/main.mjs', import.meta.url)))
const PYODIDE = dirname(createRequire(import.meta.url).resolve('pyodide/package.json'))
const PROBE_MS = 15_000

export type Wall = 'uid' | 'network' | 'processes' | 'privileges'

/** Which walls this host gives. `missing` has a sentence for each that it refuses. */
export interface WallReport {
  held: Readonly<Record<Wall, boolean>>
  missing: readonly string[]
}

/** How a walled process is started. */
export interface Wrapper {
  readonly held: Readonly<Record<Wall, boolean>>
  readonly env: Readonly<Record<string, string>>
  /** Program and arguments for one mode of the child. */
  command(mode: 'probe' | 'snapshot' | 'serve', ...args: string[]): [string, string[]]
}

const MISSING: Readonly<Record<Wall, string>> = {
  uid: 'scripts run under the user of the platform, not under one of their own',
  network: 'an escaped script could reach the network',
  processes: 'an escaped script could see other processes',
  privileges: 'the process keeps the privileges of the platform',
}

/** Tries the combinations that may work for this user until a process reports that it stands behind its walls. */
export async function findWalls(): Promise<{ wrapper: Wrapper; report: WallReport }> {
  let last = ''
  for (const wrapper of candidates(process.getuid?.() === 0)) {
    const refused = await refusal(wrapper)
    if (refused !== undefined) {
      last = refused
      continue
    }
    const missing = (Object.keys(MISSING) as Wall[]).filter((wall) => !wrapper.held[wall]).map((wall) => MISSING[wall])
    return { wrapper, report: { held: wrapper.held, missing } }
  }
  throw new Error(`no process for scripts can be started on this host: ${last}`)
}

const setpriv = (...args: string[]): string[] => ['setpriv', ...args, '--pdeathsig', 'KILL', '--']
const DROP = ['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all']
const OWN_UID = [`--reuid=${SANDBOX_UID}`, `--regid=${SANDBOX_UID}`, '--clear-groups', ...DROP]
/** The outer setpriv ends `unshare` with the platform, `--kill-child` the process with `unshare`. */
const apart = (...args: string[]): string[] => [
  ...setpriv(),
  'unshare',
  ...args,
  '--net',
  '--ipc',
  '--pid',
  '--fork',
  '--kill-child',
  '--',
]

function* candidates(root: boolean): Generator<Wrapper> {
  if (root) {
    yield wrapperOf([...apart(), ...setpriv(...OWN_UID)], {
      uid: true,
      network: true,
      processes: true,
      privileges: true,
    })
    yield wrapperOf(setpriv(...OWN_UID), { uid: true, privileges: true })
    // Where the platform's files are root's alone, as in root's home, no other user can run them.
    yield wrapperOf([...apart(), ...setpriv(...DROP)], { network: true, processes: true, privileges: true })
  } else {
    yield wrapperOf([...apart('--map-root-user'), ...setpriv(...DROP)], {
      network: true,
      processes: true,
      privileges: true,
    })
    yield wrapperOf(setpriv('--no-new-privs'), { privileges: true })
  }
  yield wrapperOf(root ? setpriv(...DROP) : [], root ? { privileges: true } : {})
  if (root) yield wrapperOf([], {})
}

function wrapperOf(prefix: readonly string[], held: Partial<Record<Wall, boolean>>): Wrapper {
  const node = [
    process.execPath,
    '--permission',
    `--allow-fs-read=${dirname(dirname(ENTRY))}`,
    `--allow-fs-read=${PYODIDE}`,
    '--disallow-code-generation-from-strings',
    '--max-old-space-size=96',
    '--no-warnings',
    ENTRY,
    PYODIDE,
  ]
  const [program, ...args] = [...prefix, ...node] as [string, ...string[]]
  return {
    held: { uid: false, network: false, processes: false, privileges: false, ...held },
    // Scripts see the host's time zone, or another in its place, and nothing else of its environment.
    env: { TZ: new Intl.DateTimeFormat().resolvedOptions().timeZone },
    command: (mode, ...rest) => [program, [...args, mode, ...rest]],
  }
}

/** Undefined when a process started so can read its files and tells of the walls what it should, else why not. */
function refusal(wrapper: Wrapper): Promise<string | undefined> {
  const [program, args] = wrapper.command('probe')
  return new Promise((resolve) => {
    const probe = spawn(program, args, {
      env: wrapper.env,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      timeout: PROBE_MS,
      killSignal: 'SIGKILL',
    })
    let told = ''
    let complaint = ''
    probe.stdio[3]?.on('data', (chunk: Buffer) => (told += chunk.toString()))
    probe.stdio[3]?.on('error', () => {})
    probe.stderr?.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(0, 1000)))
    probe.once('error', (problem) => resolve(problem.message))
    probe.once('close', (code) => {
      if (code !== 0) resolve(complaint || `it ended with ${code}`)
      else resolve(stands(wrapper, told) ? undefined : `it is not behind its walls: ${told.slice(0, 200)}`)
    })
  })
}

function stands({ held }: Wrapper, told: string): boolean {
  try {
    const seen = JSON.parse(told) as { uid: unknown; pid: unknown; interfaces: unknown }
    return (
      (!held.uid || seen.uid === SANDBOX_UID) &&
      (!held.network || seen.interfaces === 0) &&
      (!held.processes || seen.pid === 1)
    )
  } catch {
    return false
  }
}
