import type { CaseEvent } from './case.ts'
import type { Event } from './core.ts'
import type { EnvironmentEvent } from './environment.ts'
import type { InterfaceEvent } from './interface.ts'
import type { ProjectEvent } from './project.ts'
import type { RunEvent } from './run.ts'
import type { TeamEvent, UserEvent } from './user.ts'

/** Every event that this version writes. Events grow by addition: stored ones are never rewritten. */
export type DomainEvent =
  ProjectEvent | EnvironmentEvent | InterfaceEvent | CaseEvent | RunEvent | UserEvent | TeamEvent

/** What `meta.schemaVersion` says of events written now. */
export const SCHEMA_VERSION = 1

/**
 * Turns the data of an event as any version wrote it into what this version reads. Each change of an event's shape adds a step here
 * and leaves a fixture of the old shape under `test/fixtures/events/`.
 */
export function upcast(event: Event, _schemaVersion: number): Event {
  return event
}
