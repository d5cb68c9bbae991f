/**
 * The databases of one run. A script asks by name while it runs; each database has one connection for the whole run, opened by the first
 * statement, so that what one statement sets in its session the next one finds.
 */
import { z } from 'zod'
import type { Json } from '../../../contracts/json.ts'
import type { TargetDeny } from '../case/deny.ts'
import { withPlaceholders } from './placeholders.ts'
import { DatabaseFault, type Session, type Statement } from './port.ts'
import { openPostgres } from './postgres.ts'
import { type RowLimits, Rows } from './rows.ts'
import { entriesByName, type Settings, settingsOf } from './settings.ts'
import { Wire } from './wire.ts'

export type DatabaseLimits = RowLimits & Readonly<{ connectMs: number; queryMs: number }>

export const DATABASE_LIMITS: DatabaseLimits = {
  connectMs: 5_000,
  queryMs: 10_000,
  rows: 10_000,
  bytes: 8 * 1024 * 1024,
}

/** Seconds that a server may go on with a statement after nobody here waits for it any more. */
const LATE_SECONDS = 1
/** What of a script's time is kept from a statement, so that the script hears of it: a tenth, and at most so many milliseconds. */
const MOST_KEPT_MS = 500
/** How long a goodbye may take. */
const GOODBYE_MS = 1_000

export interface Databases {
  /** As the environment names them. */
  readonly names: readonly string[]
  /**
   * Answers a script's question; both are JSON texts. What goes wrong with the database is an answer too; it rejects for a question that
   * no script of ours can ask. `leftMs` is what the script has left of its time; `signal` is aborted when nobody waits any more.
   */
  answer(question: string, asked: Readonly<{ leftMs: number; signal: AbortSignal }>): Promise<string>
  /** Closes every connection, those with a statement under way too. */
  close(): Promise<void>
}

/** `db` is the environment's list, passwords in clear. What is wrong with an entry is said when a script uses it. */
export function openDatabases(db: Json, targetDeny: TargetDeny, limits = DATABASE_LIMITS): Databases {
  return new RunDatabases(db, targetDeny, limits)
}

const scalar = z.union([
  z.null(),
  z.tuple([z.enum(['bool', 'float', 'decimal', 'str', 'bytes', 'datetime']), z.string()]),
  z.tuple([z.literal('int'), z.string().regex(/^-?\d+$/)]),
])
const parameter = z.union([scalar, z.tuple([z.literal('list'), z.array(scalar)])])
const question = z.strictObject({
  db: z.string(),
  sql: z.string(),
  params: z.union([z.null(), z.array(parameter), z.record(z.string(), parameter)]),
  all: z.boolean(),
})

type Question = Parameters<Databases['answer']>[1]
type Open = Readonly<{ session: Session; wire: Wire }>

class RunDatabases implements Databases {
  readonly names: readonly string[]
  readonly #entries: ReturnType<typeof entriesByName>
  readonly #targetDeny: TargetDeny
  readonly #limits: DatabaseLimits
  readonly #open = new Map<string, Open>()
  readonly #closing = new AbortController()

  constructor(db: Json, targetDeny: TargetDeny, limits: DatabaseLimits) {
    this.#entries = entriesByName(db)
    this.names = [...this.#entries.keys()]
    this.#targetDeny = targetDeny
    this.#limits = limits
  }

  async answer(text: string, asked: Question): Promise<string> {
    const { db, sql, params, all } = question.parse(JSON.parse(text))
    const until = performance.now() + asked.leftMs - Math.min(asked.leftMs / 10, MOST_KEPT_MS)
    try {
      const entry = this.#entries.get(db)
      if (entry === undefined) throw new DatabaseFault([`环境中没有名为 ${db} 的数据库`])
      const settings = settingsOf(db, entry)
      const statement = withPlaceholders(settings.type, sql, params)
      const { session } = await this.#opened(db, settings, until, asked.signal)
      return JSON.stringify(await this.#rowsOf(session, statement, all, { until, signal: asked.signal }))
    } catch (error) {
      if (!(error instanceof DatabaseFault)) throw error
      return JSON.stringify({ error: error.args, pgcode: error.pgcode })
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new DatabaseFault(['运行已结束，数据库连接已关闭']))
    const open = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(open.map(goodbye))
  }

  async #rowsOf(
    session: Session,
    statement: Statement,
    all: boolean,
    { until, signal }: Readonly<{ until: number; signal: AbortSignal }>,
  ): Promise<Rows['result']> {
    const rows = new Rows(all, this.#limits)
    const limit = this.#limit('查询', this.#limits.queryMs, until, signal)
    try {
      await session.run(statement, rows, limit.signal)
      return rows.result
    } finally {
      limit.met()
    }
  }

  /** The run's connection, a new one where there is none any more. */
  async #opened(name: string, settings: Settings, until: number, asked: AbortSignal): Promise<Open> {
    const known = this.#open.get(name)
    if (known?.session.usable === true) return known
    const wire = new Wire(settings, this.#targetDeny)
    const limit = this.#limit(`连接数据库 ${name} `, this.#limits.connectMs, until, asked)
    try {
      // The client of MySQL takes long to load, and few environments need it.
      const open = settings.type === 'mysql' ? (await import('./mysql.ts')).openMysql : openPostgres
      const seconds = Math.ceil(this.#limits.queryMs / 1000) + LATE_SECONDS
      const opened = { session: await open(settings, wire, seconds, limit.signal), wire }
      this.#open.set(name, opened)
      return opened
    } finally {
      limit.met()
    }
  }

  /** Aborted when the time for something is over, when nobody waits for it any more, or when the run has ended. */
  #limit(
    what: string,
    most: number,
    until: number,
    asked: AbortSignal,
  ): Readonly<{ signal: AbortSignal; met(): void }> {
    const over = new AbortController()
    const left = Math.max(0, Math.floor(until - performance.now()))
    const reason =
      left < most
        ? `${what}用完了脚本剩余的 ${seconds(left)} 秒时间，已中止`
        : `${what}超过 ${seconds(most)} 秒的时间限制，已中止`
    const timer = setTimeout(() => over.abort(new DatabaseFault([reason])), Math.min(left, most))
    return {
      signal: AbortSignal.any([over.signal, asked, this.#closing.signal]),
      met: () => clearTimeout(timer),
    }
  }
}

async function goodbye({ session, wire }: Open): Promise<void> {
  const timer = setTimeout(() => wire.fail(new Error('no goodbye')), GOODBYE_MS)
  const closed = new Promise<void>((resolve) => void wire.socket.once('close', () => resolve()))
  if (wire.socket.closed) return clearTimeout(timer)
  if (session.usable) session.end().catch(() => {})
  else wire.fail(new Error('not usable'))
  await closed
  clearTimeout(timer)
}

function seconds(milliseconds: number): string {
  return String(Math.round(milliseconds / 100) / 10)
}
