import { randomBytes } from 'node:crypto'
import { connect } from './client.ts'
import type { Bench } from './measurement.ts'
import { startProgram, temporaryFolder, urlOfServer } from './program.ts'

/** A platform in a process of its own, set as in production, and the token of its first user. */
export type PlatformProcess = Readonly<{ url: string; token: string; pid: number }>

/** What the processes of one platform are told alike. */
export type Settings = Readonly<Record<'ADMIN_PASSWORD', string> & Record<string, string>>

/** Starts it on a database that is there already. It logs every request, to a file. */
export async function startPlatformProcess(bench: Bench, databaseUrl: string): Promise<PlatformProcess> {
  const settings = settingsOn(databaseUrl)
  const process = await startWith(bench, settings)
  return { ...process, token: await logIn(bench, process.url, settings) }
}

/** Those of a new platform on a database that is there already. */
export function settingsOn(databaseUrl: string): Settings {
  return {
    PORT: '0',
    DATABASE_URL: databaseUrl,
    JWT_SECRET: randomBytes(32).toString('hex'),
    MASTER_KEY: randomBytes(32).toString('hex'),
    ADMIN_PASSWORD: randomBytes(12).toString('hex'),
    LOG_LEVEL: 'info',
    // One user stands for a whole team here.
    RATE_LIMIT: '0',
  }
}

/** Starts one process of a platform, with a data directory of its own. */
export async function startWith(bench: Bench, settings: Settings): Promise<Omit<PlatformProcess, 'token'>> {
  const program = await startProgram(bench, 'scripts/start.ts', {
    ...settings,
    DATA_DIR: await temporaryFolder(bench),
  })
  return { url: await urlOfServer(program), pid: program.pid }
}

/** The token of its first user. */
export async function logIn(bench: Bench, url: string, { ADMIN_PASSWORD: password }: Settings): Promise<string> {
  const { token } = await connect(bench, url, 1)('POST', '/api/users/login/', 200, { username: 'admin', password })
  return String(token)
}
