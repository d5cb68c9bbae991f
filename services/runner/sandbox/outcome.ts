/**
 * How a script ended, what it logged and what it changed. A reply comes from a process that ran a stranger's script, so
 * that it is read by schema and holds nothing but what the schema names.
 */
import { z } from 'zod'

/** The Python side ends a script that saves more. */
const MOST_SECRETS = 10_000

/** A text that is JSON. Numbers stay as Python printed them, so it is kept as text. */
const jsonText = z.string().refine(isJson)
const jsonObjectText = jsonText.refine((text) => text.startsWith('{'))

const error = z.object({
  kind: z.literal('error'),
  type: z.string(),
  message: z.string(),
  traceback: z.string(),
})

const end = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('failed'), message: z.string(), traceback: z.string() }),
  z.object({ kind: z.literal('skipped'), message: z.string() }),
  error,
])
const limit = z.object({ kind: z.literal('limit'), limit: z.enum(['memory', 'output']) })

const logEntry = z
  .tuple([z.string().max(64), z.string(), z.enum(['print', 'script', 'engine'])])
  .transform(([level, text, source]) => ({ level, text, source }))

const assertion = z.object({ method: z.string(), expected: jsonText, actual: jsonText, passed: z.boolean() })

const changes = z.object({ set: z.record(z.string(), jsonText), deleted: z.array(z.string()) })

const log = z.array(logEntry)
/** What stood under the name of a secret at some time of a script. */
const secrets = z.array(z.string()).max(MOST_SECRETS)
const finished = z.object({
  seq: z.number(),
  end: z.union([end, limit]),
  log,
  data: jsonObjectText,
  env: jsonObjectText,
  ENV: jsonObjectText,
  changes: z.object({ env: changes, ENV: changes }),
  secrets,
  assertions: z.array(assertion),
  faults: z.record(z.string(), z.string()),
  pending: z.boolean(),
})
/** A script that was stopped inside the interpreter: there is nothing but the limit to tell. */
const stopped = z.object({ seq: z.number(), end: limit, log, secrets, data: z.undefined().optional() })

export const scriptReply = z.union([finished, stopped])
export const beginReply = z.union([z.object({ seq: z.number(), failure: error.nullable() }), stopped])

/** One line of a case's log: its text is whole, the level's mark included. `print` lines are kept in every run. */
export type LogEntry = z.infer<typeof logEntry>
/** One `test.assertion`; expected and actual are JSON texts. */
export type Assertion = z.infer<typeof assertion>
/** What a script wrote (name to JSON text) and deleted in one scope. */
export type ScopeChanges = z.infer<typeof changes>

/** Which limit ended a script; `crash` is an interpreter that ended itself or sent what it never should. */
export type Limit = 'time' | 'memory' | 'output' | 'crash'

export type ScriptEnd = z.infer<typeof end> | { kind: 'limit'; limit: Limit; message: string }

/** `data`, `env` and `ENV` are JSON texts: of a script that met a limit, those that it was given. */
export interface ScriptOutcome {
  end: ScriptEnd
  log: LogEntry[]
  data: string
  env: string
  ENV: string
  changes: { env: ScopeChanges; ENV: ScopeChanges }
  assertions: Assertion[]
  secrets: string[]
  /** By field of `data`: why it cannot be read again, `NameError: …`. */
  faults: Record<string, string>
  /** There are cleanups to run, or parts that failed: the case needs the phase `cleanup`. */
  pending: boolean
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
