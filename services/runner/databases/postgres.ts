/** Postgres. What scripts see follows psycopg2: its types, JSON read, the last statement's rows; each statement commits. */
import { Client, DatabaseError, Query, type QueryConfig, type ResultBuilder, types } from 'pg'
import {
  type Column,
  type ColumnKind,
  DatabaseFault,
  type Kind,
  type Scalar,
  type Session,
  type Statement,
  type Value,
} from './port.ts'
import type { Settings } from './settings.ts'
import { type Wire, wordsOf } from './wire.ts'

/** How values are written is a setting of role and database too; the server itself ends a statement that nobody waits for any more. */
const sessionOf = (seconds: number): string =>
  `set datestyle to iso; set intervalstyle to postgres; set bytea_output to hex; set statement_timeout to '${seconds}s'`

/** A connection to Postgres on the wire; `statementSeconds` is when the server gives a statement up. Rejects with `DatabaseFault`. */
export async function openPostgres(
  { host, port, user, password, database = user }: Settings,
  wire: Wire,
  statementSeconds: number,
  signal: AbortSignal,
): Promise<Session> {
  const client = new Client({
    stream: () => wire.socket,
    host,
    port,
    user,
    database,
    // A function: for an empty password the driver would look into the platform's own environment and files.
    password: () => password,
    ssl: false,
    application_name: 'testledger',
    types: { getTypeParser: () => (text: unknown) => text },
  })
  client.on('error', (error) => wire.fail(error))
  try {
    await wire.during(signal, () => client.connect())
    await wire.during(signal, () => client.query(sessionOf(statementSeconds)))
  } catch (error) {
    wire.fail(error)
    throw faultOf(error)
  }
  return {
    get usable() {
      return wire.usable
    },
    async run(statement, rows, signal) {
      try {
        await wire.rowsDuring(rows, signal, () => finished(client, statement, wire))
      } catch (error) {
        throw faultOf(error)
      }
    },
    end: () => client.end(),
  }
}

/** Rows go to the wire's taker. Of several statements in one text the last one counts. */
function finished(client: Client, { sql, values }: Statement, wire: Wire): Promise<void> {
  const query = new Query<(string | null)[]>({
    text: sql,
    rowMode: 'array',
    ...(values === null ? {} : { values: values.map(parameterOf) }),
  } as QueryConfig)
  let current: unknown
  let columns: readonly Column[] = []
  const begin = (result: ResultBuilder | undefined): void => {
    current = result
    columns = (result?.fields ?? []).map(({ name, dataTypeID }) => [name, kindOf(dataTypeID)])
    wire.taking((rows) => rows.begin(columns))
  }
  return new Promise((resolve, reject) => {
    query.on('row', (row: (string | null)[], result) => {
      if (result !== current) begin(result)
      wire.taking((rows) => rows.row(row.map((value, nth) => valueOf(value, columns[nth]?.[1]))))
    })
    query.on('error', reject)
    query.on('end', (results: ResultBuilder | ResultBuilder[]) => {
      const last = Array.isArray(results) ? results.at(-1) : results
      if (last !== current) begin(last)
      resolve()
    })
    client.query(query)
  })
}

const { builtins } = types
const KINDS = new Map<number, Kind>([
  ...[builtins.INT2, builtins.INT4, builtins.INT8, builtins.OID].map((oid) => [oid, 'int'] as const),
  [builtins.FLOAT4, 'float'],
  [builtins.FLOAT8, 'float'],
  [builtins.NUMERIC, 'decimal'],
  [builtins.BOOL, 'bool'],
  [builtins.BYTEA, 'hex'],
  [builtins.DATE, 'date'],
  [builtins.TIMESTAMP, 'datetime'],
  [builtins.TIMESTAMPTZ, 'datetime'],
  [builtins.TIME, 'time'],
  [builtins.TIMETZ, 'time'],
  [builtins.INTERVAL, 'interval'],
  [builtins.JSON, 'json'],
  [builtins.JSONB, 'json'],
])
/** Types of arrays (`pg_type.dat`), by the kind of their elements. */
const ARRAYS = new Map<number, Kind>([
  ...[1005, 1007, 1016, 1028].map((oid) => [oid, 'int'] as const),
  ...[1021, 1022].map((oid) => [oid, 'float'] as const),
  [1231, 'decimal'],
  [1000, 'bool'],
  ...[1002, 1009, 1014, 1015, 2951].map((oid) => [oid, 'str'] as const),
  [1001, 'hex'],
  [1182, 'date'],
  ...[1115, 1185].map((oid) => [oid, 'datetime'] as const),
  ...[1183, 1270].map((oid) => [oid, 'time'] as const),
  [1187, 'interval'],
  ...[199, 3807].map((oid) => [oid, 'json'] as const),
])
/** The driver's reader of `text[]`, which leaves elements as they are written. */
const elementsOf = types.getTypeParser(1009 as number) as (text: string) => readonly Value[]

function kindOf(oid: number): ColumnKind {
  const element = ARRAYS.get(oid)
  return element === undefined ? (KINDS.get(oid) ?? 'str') : `array:${element}`
}

function valueOf(text: string | null, kind: ColumnKind | undefined): Value {
  return text !== null && kind?.startsWith('array:') === true ? elementsOf(text) : text
}

/** All but bytes travel as text, and the server finds the type. */
function parameterOf(value: Scalar): string | Buffer | null {
  if (value === null) return null
  const [kind, text] = value
  return kind === 'bytes' ? Buffer.from(text, 'base64') : text
}

function faultOf(error: unknown): DatabaseFault {
  if (error instanceof DatabaseFault) return error
  return error instanceof DatabaseError
    ? new DatabaseFault([error.message], error.code ?? null)
    : new DatabaseFault([wordsOf(error)])
}
