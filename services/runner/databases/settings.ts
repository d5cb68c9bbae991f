/** The databases of an environment: its `db` list, read entry by entry when a script first uses one. */
import { isArray, isObject, type Json, type JsonObject, JsonNumber } from '../../../contracts/json.ts'
import { DatabaseFault } from './port.ts'
import type { Dialect } from './placeholders.ts'

export type Settings = Readonly<{
  type: Dialect
  host: string
  port: number
  user: string
  password: string
  database: string | undefined
}>

const TYPES: Readonly<Record<string, Dialect>> = { mysql: 'mysql', postgres: 'postgres', postgresql: 'postgres' }
const PORTS: Readonly<Record<Dialect, number>> = { mysql: 3306, postgres: 5432 }
/** Names that one setting has in the drivers that people know. */
const DATABASE_NAMES = ['database', 'db', 'dbname']
/** What the old engine's driver takes and what decides nothing here: texts are UTF-8, statements commit, limits are the platform's. */
const WITHOUT_EFFECT = ['charset', 'autocommit', 'use_unicode', 'connect_timeout', 'read_timeout', 'write_timeout']
const KNOWN = new Set(['host', 'port', 'user', 'password', ...DATABASE_NAMES, ...WITHOUT_EFFECT])

/** The entries by their names; of one name the last counts. An entry without a name cannot be used and is left out. */
export function entriesByName(db: Json): ReadonlyMap<string, JsonObject> {
  const entries = isArray(db) ? db : [db]
  return new Map(
    entries.filter(isObject).flatMap((entry) => {
      const name = entry.get('name')
      return typeof name === 'string' && name !== '' ? [[name, entry] as const] : []
    }),
  )
}

/** Reads an entry. Throws `DatabaseFault` that names the field; never a value, for it may be a password. */
export function settingsOf(name: string, entry: JsonObject): Settings {
  const refuse = (field: string, why: string): DatabaseFault =>
    new DatabaseFault([`数据库 ${name} 的配置有误：${field} ${why}`])
  const type = entry.get('type')
  const dialect = typeof type === 'string' ? TYPES[type.toLowerCase()] : undefined
  if (dialect === undefined) throw refuse('type', '只能是 mysql 或 postgres')
  const config = entry.get('config')
  if (!isObject(config)) throw refuse('config', '必须是对象')
  if (config.has('passwd')) throw refuse('config.passwd', '请改名为 password，这样它会被加密保存')
  const unknown = [...config.keys()].find((key) => !KNOWN.has(key))
  if (unknown !== undefined) throw refuse(`config.${unknown}`, '不支持')

  function text(field: string): string | undefined {
    const value = (config as JsonObject).get(field) ?? undefined
    if (value === undefined) return undefined
    // It ends the field in both protocols: what follows would be read as something else.
    if (typeof value !== 'string' || value.includes('\0')) throw refuse(`config.${field}`, '必须是字符串')
    return value
  }
  function needed(field: string): string {
    const value = text(field)
    if (value === undefined || value === '') throw refuse(`config.${field}`, '不能为空')
    return value
  }
  function port(): number {
    const value = (config as JsonObject).get('port') ?? undefined
    if (value === undefined) return PORTS[dialect as Dialect]
    const written = value instanceof JsonNumber ? value.text : value
    const number = typeof written === 'string' && /^\d{1,5}$/.test(written) ? Number(written) : 0
    if (number < 1 || number > 65_535) throw refuse('config.port', '必须是 1 到 65535 的整数')
    return number
  }

  const host = needed('host')
  // A socket of the platform's own machine is not what a tester may reach.
  if (host.includes('/')) throw refuse('config.host', '必须是主机名或IP地址')
  const databases = DATABASE_NAMES.map(text).filter((database) => database !== undefined && database !== '')
  return {
    type: dialect,
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: port(),
    user: needed('user'),
    password: text('password') ?? '',
    database: databases[0],
  }
}
