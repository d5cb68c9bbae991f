/** Events of projects and what hangs on them, for specifications: each names its stream, and says what matters to the reader. */
import { type BugFields, type BugPlace, bugStream } from '../contracts/bug.ts'
import { type CaseFields, caseStream } from '../contracts/case.ts'
import type { StreamId } from '../contracts/core.ts'
import { type EnvironmentFields, environmentStream } from '../contracts/environment.ts'
import type { DomainEvent } from '../contracts/events.ts'
import { type FileFields, fileStream } from '../contracts/file.ts'
import { type InterfaceFields, interfaceStream } from '../contracts/interface.ts'
import type { JsonText } from '../contracts/json.ts'
import { type ModuleFields, modulesStream } from '../contracts/module.ts'
import { type ProjectFields, projectStream } from '../contracts/project.ts'
import { type SceneFields, sceneStream, type StepFields } from '../contracts/scene.ts'
import { type TaskFields, taskStream } from '../contracts/task.ts'

export type GivenEvent = DomainEvent & Readonly<{ stream: StreamId }>

/** JSON as users sent it. */
export const json = (text: string): JsonText => text as JsonText

export const projectCreated = (id: number, fields: Partial<ProjectFields> = {}): GivenEvent => ({
  stream: projectStream(id),
  type: 'ProjectCreated',
  data: { id, name: `project ${id}`, leader: 'torin', ...fields },
})
export const projectChanged = (id: number, data: Partial<ProjectFields>): GivenEvent => ({
  stream: projectStream(id),
  type: 'ProjectChanged',
  data,
})
export const projectDeleted = (id: number): GivenEvent => ({
  stream: projectStream(id),
  type: 'ProjectDeleted',
  data: {},
})

export const PLAIN_ENVIRONMENT: Omit<EnvironmentFields, 'name'> = {
  host: 'http://h',
  headers: json('{}'),
  global_variable: json('{}'),
  debug_global_variable: json('{"a":1}'),
  db: json('[]'),
  global_func: '',
  secrets: [],
}
export const environmentCreated = (
  id: number,
  project: number,
  fields: Partial<EnvironmentFields> = {},
): GivenEvent => ({
  stream: environmentStream(id),
  type: 'EnvironmentCreated',
  data: { id, project, name: `environment ${id}`, ...PLAIN_ENVIRONMENT, ...fields },
})
export const environmentChanged = (id: number, data: Partial<EnvironmentFields>): GivenEvent => ({
  stream: environmentStream(id),
  type: 'EnvironmentChanged',
  data,
})
export const environmentDeleted = (id: number): GivenEvent => ({
  stream: environmentStream(id),
  type: 'EnvironmentDeleted',
  data: {},
})

export const fileUploaded = (id: number, project: number | null, fields: Partial<FileFields> = {}): GivenEvent => {
  const data = { id, project, name: `${id}.sql`, type: 'text/plain', size: 3, sha256: 'ab', ...fields }
  return { stream: fileStream(project, data.name), type: 'FileUploaded', data }
}
export const fileDeleted = (id: number, project: number | null, name = `${id}.sql`): GivenEvent => ({
  stream: fileStream(project, name),
  type: 'FileDeleted',
  data: { id },
})

export const interfaceCreated = (id: number, project: number, fields: Partial<InterfaceFields> = {}): GivenEvent => ({
  stream: interfaceStream(id),
  type: 'InterfaceCreated',
  data: { id, project, name: '登录', url: '/users/login/', method: 'post', type: '1', ...fields },
})
export const interfaceChanged = (id: number, data: Partial<InterfaceFields>): GivenEvent => ({
  stream: interfaceStream(id),
  type: 'InterfaceChanged',
  data,
})
export const interfaceDeleted = (id: number): GivenEvent => ({
  stream: interfaceStream(id),
  type: 'InterfaceDeleted',
  data: {},
})

