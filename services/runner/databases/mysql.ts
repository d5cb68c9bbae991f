/** MySQL and MariaDB. What scripts see follows pymysql: the same types, the same error numbers, autocommit. */
import mysql, { type Connection, createConnection, type FieldPacket, type Query, type TypeCast } from 'mysql2'
import { type Column, DatabaseFault, type Kind, type Scalar, type Session, type Statement, type Value } from './port.ts'
import type { Settings } from './settings.ts'
import { type Wire, wordsOf } from './wire.ts'

// Node sees no names of what the driver exports by getters.
const { TypedParameter, Types } = mysql

/** A client's error numbers of MySQL: it could not connect, it lost the connection. */
const NOT_CONNECTED = 2003
const CONNECTION_LOST = 2013
/** The character set that is none. */
const BINARY = 63

/**
 * What a session begins with. The server itself ends a statement that nobody waits for any more: MariaDB reads the one comment, MySQL
 * the other (for SELECT alone).
 */
const sessionOf = (seconds: number): string =>
  `set names utf8mb4, autocommit = 1 /*M!100101 , max_statement_time = ${seconds} */ /*!50708 , max_execution_time = ${seconds * 1000} */`

/** A connection to MySQL on the wire; `statementSeconds` is when the server gives a statement up. Rejects with `DatabaseFault`. */
export async function openMysql(
  { user, password, database }: Settings,
  wire: Wire,
  statementSeconds: number,
  signal: AbortSignal,
): Promise<Session> {
  const connection = createConnection({
    stream: () => wire.socket.connect(0),
    user,
    password,
    ...(database === undefined ? {} : { database }),
    // What a server names must never become code here.
    disableEval: true,
    // No file of this machine is for a server to ask for; the others change what statements mean.
    flags: ['-LOCAL_FILES', '-FOUND_ROWS', '-IGNORE_SPACE', '-ODBC', '-CONNECT_ATTRS'],
    connectTimeout: 0,
    maxPreparedStatements: 16,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    jsonStrings: true,
  })
  connection.on('error', (error) => wire.fail(error))
  try {
    await wire.during(signal, () => new Promise<void>((resolve) => void connection.once('connect', () => resolve())))
    await wire.during(
      signal,
      () =>
        new Promise<void>((resolve, reject) => {
          connection.query(sessionOf(statementSeconds), (error) => (error === null ? resolve() : reject(error)))
        }),
    )
  } catch (error) {
    wire.fail(error)
    throw faultOf(error, NOT_CONNECTED)
  }
  return {
    get usable() {
      return wire.usable
    },
    async run(statement, rows, signal) {
      try {
        await wire.rowsDuring(rows, signal, () => finished(submit(connection, statement), wire))
      } catch (error) {
        throw faultOf(error, CONNECTION_LOST)
      }
    },
    end: () => new Promise((resolve) => connection.end(() => resolve())),
  }
}

/** What the binary protocol gives, but for two kinds. */
const typeCast: TypeCast = (field, next) => {
  // Bytes of a place on earth or of a vector are not taken apart.
  if (field.type === 'GEOMETRY' || field.type === 'VECTOR') return field.buffer()
  // Six digits are what MySQL itself writes of a number in single precision.
  const value = next()
  return field.type === 'FLOAT' && typeof value === 'number' ? Number(value.toPrecision(6)) : value
}

/** Texts as the server writes them, but of a statement with values the binary protocol's, which writes none. */
function submit(connection: Connection, { sql, values }: Statement): Query {
  if (values === null) return connection.query({ sql, rowsAsArray: true, typeCast: false })
  return connection.execute({ sql, values: values.map(parameterOf), rowsAsArray: true, typeCast })
}

