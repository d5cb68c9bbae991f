import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from '../../platform/sql.ts'
import { PASS } from './plan.ts'

/** A secret variable of a run, or the text of an API token; the same to Postgres and here. */
const SECRET = `${PASS}[0-9a-f]{8}|tl_[0-9]+_[A-Za-z0-9_-]{43}`

/**
 * What shows secrets in clear: columns of tables (log, blobs and read models), and the logs in a folder: those of processes, and those that a
 * broker keeps its messages in.
 */
export async function exposedIn(db: Database, folder: string): Promise<readonly string[]> {
  const columns = await db.query<{ table_name: string; column_name: string; data_type: string }>(
    `select table_name, column_name, data_type from information_schema.columns join information_schema.tables
     using (table_schema, table_name) where table_schema = 'public' and table_type = 'BASE TABLE'`,
  )
  const exposed: string[] = []
  for (const { table_name: table, column_name: column, data_type } of columns) {
    const text = data_type === 'bytea' ? `encode("${column}", 'escape')` : `"${column}"::text`
    const rows = await db.query<{ found: string }>(
      `select substring(${text} from $1) as found from "${table}" where ${text} ~ $1 limit 1`,
      [SECRET],
    )
    for (const { found } of rows) exposed.push(`${table}.${column} shows ${found}`)
  }
  if (columns.length === 0) exposed.push('no table was looked into')
  for (const file of await logsIn(folder)) {
    const [found] = new RegExp(SECRET).exec(await readFile(join(folder, file), 'latin1')) ?? []
    if (found !== undefined) exposed.push(`${file} shows ${found}`)
  }
  return exposed
}

async function logsIn(folder: string): Promise<readonly string[]> {
  const files = await readdir(folder, { recursive: true })
  return files.filter((file) => file.endsWith('.log'))
}
