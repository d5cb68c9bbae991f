import { bugStream } from '../../contracts/bug.ts'
import { caseStream } from '../../contracts/case.ts'
import { environmentStream } from '../../contracts/environment.ts'
import { interfaceStream } from '../../contracts/interface.ts'
import { modulesStream } from '../../contracts/module.ts'
import { projectStream } from '../../contracts/project.ts'
import { runStream } from '../../contracts/run.ts'
import { sceneStream } from '../../contracts/scene.ts'
import { taskStream } from '../../contracts/task.ts'
import { apiTokenStream } from '../../contracts/user.ts'
import { apiToken } from './api-token.ts'
import { bug } from './bug.ts'
import { testCase } from './case.ts'
import { environment } from './environment.ts'
import { httpInterface } from './interface.ts'
import { modules } from './modules.ts'
import { project } from './project.ts'
import { run } from './run.ts'
import { scene } from './scene.ts'
import { task } from './task.ts'

/** Everything that has a REST id and a stream named by it. `kind` names the sequence that its ids come from. */
export const aggregates = {
  project: { kind: 'project', stream: projectStream, decider: project },
  environment: { kind: 'environment', stream: environmentStream, decider: environment },
  interface: { kind: 'interface', stream: interfaceStream, decider: httpInterface },
  case: { kind: 'case', stream: caseStream, decider: testCase },
  scene: { kind: 'scene', stream: sceneStream, decider: scene },
  task: { kind: 'task', stream: taskStream, decider: task },
  bug: { kind: 'bug', stream: bugStream, decider: bug },
  run: { kind: 'run', stream: runStream, decider: run },
  apiToken: { kind: 'api_token', stream: apiTokenStream, decider: apiToken },
  /** One stream for the modules of a project, named by that. */
  modules: { kind: 'module', stream: modulesStream, decider: modules },
} as const