export const PLAIN_CASE: Omit<CaseFields, 'title'> = {
  headers: json('{}'),
  request: json('{"json":{"b":1.0,"a":12345678901234567890}}'),
  file: json('[]'),
  setup_script: '',
  teardown_script: '',
}
export const caseCreated = (id: number, owner: number, fields: Partial<CaseFields> = {}): GivenEvent => ({
  stream: caseStream(id),
  type: 'CaseCreated',
  data: { id, interface: owner, title: `case ${id}`, ...PLAIN_CASE, ...fields },
})
export const caseChanged = (id: number, data: Partial<CaseFields & { interface: number }>): GivenEvent => ({
  stream: caseStream(id),
  type: 'CaseChanged',
  data,
})
export const caseDeleted = (id: number): GivenEvent => ({ stream: caseStream(id), type: 'CaseDeleted', data: {} })

export const sceneCreated = (id: number, project: number, fields: Partial<SceneFields> = {}): GivenEvent => ({
  stream: sceneStream(id),
  type: 'SceneCreated',
  data: { id, project, name: `scene ${id}`, ...fields },
})
export const sceneChanged = (id: number, data: Partial<SceneFields>): GivenEvent => ({
  stream: sceneStream(id),
  type: 'SceneChanged',
  data,
})
export const sceneDeleted = (id: number): GivenEvent => ({ stream: sceneStream(id), type: 'SceneDeleted', data: {} })

export const stepAdded = (scene: number, step: number, icase: number, sort: number): GivenEvent => ({
  stream: sceneStream(scene),
  type: 'StepAdded',
  data: { step, icase, sort },
})
export const stepChanged = (scene: number, step: number, changes: Partial<StepFields>): GivenEvent => ({
  stream: sceneStream(scene),
  type: 'StepChanged',
  data: { step, ...changes },
})
export const stepRemoved = (scene: number, step: number): GivenEvent => ({
  stream: sceneStream(scene),
  type: 'StepRemoved',
  data: { step },
})
/** Each pair is a step and its new `sort`. */
export const stepsReordered = (scene: number, ...order: [step: number, sort: number][]): GivenEvent => ({
  stream: sceneStream(scene),
  type: 'StepsReordered',
  data: { order: order.map(([step, sort]) => ({ step, sort })) },
})

export const taskCreated = (
  id: number,
  project: number,
  scenes: readonly number[] = [],
  fields: Partial<TaskFields> = {},
): GivenEvent => ({
  stream: taskStream(id),
  type: 'TaskCreated',
  data: { id, project, name: `task ${id}`, scenes, concurrency: 1, ...fields },
})
export const taskChanged = (id: number, data: Partial<TaskFields>): GivenEvent => ({
  stream: taskStream(id),
  type: 'TaskChanged',
  data,
})
export const taskDeleted = (id: number): GivenEvent => ({ stream: taskStream(id), type: 'TaskDeleted', data: {} })

export const moduleAdded = (project: number, module: number, fields: Partial<ModuleFields> = {}): GivenEvent => ({
  stream: modulesStream(project),
  type: 'ModuleAdded',
  data: { module, project, name: `module ${module}`, parent: null, ...fields },
})
export const moduleChanged = (project: number, module: number, changes: Partial<ModuleFields>): GivenEvent => ({
  stream: modulesStream(project),
  type: 'ModuleChanged',
  data: { module, ...changes },
})
export const moduleRemoved = (project: number, module: number, ...below: number[]): GivenEvent => ({
  stream: modulesStream(project),
  type: 'ModuleRemoved',
  data: { module, below },
})

export const bugReported = (
  id: number,
  place: Pick<BugPlace, 'interface' | 'project'>,
  fields: Partial<BugFields> = {},
): GivenEvent => ({
  stream: bugStream(id),
  type: 'BugReported',
  data: {
    id,
    interface_url: '/users/login/',
    desc: `bug ${id}`,
    info: json('{"b":1.0}'),
    status: '未处理',
    user: 'torin',
    ...place,
    ...fields,
    by: 'admin',
  },
})
export const bugChanged = (
  id: number,
  by: string,
  changes: Partial<BugFields & Pick<BugPlace, 'interface' | 'interface_url'>>,
): GivenEvent => ({ stream: bugStream(id), type: 'BugChanged', data: { ...changes, by } })
export const bugDeleted = (id: number): GivenEvent => ({
  stream: bugStream(id),
  type: 'BugDeleted',
  data: { by: 'admin' },
})
