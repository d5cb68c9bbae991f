import type { CaseFields } from '../../contracts/case.ts'
import { Rejected } from '../../contracts/core.ts'
import type { Pin, RunCase, RunEventOf, Target } from '../../contracts/run.ts'
import type { Blobs } from '../../platform/blobs.ts'
import type { ReadModels } from '../../projections/port.ts'
import { type StepToRun, stepsToRun } from '../../projections/scenes.ts'
import { aggregates } from '../commands/aggregates.ts'
import type { CommandContext } from '../commands/handle.ts'
import type { Requested, RunCommand } from '../commands/run.ts'
import { referred, type Visible } from '../commands/visible.ts'
import type { Outcome, Writes } from '../commands/writes.ts'
import { planned } from './plan.ts'

type Request = RunEventOf<'RunRequested'>['data']

/** A case that is to be run: the id of a saved one, or one as it was sent with its interface. */
export type WantedCase = number | Readonly<{ content: CaseFields; interface: number | Target }>

/** Asks for runs. Each pins what it runs at the revisions of this moment, so that later edits change no run. */
export type RunRequests = Readonly<{
  /** A debug run of one case. Throws `Rejected` when something it names is not there, or in another project. */
  runCase(
    wanted: { environment: number; case: WantedCase; tester: string },
    context: CommandContext,
  ): Promise<Outcome<Requested>>
  /** A run of the steps that a scene has now, in their order. Throws likewise. */
  runScene(
    wanted: { environment: number; scene: number; tester: string },
    context: CommandContext,
  ): Promise<Outcome<Requested>>
}>

export function createRunRequests(deps: {
  writes: Writes
  visible: Visible
  models: ReadModels
  blobs: Pick<Blobs, 'spill'>
}): RunRequests {
  const { writes, visible, models, blobs } = deps

  async function pinnedEnvironment(id: number): Promise<Pick<Request, 'project' | 'environment'>> {
    const { state, revision } = referred(await visible.environment(id), 'env', '测试环境', id)
    const { project, name } = state
    return {
      project,
      environment: { id, name, stream: aggregates.environment.stream(id), revision: Number(revision) },
    }
  }

  async function request(
    requestOf: (fresh: number) => Promise<Request>,
    context: CommandContext,
  ): Promise<Outcome<Requested>> {
    const outcome = await writes.create(
      aggregates.run,
      async (fresh): Promise<RunCommand> => ({ type: 'RequestRun', data: await blobs.spill(await requestOf(fresh)) }),
      context,
    )
    return outcome as Outcome<Requested>
  }

  /** The interface at its revision. Throws `Rejected` when it is not in the environment's project. */
  async function pinnedInterface(id: number, project: number, field: string): Promise<Pin> {
    const { state, revision } = referred(await visible.interface(id), field, '接口', id)
    if (state.project !== project) throw new Rejected('invalid', `${field}：接口不属于测试环境所在的项目`, field)
    return { stream: aggregates.interface.stream(id), revision: Number(revision) }
  }

  async function runCaseOf(wanted: WantedCase, project: number): Promise<RunCase> {
    if (typeof wanted !== 'number') {
      const { content, interface: owner } = wanted
      const target = typeof owner === 'number' ? await pinnedInterface(owner, project, 'cases.interface') : owner
      return { title: content.title, interface: target, unsaved: content }
    }
    const { state, revision } = referred(await visible.case(wanted), 'cases', '用例', wanted)
    const owner = await visible.interface(state.interface)
    if (owner?.state.project !== project) throw new Rejected('invalid', 'cases：用例不属于测试环境所在的项目', 'cases')
    return {
      title: state.title,
      id: wanted,
      case: { stream: aggregates.case.stream(wanted), revision: Number(revision) },
      interface: { stream: aggregates.interface.stream(state.interface), revision: Number(owner.revision) },
    }
  }

  return {
    async runCase({ environment, case: wanted, tester }, context) {
      return request(async (id) => {
        const where = await pinnedEnvironment(environment)
        const only = await runCaseOf(wanted, where.project)
        const { title: name } = only
        return { id, kind: 'case', debug: true, name, ...where, tester, flows: [{ name, cases: [only] }] }
      }, context)
    },

    async runScene({ environment, scene, tester }, context) {
      return request(async (id) => {
        const where = await pinnedEnvironment(environment)
        const { state } = referred(await visible.scene(scene), 'scene', '业务流', scene)
        if (state.project !== where.project) {
          throw new Rejected('invalid', 'scene：业务流不属于测试环境所在的项目', 'scene')
        }
        const cases = (await stepsToRun(models, scene)).map(runCaseOfStep)
        const { name } = state
        return { id, kind: 'scene', scene, debug: false, name, ...where, tester, ...planned([{ name, cases }]) }
      }, context)
    },
  }
}

function runCaseOfStep(step: StepToRun): RunCase {
  return {
    title: step.title,
    id: step.step,
    case: { stream: aggregates.case.stream(step.case), revision: step.caseRevision },
    interface: { stream: aggregates.interface.stream(step.interface), revision: step.interfaceRevision },
  }
}
