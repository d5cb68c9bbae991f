import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { postgresVersion } from './database.ts'

/** What the figures were measured on, as a line of Markdown. */
export async function describeMachine(): Promise<string> {
  const [first] = cpus()
  const load = loadavg()[0] ?? 0
  return [
    first?.model.trim() || 'an unnamed CPU',
    `${cpus().length} cores`,
    `${(totalmem() / 2 ** 30).toFixed(1)} GiB of memory`,
    `${type()} ${release()}`,
    `Node ${process.versions.node}`,
    `Postgres ${await postgresVersion()}`,
    `load average ${load.toFixed(2)} before the start`,
  ].join(', ')
}
