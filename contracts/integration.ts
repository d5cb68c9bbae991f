import { z } from 'zod'
import type { DomainEvent } from './events.ts'
import { ROLES } from './user.ts'

/**
 * Events as outsiders are told of them: CloudEvents 1.0 as JSON. Of each event they learn what they need to know (ids, names, states,
 * counts, who) and nothing that may hold a secret: no password or hash, no header, body, script, variable or free text. What a type tells
 * stands here; `services/integration-events/told.ts` takes it from the stored event.
 */

/** What `source` says: the platform. */
export const EVENT_SOURCE = '/testledger'

/** Before the name of an event in `type`. */
export const EVENT_TYPE_PREFIX = 'testledger.'

/** Of the schemas below, in `dataschema`. They grow by addition; a change that breaks readers makes the next one. */
export const EVENT_DATA_VERSION = 1

/** The name of a type's schema. */
export const dataSchemaOf = (type: DomainEvent['type']): string =>
  `urn:testledger:event:${type}:${String(EVENT_DATA_VERSION)}`

export const CLOUD_EVENT_CONTENT_TYPE = 'application/cloudevents+json; charset=UTF-8'

/** The envelope. Names of its extensions are those that CloudEvents allows: small letters and digits. */
export const cloudEvent = z.object({
  specversion: z.literal('1.0'),
  id: z.uuid().describe('Of the event; one that comes twice has the same'),
  source: z.literal(EVENT_SOURCE),
  type: z.string().describe(`${EVENT_TYPE_PREFIX} and the name of the event`),
  subject: z.string().describe('Stream of the event, for example run-12; also the key of the message'),
  time: z.string().describe('When it happened: ISO 8601 with microseconds and offset'),
  datacontenttype: z.literal('application/json'),
  dataschema: z.string().describe('Name of the schema of `data`, with its version at the end'),
  revision: z.string().regex(/^\d+$/).describe('Place of the event in its stream, from 0: a decimal number as text'),
  position: z
    .string()
    .regex(/^\d{19}$/)
    .describe('Place of the event in the whole log: 19 digits, which sort as the log does'),
  actor: z.int().nonnegative().describe('Id of the user who did it, 0 for the platform itself'),
  correlationid: z.string().describe('The same for all that was done for one request'),
  data: z.record(z.string(), z.unknown()).describe('By type, see below'),
})
export type CloudEvent = z.output<typeof cloudEvent>

const id = z.int().positive()
const name = z.string()
const by = z.string().describe('Name of the user who did it')
const attempt = z.int().nonnegative().describe('Attempt at the run, from 1; 0 where none was made')
const project = id.describe('Id of its project')
const role = z.enum(ROLES)
const flow = z.int().nonnegative().describe('Which flow of the run, from 0')
const index = z.int().nonnegative().describe('Which case of the flow, from 0')
const count = z.int().nonnegative()
const verdict = z.enum(['成功', '失败', '错误'])
const sort = z.int().describe('Steps run by it, then by id')

const nothing = (means: string) => z.strictObject({}).describe(means)

