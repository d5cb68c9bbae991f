import type { CaseFields } from '../../contracts/case.ts'
import { Rejected } from '../../contracts/core.ts'
import type { Pin, RunCase, RunEventOf, Target } from '../../contracts/run.ts'
import type { Blobs } from '../../platform/blobs.ts'
import { aggregates } from '../commands/aggregates.ts'
import type { CommandContext } from '../commands/handle.ts'
import type { Requested, RunCommand } from '../commands/run.ts'
import { referred, type Visible } from '../commands/visible.ts'
import type { Outcome, Writes } from '../commands/writes.ts'

/** A case that is to be run: the id of a saved one, or one as it was sent with its interface. */
export type WantedCase = number | Readonly<{ content: CaseFields; interface: number | Target }>

/** Asks for runs. Each pins what it runs at the revisions of this moment, so that later edits change no run. */
export type RunRequests = Readonly<{
  /** A debug run of one case. Throws `Rejected` when something it names is not there, or in another project. */
  runCase(
    wanted: { environment: number; case: WantedCase; tester: string },
    context: CommandContext,
  ): Promise<Outcome<Requested>>
}>

export function createRunRequests(deps: {
  writes: Writes
  visible: Visible
  blobs: Pick<Blobs, 'spill'>
}): RunRequests {
  const { writes, visible, blobs } = deps

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
    async runCase({ environment: id, case: wanted, tester }, context) {
      const outcome = await writes.create(
        aggregates.run,
        async (fresh): Promise<RunCommand> => {
          const { state, revision } = referred(await visible.environment(id), 'env', '测试环境', id)
          const { project, name } = state
          const only = await runCaseOf(wanted, project)
          const request: RunEventOf<'RunRequested'>['data'] = {
            id: fresh,
            kind: 'case',
            debug: true,
            name: only.title,
            project,
            environment: { id, name, stream: aggregates.environment.stream(id), revision: Number(revision) },
            tester,
            flows: [{ name: only.title, cases: [only] }],
          }
          return { type: 'RequestRun', data: await blobs.spill(request) }
        },
        context,
      )
      return outcome as Outcome<Requested>
    },
  }
}
