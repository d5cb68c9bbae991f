import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../platform/embedded-postgres.ts'
import { urlOf } from '../support/postgres.ts'
import { quiet } from '../support/quiet.ts'

/** Every process has a pool, and sessions for what it leads and follows. */
const SETTINGS = { max_connections: '400' }

/** A Postgres server of one's own that is stopped, killed and started again at the same address. */
export class PostgresServer {
  readonly #dataDir: string
  #server: EmbeddedPostgres | undefined

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  async start(): Promise<void> {
    this.#server = await startEmbeddedPostgres({ dataDir: this.#dataDir, log: quiet, settings: SETTINGS })
  }

  /** A connection string for its database. */
  get url(): string {
    if (this.#server === undefined) throw new Error('the database server was never started')
    return urlOf(this.#server.connection)
  }

  /** Fast shutdown: sessions are ended. */
  async stop(): Promise<void> {
    await this.#server?.stop()
  }

  async kill(): Promise<void> {
    if (this.#server === undefined) return
    process.kill(this.#server.pid, 'SIGKILL')
    await this.#server.exited
  }

  /** What can be done at the very end of this process. */
  killNow(): void {
    try {
      if (this.#server !== undefined) process.kill(this.#server.pid, 'SIGKILL')
    } catch {
      // It has ended before.
    }
  }
}
