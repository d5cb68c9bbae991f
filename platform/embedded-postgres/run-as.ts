import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { promisify } from 'node:util'
import { type Binaries, EmbeddedPostgresUnavailable } from './binaries.ts'

const run = promisify(execFile)

/** Who owns files: numeric ids. */
export interface Owner {
  uid: number
  gid: number
}

/** A way to run the server's programs that Postgres accepts (it refuses root) and that ends them with the platform. */
export interface RunAs {
  /** For messages: "as user 65534". */
  name: string
  /** Words in front of the program. Each replaces itself with the next: the child's pid is the program's. */
  prefix: readonly string[]
  /** Whom to run the child as, where that is another user. */
  user?: Owner
  /** Who must own what the server opens, where that is not simply this process's user. */
  owner?: Owner
}

/**
 * The parent's death, even by SIGKILL, is a fast shutdown of the server. It stands last in the prefix, since a change of
 * user or namespace would forget it. Without it (no util-linux) the server is left behind, and ended by the next start.
 * A parent that died before the request was made would never be told of: so the shell looks whether it is still there.
 */
const whileParentLives = 'test "$PPID" = "$0" || exit 1; exec "$@"'
const askForSignal = ['setpriv', '--pdeathsig', 'INT', '--']
const diesWithParent = [...askForSignal, '/bin/sh', '-c', whileParentLives, String(process.pid)]

/** `nobody`, by the number that nearly every system gives it. */
const overflowId = 65_534

/** The same user under another number: the server sees a user that is not root and has a name, the files see no change. */
const ownNamespace = ['unshare', '-U', `--map-user=${overflowId}`, `--map-group=${overflowId}`, '--']

/**
 * Finds out, by trying, how the server can be run here: the first way in which its program starts and reaches the data
 * directory. An existing cluster's owner is preferred, so that its files need no change of hands.
 * @returns that way, and the server's major version
 * @throws EmbeddedPostgresUnavailable with what each way failed with
 */
export async function chooseRunAs(
  dataDir: string,
  cluster: string,
  { postgres, env }: Binaries,
): Promise<{ runAs: RunAs; major: number }> {
  const failures: string[] = []
  for (const runAs of await ways(cluster)) {
    // Quoted by the shell as arguments; `test` fails silently, so the reason is said for it.
    const script = 'test -x "$0" || { echo "it cannot reach $0" >&2; exit 1; }; exec "$1" --version'
    const [command, ...args] = [...runAs.prefix, '/bin/sh', '-c', script, dataDir, postgres]
    try {
      const { stdout } = await run(command, args, { env, cwd: '/', ...runAs.user })
      return { runAs, major: Number(/\) (\d+)/.exec(stdout)?.[1]) }
    } catch (error) {
      failures.push(`${runAs.name}: ${reason(error)}`)
    }
  }
  throw new EmbeddedPostgresUnavailable(`the database server cannot run here (${failures.join('; ')})`)
}

async function ways(cluster: string): Promise<RunAs[]> {
  if (process.getuid?.() !== 0) return waysOfAnOrdinaryUser()
  const nobody = await nobodyOf()
  const root: Owner = { uid: 0, gid: 0 }
  const owner = await ownerOf(cluster)
  const user = owner === undefined || owner.uid === 0 ? nobody : owner
  const name = `as user ${user.uid}`
  const asUser: RunAs = { name, prefix: diesWithParent, user, owner: user }
  const namespaced: RunAs = {
    name: 'in a user namespace',
    prefix: [...ownNamespace, ...diesWithParent],
    owner: root,
  }
  const unguarded: RunAs = { name: `${name} without setpriv`, prefix: [], user, owner: user }
  return owner?.uid === 0 ? [namespaced, asUser, unguarded] : [asUser, namespaced, unguarded]
}

function waysOfAnOrdinaryUser(): RunAs[] {
  const guarded: RunAs = { name: 'as this user', prefix: diesWithParent }
  const unguarded: RunAs = { name: 'as this user without setpriv', prefix: [] }
  // initdb refuses a user without a name: a container started under a bare number, for example.
  const named: RunAs = { name: 'in a user namespace', prefix: [...ownNamespace, ...diesWithParent] }
  return hasName() ? [guarded, unguarded] : [named, guarded, unguarded]
}

function hasName(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    return false
  }
}

async function ownerOf(path: string): Promise<Owner | undefined> {
  try {
    const { uid, gid } = await stat(path)
    return { uid, gid }
  } catch {
    return undefined
  }
}

async function nobodyOf(): Promise<Owner> {
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(users) ?? []
  return uid === undefined ? { uid: overflowId, gid: overflowId } : { uid: Number(uid), gid: Number(gid) }
}

/** The last line that the try wrote, or why it did not even start. */
function reason(error: unknown): string {
  const { stderr = '', message = '' } = error as { stderr?: string; message?: string }
  return (stderr.trim() || message).split('\n').at(-1) ?? ''
}
