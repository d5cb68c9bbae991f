import type { CaseFields } from '../../contracts/case.ts'
import { type Position, Rejected } from '../../contracts/core.ts'
import type { JsonText } from '../../contracts/json.ts'
import type { Build, Overrides, Pin, RunCase, RunEventOf, RunTrigger, Target } from '../../contracts/run.ts'
import type { Blobs } from '../../platform/blobs.ts'
import type { ReadModels } from '../../projections/port.ts'
import { type StepToRun, stepsToRun } from '../../projections/scenes.ts'
import { aggregates } from '../commands/aggregates.ts'
import type { CommandContext } from '../commands/handle.ts'
import type { Requested, RunCommand } from '../commands/run.ts'
import { referred, type Visible } from '../commands/visible.ts'
import type { Outcome, Writes } from '../commands/writes.ts'
import { type Cipher, sealingOf } from '../environments/sealed.ts'
import { nameInRun } from './names.ts'
import { planned } from './plan.ts'

/** Milliseconds that the read models may be behind: another projector has taken over by then. */
const BEHIND_MS = 10_000

type Request = RunEventOf<'RunRequested'>['data']

/** A case that is to be run: the id of a saved one, or one as it was sent with its interface. */
export type WantedCase = number | Readonly<{ content: CaseFields; interface: number | Target }>

/** What is said of every run: who wants it, where it runs, and what is laid over the environment for it alone. */
export type RunSettings = Readonly<{
  environment: number
  tester: string
  trigger: RunTrigger
  host?: string | undefined
  /** A JSON object: global variables. */
  variables?: JsonText | undefined
  build?: Build | undefined
}>

/** Asks for runs. Each pins what it runs at the revisions of this moment, so that later edits change no run. */
export type RunRequests = Readonly<{
  /** A debug run of one case. Throws `Rejected` when something it names is not there, or in another project. */
  runCase(wanted: RunSettings & { case: WantedCase }, context: CommandContext): Promise<Outcome<Requested>>
  /** A run of the steps that a scene has now, in their order. Throws likewise. */
  runScene(wanted: RunSettings & { scene: number }, context: CommandContext): Promise<Outcome<Requested>>
  /** A run of the scenes that a task has now, so many at a time, or as many as the task says. Throws likewise. */
  runTask(
    wanted: RunSettings & { task: number; concurrency?: number | undefined },
    context: CommandContext,
  ): Promise<Outcome<Requested>>
}>

export function createRunRequests(deps: {
  writes: Writes
  visible: Visible
  models: ReadModels
  /** Where the log stands now. */
  head(): Promise<Position>
  blobs: Pick<Blobs, 'spill'>
  cipher: Cipher
}): RunRequests {
  const { writes, visible, models, head, blobs, cipher } = deps

  async function request(
    settings: RunSettings,
    wantedOf: (where: Pick<Request, 'project'>) => Promise<Omit<Request, 'id' | keyof Common>>,
    context: CommandContext,
  ): Promise<Outcome<Requested>> {
    const outcome = await writes.create(
      aggregates.run,
      async (id): Promise<RunCommand> => {
        const common = await commonOf(settings)
        return { type: 'RequestRun', data: await blobs.spill({ id, ...(await wantedOf(common)), ...common }) }
      },
      context,
    )
    return outcome as Outcome<Requested>
  }

  type Common = Pick<Request, 'project' | 'environment' | 'tester' | 'trigger' | 'overrides' | 'build'>

  async function commonOf({ environment: env, tester, trigger, build, ...over }: RunSettings): Promise<Common> {
    const { state, revision } = referred(await visible.environment(env), 'env', '测试环境', env)
    const { project } = state
    const name = nameInRun(state.name)
    const overrides = await overridesOf(project, over)
    return {
      project,
      environment: { id: env, name, stream: aggregates.environment.stream(env), revision: Number(revision) },
      tester,
      trigger,
      ...(overrides && { overrides }),
      ...(build && { build }),
    }
  }

  /** Variables may be tokens, whether the environment names them as secrets or not: all are encrypted. */
  async function overridesOf(
    project: number,
    { host, variables }: Pick<RunSettings, 'host' | 'variables'>,
  ): Promise<Overrides | undefined> {
    if (host === undefined && variables === undefined) return undefined
    const { scope } = sealingOf(cipher, project)
    return {
      ...(host !== undefined && { host }),
      ...(variables !== undefined && { variables: await cipher.encrypt(scope, variables) }),
    }
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
      return { title: nameInRun(content.title), interface: target, unsaved: content }
    }
    const { state, revision } = referred(await visible.case(wanted), 'cases', '用例', wanted)
    const owner = await visible.interface(state.interface)
    if (owner?.state.project !== project) throw new Rejected('invalid', 'cases：用例不属于测试环境所在的项目', 'cases')
    return {
      title: nameInRun(state.title),
      id: wanted,
      case: { stream: aggregates.case.stream(wanted), revision: Number(revision) },
      interface: { stream: aggregates.interface.stream(state.interface), revision: Number(owner.revision) },
    }
  }

  /** The scenes with their steps, each as often as it stands there; those that are deleted are left out. */
  async function flowsOf(scenes: readonly number[]): Promise<Parameters<typeof planned>[0]> {
    // A step that was acknowledged while nobody feeds the read models must not be missing in the run.
    if (!(await models.passed(await head(), BEHIND_MS))) throw new Rejected('busy', '数据尚未同步完成，请稍后重试')
    const [steps, found] = await Promise.all([
      stepsToRun(models, scenes),
      Promise.all(scenes.map((scene) => visible.scene(scene))),
    ])
    return found.flatMap((seen) => {
      if (!seen) return []
      const { id: scene, name } = seen.state
      return [{ name: nameInRun(name), scene, cases: (steps.get(scene) ?? []).map(runCaseOfStep) }]
    })
  }

  return {
    runCase({ case: wanted, ...settings }, context) {
      return request(
        settings,
        async ({ project }) => {
          const only = await runCaseOf(wanted, project)
          const { title: name } = only
          return { kind: 'case', debug: true, name, flows: [{ name, cases: [only] }] }
        },
        context,
      )
    },

    runScene({ scene, ...settings }, context) {
      return request(
        settings,
        async ({ project }) => {
          const { state } = referred(await visible.scene(scene), 'scene', '业务流', scene)
          if (state.project !== project) {
            throw new Rejected('invalid', 'scene：业务流不属于测试环境所在的项目', 'scene')
          }
          return { kind: 'scene', scene, debug: false, name: nameInRun(state.name), ...planned(await flowsOf([scene])) }
        },
        context,
      )
    },

    runTask({ task, concurrency: wanted, ...settings }, context) {
      return request(
        settings,
        async ({ project }) => {
          const { state } = referred(await visible.task(task), 'task', '测试任务', task)
          if (state.project !== project) {
            throw new Rejected('invalid', 'task：测试任务不属于测试环境所在的项目', 'task')
          }
          const { scenes, concurrency } = state
          const name = nameInRun(state.name)
          const flows = planned(await flowsOf(scenes))
          return { kind: 'task', task, concurrency: wanted ?? concurrency, debug: false, name, ...flows }
        },
        context,
      )
    },
  }
}

function runCaseOfStep(step: StepToRun): RunCase {
  return {
    title: nameInRun(step.title),
    id: step.step,
    case: { stream: aggregates.case.stream(step.case), revision: step.caseRevision },
    interface: { stream: aggregates.interface.stream(step.interface), revision: step.interfaceRevision },
  }
}