/** Rows go to the wire's taker. Of a procedure's results the first one counts, as with the old engine. */
function finished(query: Query, wire: Wire): Promise<void> {
  let results = 0
  let columns: readonly Column[] | undefined
  return new Promise((resolve, reject) => {
    query.on('fields', (fields: FieldPacket[] | undefined) => {
      results += 1
      columns = results === 1 && fields !== undefined ? columnsOf(fields) : undefined
      wire.taking((rows) => columns && rows.begin(columns))
    })
    query.on('result', (row: unknown) => {
      const kinds = columns
      if (kinds === undefined || !Array.isArray(row)) return
      wire.taking((rows) => rows.row(row.map((value: Driven, nth) => textOf(value, kinds[nth]?.[1]))))
    })
    query.on('error', reject)
    query.on('end', () => resolve())
  })
}

/** A name that stands twice gets its table's name before it, as with pymysql's dict rows. */
function columnsOf(fields: readonly FieldPacket[]): readonly Column[] {
  const names = new Set<string>()
  return fields.map((field) => {
    const name = names.has(field.name) ? `${field.table}.${field.name}` : field.name
    names.add(name)
    return [name, kindOf(field)]
  })
}

const KINDS = new Map<number | undefined, Kind>([
  ...[Types.TINY, Types.SHORT, Types.LONG, Types.LONGLONG, Types.INT24, Types.YEAR].map(
    (type) => [type, 'int'] as const,
  ),
  [Types.FLOAT, 'float'],
  [Types.DOUBLE, 'float'],
  [Types.DECIMAL, 'decimal'],
  [Types.NEWDECIMAL, 'decimal'],
  [Types.DATE, 'date'],
  [Types.DATETIME, 'datetime'],
  [Types.TIMESTAMP, 'datetime'],
  [Types.TIME, 'duration'],
  // Its character set says that it is none.
  [Types.JSON, 'str'],
])

function kindOf({ columnType, characterSet }: FieldPacket): Kind {
  return KINDS.get(columnType) ?? (characterSet === BINARY ? 'base64' : 'str')
}

/** A value as the driver gives it. */
type Driven = null | string | number | Buffer

/** A value of either protocol as text. */
function textOf(value: Driven, kind: string | undefined): Value {
  if (value === null) return null
  if (Buffer.isBuffer(value)) return value.toString(kind === 'base64' ? 'base64' : 'utf8')
  return String(value)
}

const LONGEST_SIGNED = 2n ** 63n
const LONGEST_UNSIGNED = 2n ** 64n

function parameterOf(value: Scalar) {
  if (value === null) return null
  const [kind, text] = value
  switch (kind) {
    case 'bool':
      return text === 'True'
    case 'int':
      return integerOf(BigInt(text), text)
    case 'float':
      if (!Number.isFinite(Number(text))) throw new DatabaseFault([`MySQL 没有 ${text} 这样的数`])
      return Number(text)
    case 'decimal':
      return TypedParameter.NEWDECIMAL(text)
    case 'bytes':
      return Buffer.from(text, 'base64')
    case 'datetime':
      // Its columns know no offsets, and pymysql leaves them out.
      return text.replace(/[+-]\d\d:\d\d(:\d\d(\.\d+)?)?$/, '')
    case 'str':
      return text
  }
}

function integerOf(value: bigint, text: string) {
  if (value >= -LONGEST_SIGNED && value < LONGEST_SIGNED) return TypedParameter.LONGLONG(value)
  return value > 0n && value < LONGEST_UNSIGNED
    ? TypedParameter.LONGLONG.unsigned(value)
    : TypedParameter.NEWDECIMAL(text)
}

/** Errors of the server have a number and a sentence; for all else the number is `otherwise`. */
function faultOf(error: unknown, otherwise: number): DatabaseFault {
  if (error instanceof DatabaseFault) return error
  const { errno, sqlMessage } = error as { errno?: unknown; sqlMessage?: unknown }
  if (typeof errno === 'number' && typeof sqlMessage === 'string') return new DatabaseFault([errno, sqlMessage])
  return new DatabaseFault([otherwise, wordsOf(error)])
}
