import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type DomainEvent, SCHEMA_VERSION } from '../../contracts/events.ts'
import { projections } from '../../projections/all.ts'
import { storedEvents } from '../support/stored-events.ts'
import { openStoredLog, type StoredLog } from './log.ts'

/** Every type that this version writes. The compiler refuses a list with one too few or too many. */
const TYPES = {
  ProjectCreated: true,
  ProjectChanged: true,
  ProjectDeleted: true,
  EnvironmentCreated: true,
  EnvironmentChanged: true,
  DebugVariablesSaved: true,
  EnvironmentDeleted: true,
  FileUploaded: true,
  FileDeleted: true,
  InterfaceCreated: true,
  InterfaceChanged: true,
  InterfaceDeleted: true,
  CaseCreated: true,
  CaseChanged: true,
  CaseDeleted: true,
  SceneCreated: true,
  SceneChanged: true,
  SceneDeleted: true,
  StepAdded: true,
  StepChanged: true,
  StepRemoved: true,
  StepsReordered: true,
  RunRequested: true,
  RunClaimed: true,
  RunReleased: true,
  CaseBegun: true,
  CaseFinished: true,
  RunCancelRequested: true,
  RunFinished: true,
  UserCreated: true,
  PasswordChanged: true,
  MemberAdded: true,
  MemberChanged: true,
  LoggedOut: true,
  TaskCreated: true,
  TaskChanged: true,
  TaskDeleted: true,
  ModuleAdded: true,
  ModuleChanged: true,
  ModuleRemoved: true,
  BugReported: true,
  BugChanged: true,
  BugDeleted: true,
  ApiTokenIssued: true,
  ApiTokenRevoked: true,
} satisfies Record<DomainEvent['type'], true>

const stored = storedEvents()
let log: StoredLog

beforeAll(async () => {
  log = await openStoredLog()
})
afterAll(() => log.stop())

test('every type of event, and every version, is stored here', () => {
  expect(new Set(stored.map(({ type }) => type))).toEqual(new Set(Object.keys(TYPES)))
  const versions = stored.map(({ meta }) => meta.schemaVersion)
  expect(new Set(versions)).toEqual(new Set(Array.from({ length: SCHEMA_VERSION }, (_, index) => index + 1)))
})

test('no projection stops at any of them, and none waits for a type that nobody writes', async () => {
  for (const status of (await log.models.status()).projections)
    expect(status).toMatchObject({ state: 'running', lag: 0 })
  for (const { reads } of projections) for (const type of reads) expect(TYPES).toHaveProperty(type)
})
