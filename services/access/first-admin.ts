import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { newCommandId } from '../../platform/ids.ts'
import type { Users } from './users.ts'

/** The password of an admin that was made just now, and where it can be read: on the terminal, or in a file. */
export type FirstAdmin = Readonly<{ username: string; generated?: { password: string } | { file: string } }>

/**
 * Makes the first admin while there is no user. A password that nobody chose is shown on a terminal alone; where there is none it is
 * written to `admin-password` in the data directory, mode 0600, before the user is made: a kill in between loses nothing.
 */
export async function makeFirstAdmin(
  users: Users,
  { username, password }: { username: string; password: string | undefined },
  { dataDir, onTerminal }: { dataDir: string; onTerminal: boolean },
): Promise<FirstAdmin | undefined> {
  const context = { commandId: newCommandId(), actor: 0, correlationId: 'start' }
  if (password !== undefined) {
    return (await users.ensureAdmin(() => Promise.resolve({ username, password }), context)) ? { username } : undefined
  }
  const own = randomBytes(12).toString('base64url')
  const file = join(dataDir, 'admin-password')
  const made = await users.ensureAdmin(async () => {
    if (!onTerminal) await writePassword(file, own)
    return { username, password: own }
  }, context)
  return made ? { username, generated: onTerminal ? { password: own } : { file } } : undefined
}

async function writePassword(path: string, password: string): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(`${password}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}
