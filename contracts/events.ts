import type { BugEvent } from './bug.ts'
import type { CaseEvent } from './case.ts'
import type { Recorded } from './core.ts'
import type { EnvironmentEvent } from './environment.ts'
import type { FileEvent } from './file.ts'
import type { InterfaceEvent } from './interface.ts'
import type { ModuleEvent } from './module.ts'
import type { ProjectEvent } from './project.ts'
import type { RunEvent } from './run.ts'
import type { SceneEvent } from './scene.ts'
import type { TaskEvent } from './task.ts'
import type { ApiTokenEvent, TeamEvent, UserEvent } from './user.ts'

/** Every event that this version writes. Events grow by addition: stored ones are never rewritten. */
export type DomainEvent =
  | ProjectEvent
  | EnvironmentEvent
  | FileEvent
  | InterfaceEvent
  | CaseEvent
  | SceneEvent
  | RunEvent
  | TaskEvent
  | ModuleEvent
  | BugEvent
  | UserEvent
  | TeamEvent
  | ApiTokenEvent

/** What `meta.schemaVersion` says of events written now. */
export const SCHEMA_VERSION = 1

/**
 * An event as this version reads it, whichever version wrote it: its data are brought up to date, all else stays. Whoever takes events
 * from the store to fold or to project them calls this. Each change of an event's shape adds a step here, by type and
 * `meta.schemaVersion`, and leaves a fixture of the old shape under `test/fixtures/events/`.
 */
export function upcast(event: Recorded): Recorded {
  return event
}
