import type { LongText } from './blob.ts'
import type { Event, StreamId } from './core.ts'
import type { JsonText } from './json.ts'

/**
 * Where cases run: host, headers, variables, databases, functions (seed 000 四.2).
 *
 * `secrets` names what is encrypted, as `headers.Authorization` or `global_variable.user.password`; the passwords in `db` always are. An
 * encrypted value stands in the JSON texts as `{"$sealed": "…"}`; a name `$sealed`, `$$sealed`, … that a user sent has one `$` more.
 */
export type EnvironmentFields = Readonly<{
  name: string
  host: string
  headers: LongText<JsonText>
  global_variable: LongText<JsonText>
  debug_global_variable: LongText<JsonText>
  db: LongText<JsonText>
  global_func: LongText
  secrets: readonly string[]
}>

export type EnvironmentEvent =
  | Event<'EnvironmentCreated', EnvironmentFields & { id: number; project: number }>
  | Event<'EnvironmentChanged', Partial<EnvironmentFields>>
  /** What a debug run saved and deleted; the values are sealed JSON texts by name. */
  | Event<'DebugVariablesSaved', { set: Readonly<Record<string, LongText<JsonText>>>; deleted: readonly string[] }>
  | Event<'EnvironmentDeleted', Record<never, never>>

export const environmentStream = (id: number): StreamId => `environment-${id}`

/**
 * What debug runs have saved since `debug_global_variable` was last written whole: a value is a sealed JSON text, null says deleted.
 * It is laid over the written text only where it is read, so that a fold never reads blobs.
 */
export type DebugOverlay = Readonly<Record<string, LongText<JsonText> | null>>

/** Lays one debug run's changes over those of the runs before. Decider and read model keep the same overlay. */
export function overlay(
  before: DebugOverlay,
  saved: Readonly<{ set: Readonly<Record<string, LongText<JsonText>>>; deleted: readonly string[] }>,
): DebugOverlay {
  return { ...before, ...Object.fromEntries(saved.deleted.map((name) => [name, null])), ...saved.set }
}
