import { randomBytes } from 'node:crypto'
import { connect } from './client.ts'
import type { Bench } from './measurement.ts'
import { startProgram, temporaryFolder, urlOfServer } from './program.ts'

/** A platform in a process of its own, set as in production, and the token of its first user. */
export type PlatformProcess = Readonly<{ url: string; token: string; pid: number }>

/** Starts it on a database that is there already. It logs every request, to a file. */
export async function startPlatformProcess(bench: Bench, databaseUrl: string): Promise<PlatformProcess> {
  const password = randomBytes(12).toString('hex')
  const program = await startProgram(bench, 'scripts/start.ts', {
    PORT: '0',
    DATA_DIR: await temporaryFolder(bench),
    DATABASE_URL: databaseUrl,
    JWT_SECRET: randomBytes(32).toString('hex'),
    MASTER_KEY: randomBytes(32).toString('hex'),
    ADMIN_PASSWORD: password,
    LOG_LEVEL: 'info',
    // One user stands for a whole team here.
    RATE_LIMIT: '0',
  })
  const url = await urlOfServer(program)
  const { token } = await connect(bench, url, 1)('POST', '/api/users/login/', 200, { username: 'admin', password })
  return { url, token: String(token), pid: program.pid }
}