/** What `data` holds, by the name of the event. */
export const EVENT_DATA = {
  ProjectCreated: z.strictObject({ id, name, leader: name }).describe('A project was made'),
  ProjectChanged: z.strictObject({ name: name.optional(), leader: name.optional() }).describe('What changed of it'),
  ProjectDeleted: nothing('With all that hangs on it; runs, reports and bugs stay'),

  EnvironmentCreated: z.strictObject({ id, project, name }).describe('An environment was made'),
  EnvironmentChanged: z.strictObject({ name: name.optional() }).describe('Its name, or what is not told of'),
  DebugVariablesSaved: nothing('A debug run saved or deleted variables'),
  EnvironmentDeleted: nothing('It is no longer there'),

  FileUploaded: z
    .strictObject({ id, project: project.nullable(), name, size: count.describe('Bytes') })
    .describe('A file that cases may send was uploaded'),
  FileDeleted: z.strictObject({ id }).describe('It is no longer there'),

  InterfaceCreated: z
    .strictObject({ id, project, name, module: id.nullable().optional() })
    .describe('An interface was made'),
  InterfaceChanged: z
    .strictObject({ name: name.optional(), module: id.nullable().optional() })
    .describe('Its name or module, or what is not told of'),
  InterfaceDeleted: nothing('With its cases'),

  CaseCreated: z.strictObject({ id, interface: id, title: name }).describe('A case was made'),
  CaseChanged: z
    .strictObject({ title: name.optional(), interface: id.optional() })
    .describe('Its title or interface, or what is not told of'),
  CaseDeleted: nothing('It is no longer there'),

  SceneCreated: z.strictObject({ id, project, name }).describe('A scene was made'),
  SceneChanged: z.strictObject({ name: name.optional() }).describe('What changed of it'),
  SceneDeleted: nothing('With its steps'),
  StepAdded: z.strictObject({ step: id, icase: id.describe('Id of the case'), sort }).describe('A scene has one more'),
  StepChanged: z
    .strictObject({ step: id, icase: id.optional(), sort: sort.optional() })
    .describe('What changed of the step'),
  StepRemoved: z.strictObject({ step: id }).describe('It is no longer there'),
  StepsReordered: z
    .strictObject({ order: z.array(z.strictObject({ step: id, sort })) })
    .describe('New places of steps'),

  TaskCreated: z
    .strictObject({ id, project, name, scenes: z.array(id), concurrency: count.optional() })
    .describe('A task was made'),
  TaskChanged: z
    .strictObject({ name: name.optional(), scenes: z.array(id).optional(), concurrency: count.optional() })
    .describe('What changed of it'),
  TaskDeleted: nothing('It is no longer there'),

  RunRequested: z
    .strictObject({
      id: id.describe("Id of the run, which is its record's"),
      kind: z.enum(['case', 'scene', 'task']),
      scene: id.optional(),
      task: id.optional(),
      name,
      project,
      environment: z.strictObject({ id, name }),
      tester: name.describe('Name of the user who wants it'),
      trigger: z.enum(['manual', 'api']).describe('A person, or a machine with an API token'),
      debug: z.boolean(),
      concurrency: count.optional().describe('Scenes that run at the same time'),
      total: count.describe('Cases that are planned'),
      build: z
        .strictObject({ build: name.optional(), branch: name.optional(), commit: name.optional() })
        .optional()
        .describe('What was built and is tested, in the words of CI'),
    })
    .describe('A run was asked for'),
  RunClaimed: z.strictObject({ attempt }).describe('A runner has begun'),
  CaseBegun: z
    .strictObject({ attempt, flow, index })
    .describe('A case is begun that an earlier attempt may have begun'),
  RunReleased: z
    .strictObject({ attempt, interrupted: z.boolean(), failed: z.boolean() })
    .describe('Its runner has given it back unfinished'),
  CaseFinished: z
    .strictObject({
      attempt,
      flow,
      index,
      state: verdict,
      id: id.optional().describe('Of the case that ran alone, or of the step; none where the case was not saved'),
      name: name.optional().describe('Its title; absent where the result is long'),
      run_time: z.string().optional().describe('For example 0.12s; absent where the result is long'),
    })
    .describe('A case has its verdict'),
  RunCancelRequested: z.strictObject({ by }).describe('The run is to end before its next case'),
  RunFinished: z
    .strictObject({
      id: id.describe("Id of the run, which is its record's"),
      attempt,
      all: count,
      success: count,
      fail: count,
      error: count,
      state: z.enum(['success', 'fail', 'error', 'cancelled']),
    })
    .describe('The run has ended'),

  ModuleAdded: z.strictObject({ module: id, project, name, parent: id.nullable() }).describe('A folder of interfaces'),
  ModuleChanged: z
    .strictObject({ module: id, name: name.optional(), parent: id.nullable().optional() })
    .describe('What changed of it'),
  ModuleRemoved: z
    .strictObject({ module: id, below: z.array(id) })
    .describe('With all modules below it; their interfaces stay'),

  BugReported: z
    .strictObject({ id, interface: id, project, status: name, user: name.describe('Who found it'), by })
    .describe('A bug of an interface was found'),
  BugChanged: z
    .strictObject({ interface: id.optional(), status: name.optional(), user: name.optional(), by })
    .describe('What changed of it'),
  BugDeleted: z.strictObject({ by }).describe('It is no longer there'),

  UserCreated: z.strictObject({ id, username: name }).describe('A user was made'),
  PasswordChanged: nothing('A user has another password'),
  LoggedOut: nothing('The tokens of one login count no longer'),
  MemberAdded: z.strictObject({ id, username: name, role }).describe('A user has a role'),
  MemberChanged: z
    .strictObject({ id, role: role.optional(), active: z.boolean().optional() })
    .describe('Another role, switched off or on, or another password'),
  ApiTokenIssued: z
    .strictObject({ id, owner: id.describe('Id of the user'), name, role })
    .describe('A token for a machine was issued'),
  ApiTokenRevoked: nothing('It counts no longer'),
} as const satisfies Readonly<Record<DomainEvent['type'], z.ZodObject>>

export type EventData<T extends DomainEvent['type']> = z.input<(typeof EVENT_DATA)[T]>
