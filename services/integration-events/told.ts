import { idOf, type Recorded, type StreamId } from '../../contracts/core.ts'
import type { DomainEvent } from '../../contracts/events.ts'
import { type EventData } from '../../contracts/integration.ts'
import { sizeOf } from '../../contracts/run.ts'

type Type = DomainEvent['type']
type DataOf<T extends Type> = Extract<DomainEvent, { type: T }>['data']

/** Of each event what outsiders are told: what is not named here stays inside. The compiler asks for every type. */
const TOLD: { readonly [T in Type]: (data: DataOf<T>, stream: StreamId) => EventData<T> } = {
  ProjectCreated: ({ id, name, leader }) => ({ id, name, leader }),
  ProjectChanged: ({ name, leader }) => ({ name, leader }),
  ProjectDeleted: () => ({}),

  EnvironmentCreated: ({ id, project, name }) => ({ id, project, name }),
  EnvironmentChanged: ({ name }) => ({ name }),
  DebugVariablesSaved: () => ({}),
  EnvironmentDeleted: () => ({}),

  FileUploaded: ({ id, project, name, size }) => ({ id, project, name, size }),
  FileDeleted: ({ id }) => ({ id }),

  InterfaceCreated: ({ id, project, name, module }) => ({ id, project, name, module }),
  InterfaceChanged: ({ name, module }) => ({ name, module }),
  InterfaceDeleted: () => ({}),

  CaseCreated: ({ id, interface: owner, title }) => ({ id, interface: owner, title }),
  CaseChanged: ({ title, interface: owner }) => ({ title, interface: owner }),
  CaseDeleted: () => ({}),

  SceneCreated: ({ id, project, name }) => ({ id, project, name }),
  SceneChanged: ({ name }) => ({ name }),
  SceneDeleted: () => ({}),
  StepAdded: ({ step, icase, sort }) => ({ step, icase, sort }),
  StepChanged: ({ step, icase, sort }) => ({ step, icase, sort }),
  StepRemoved: ({ step }) => ({ step }),
  StepsReordered: ({ order }) => ({ order: order.map(({ step, sort }) => ({ step, sort })) }),

  TaskCreated: ({ id, project, name, scenes, concurrency }) => ({
    id,
    project,
    name,
    scenes: [...scenes],
    concurrency,
  }),
  TaskChanged: ({ name, scenes, concurrency }) => ({ name, scenes: scenes && [...scenes], concurrency }),
  TaskDeleted: () => ({}),

  RunRequested(data) {
    const { id, kind, scene, task, name, project, environment, tester, debug, concurrency, flows, build } = data
    return {
      id,
      kind,
      scene,
      task,
      name,
      project,
      environment: { id: environment.id, name: environment.name },
      tester,
      // Runs were stored before what asked for them was.
      trigger: data.trigger ?? 'manual',
      debug,
      concurrency,
      total: flows.reduce((sum, flow) => sum + sizeOf(flow), 0),
      // Without its URL, which may hold who may see it.
      build: build && { build: build.build, branch: build.branch, commit: build.commit },
    }
  },
  RunClaimed: ({ attempt }) => ({ attempt }),
  CaseBegun: ({ attempt, flow, index }) => ({ attempt, flow, index }),
  RunReleased: ({ attempt, interrupted, failed = false }) => ({ attempt, interrupted, failed }),
  CaseFinished({ attempt, flow, index, state, result }) {
    const told = { attempt, flow, index, state }
    if (typeof result === 'string' || '$blob' in result) return told
    const { id, name, run_time } = result
    return { ...told, id, name, run_time }
  },
  RunCancelRequested: ({ by }) => ({ by }),
  RunFinished({ attempt, all, success, fail, error, state }, stream) {
    return { id: idOf(stream), attempt, all, success, fail, error, state }
  },

  ModuleAdded: ({ module, project, name, parent }) => ({ module, project, name, parent }),
  ModuleChanged: ({ module, name, parent }) => ({ module, name, parent }),
  ModuleRemoved: ({ module, below }) => ({ module, below: [...below] }),

  BugReported({ id, interface: owner, project, status, user, by }) {
    return { id, interface: owner, project, status, user, by }
  },
  BugChanged: ({ interface: owner, status, user, by }) => ({ interface: owner, status, user, by }),
  BugDeleted: ({ by }) => ({ by }),

  UserCreated: ({ id, username }) => ({ id, username }),
  PasswordChanged: () => ({}),
  LoggedOut: () => ({}),
  MemberAdded: ({ id, username, role }) => ({ id, username, role }),
  MemberChanged: ({ id, role, active }) => ({ id, role, active }),
  ApiTokenIssued: ({ id, owner, name, role }) => ({ id, owner, name, role }),
  ApiTokenRevoked: () => ({}),
}

/** What an event tells outsiders. Undefined for a type that this version does not know: a newer one wrote it. */
export function toldOf(event: Recorded): object | undefined {
  if (!Object.hasOwn(TOLD, event.type)) return undefined
  const tell = TOLD[event.type as Type] as (data: object, stream: StreamId) => object
  return tell(event.data, event.stream)
}
