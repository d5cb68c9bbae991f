import type { Rejected } from '../../contracts/core.ts'
import { type CaseResult, type RunCase, runStream, type Verdict } from '../../contracts/run.ts'
import type { Clock } from '../../contracts/time.ts'
import type { Blobs } from '../../platform/blobs.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { commandId, newCommandId } from '../../platform/ids.ts'
import { type Tracing, untraced } from '../../platform/tracing.ts'
import { environment, type EnvironmentCommand } from '../commands/environment.ts'
import type { CommandContext, Handle } from '../commands/handle.ts'
import { type Finished, run, type Requested, type RunCommand } from '../commands/run.ts'
import type { Cipher } from '../environments/sealed.ts'
import { sealVariables } from '../environments/secrets.ts'
import { casesOf } from '../runs/plan.ts'
import { unrunResult } from '../runs/unrun.ts'
import { sealCarried } from './carried.ts'
import type { TargetDeny } from './case/deny.ts'
import { type Flow, openFlow, secretsOf } from './case/flow.ts'
import type { CaseState } from './case/result.ts'
import { type CaseToRun, runCase } from './case/run-case.ts'
import { sandboxScripts } from './case/sandbox-scripts.ts'
import type { ScopeChanges } from './case/scripts.ts'
import type { FilesOfProject } from './case-files.ts'
import { createInterpreters } from './interpreters.ts'
import { inLanes } from './lanes.ts'
import { partsOf } from './parts.ts'
import type { Pinned } from './pinned.ts'
import { createResultWriter } from './result-writer.ts'
import { type Performed, type Place, type Scene, sceneLanes, type SceneLeft } from './scene-lanes.ts'
import { legacyOf, resumed } from './resume.ts'
import type { SandboxPool } from './sandbox/pool.ts'

/**
 * How a run is to be left: `now` in the middle of a case, `soon` when the cases under way have their results, and `cancelled` likewise,
 * but for good.
 */
export type Leaving = Readonly<{ now: AbortSignal; soon: AbortSignal; cancelled: AbortSignal }>

/**
 * Brings a claimed run to its end, or to where `soon` stops it: then it answers 'left', with every result written. Rejects when the run
 * was taken over, when `now` is aborted, or when the store is out of reach.
 */
export type ExecuteRun = (claimed: Requested, leaving: Leaving) => Promise<'ended' | 'left'>

/** Attempts that may die at the same case before it is 错误 and the next attempt starts after it. */
const DEATHS = 3

/** Attempts that may fail one after the other, without a result between them, before what is left of the run is 错误. */
const FAILURES = 6

/** Bytes of one result, or of the variables of one event: half of what an append may have. */
const MOST_INLINE = 128 * 1024

/** Milliseconds that what a debug run saved may wait for other writers of the environment. */
const SAVING_MS = 10_000

export function createExecuteRun(deps: {
  store: Pick<EventStore, 'load'>
  handle: Handle
  blobs: Pick<Blobs, 'spill' | 'unspill'>
  cipher: Cipher
  pinned: Pinned
  /** Where it is not said, cases have no files. */
  files: FilesOfProject
  sandboxes: Pick<SandboxPool, 'open' | 'spare'>
  targetDeny: TargetDeny
  clock: Clock
  tracing?: Tracing
}): ExecuteRun {
  const { store, handle, blobs, cipher, pinned, files, sandboxes, targetDeny, clock, tracing = untraced } = deps

  /** What a debug run saves goes into the environment, once for each attempt at a case however often it is appended. */
  async function saveDebugVariables(
    { request, attempt, correlationId }: Requested,
    { flow, index }: Place,
    { set, deleted }: ScopeChanges,
  ): Promise<void> {
    if (Object.keys(set).length + deleted.length === 0) return
    const sealed = await blobs.spill(await sealVariables(cipher, request.project, set))
    for (const [part, variables] of partsOf(Object.entries(sealed), MOST_INLINE).entries()) {
      const context: CommandContext = {
        commandId: commandId(runStream(request.id), `debug-variables/${attempt}/${flow}/${index}/${part}`),
        actor: 0,
        correlationId,
      }
      const command: EnvironmentCommand = {
        type: 'SaveDebugVariables',
        set: Object.fromEntries(variables),
        deleted: part === 0 ? deleted : [],
      }
      const { stream } = request.environment
      await handle(environment, stream, () => command, context, { commutesForMs: SAVING_MS }).catch(
        (error: unknown) => {
          // The environment was deleted while the run was under way: nobody will read what it saved.
          if ((error as Rejected).code !== 'not_found') throw error
        },
      )
    }
  }

  async function perform(
    claimed: Requested,
    flow: Flow,
    place: Place,
    content: CaseToRun,
    signal: AbortSignal,
  ): Promise<Performed> {
    const { request } = claimed
    const attributes = { 'testledger.case': place.wanted.title, 'testledger.flow': place.flow }
    const { result, envChanges, globalChanges, cookies } = await tracing.span('case', { attributes }, async (span) => {
      const ran = await runCase(flow, content, {
        clock: { now: clock, monotonic: () => performance.now() },
        signal,
      })
      span.set({ 'testledger.verdict': ran.result.state })
      return ran
    })
    if (request.debug) await saveDebugVariables(claimed, place, globalChanges)
    return {
      place,
      result: marked({ ...result, name: place.wanted.title, state: verdictOf(result.state) }, place, claimed.attempt),
      carried: { env: envChanges, ENV: globalChanges, cookies },
    }
  }

  /** The result as its event holds it: long texts by reference, and the whole of it where many short ones are too much. */
  async function finished(claimed: Requested, { place, result, carried }: Performed): Promise<Finished> {
    const sealed = carried && (await sealCarried(cipher, claimed.request.project, carried))
    const [spilled, left] = await Promise.all([
      blobs.spill(result),
      sealed === undefined ? {} : blobs.spill({ carried: sealed }),
    ])
    const fits = Buffer.byteLength(JSON.stringify(spilled)) <= MOST_INLINE
    const { whole } = fits ? { whole: spilled } : await blobs.spill({ whole: JSON.stringify(spilled) })
    const { flow, index } = place
    return { flow, index, state: result.state, result: whole, ...left }
  }

  async function tell({ request, correlationId }: Requested, command: RunCommand): Promise<void> {
    await handle(run, runStream(request.id), () => command, { commandId: newCommandId(), actor: 0, correlationId })
  }

  /** Appends results, and the run's end when `last` says that the last of its cases is among them. */
  async function record(claimed: Requested, performed: readonly Performed[], last: boolean): Promise<void> {
    const { attempt } = claimed
    const results = await Promise.all(performed.map((each) => finished(claimed, each)))
    // One append holds 256 KiB: what does not fit together goes one after the other.
    const batches = partsOf(results, MOST_INLINE)
    for (const batch of batches) {
      const end = last && batch === batches.at(-1)
      await tell(claimed, { type: 'RecordResults', attempt, results: batch, ...(end && { end: {} }) })
    }
  }

  /** The scenes that are left, as many at a time as the run wants. */
  async function performAll(
    claimed: Requested,
    scenes: readonly SceneLeft[],
    { now, soon, cancelled }: Leaving,
  ): Promise<'ended' | 'left'> {
    const { request } = claimed
    const width = request.concurrency ?? 1
    const [environment, legacy] = await Promise.all([
      pinned.environment(request),
      legacyOf({ store, blobs, cipher }, claimed),
    ])
    const failing = new AbortController()
    const signal = AbortSignal.any([now, failing.signal])
    let left = scenes.reduce((sum, { places }) => sum + places.length, 0)
    const writer = createResultWriter<Performed & { last: boolean }>((performed) =>
      // Nothing comes after the last one.
      record(
        claimed,
        performed,
        performed.some(({ last }) => last),
      ),
    )
    const write = (performed: Performed): Promise<void> => {
      left -= 1
      return writer.add({ ...performed, last: left === 0 })
    }

    const interpreters = createInterpreters({ sandboxes, most: width, db: environment.db, targetDeny, signal })
    // What one scene saves under the name of a secret another must not show either.
    const secrets = secretsOf(environment)
    const secretPaths = secrets.variables

    function openScene(nth: number): Scene {
      const { debug } = request
      const scripts = sandboxScripts(interpreters, { globalFunc: environment.globalFunc, debug, secretPaths })
      const flow = openFlow({
        environment,
        debug,
        scripts,
        secrets,
        targetDeny,
        files: files(request.project),
        ...resumed(legacy, nth, environment, width > 1),
      })
      return { nth, flow, scripts }
    }

    const openLane = sceneLanes({
      together: width === 1,
      openScene,
      contentOf: ({ wanted }) => pinned.case(wanted),
      begin: ({ flow, index }) =>
        tell(claimed, { type: 'BeginCase', attempt: claimed.attempt, place: { flow, index } }),
      perform: (flow, place, content) => perform(claimed, flow, place, content, signal),
      skipped: (place) => ({ place, result: unrunResult(place.wanted, DEADLY, clock(), claimed.attempt) }),
      write,
      leaving: () => soon.aborted || cancelled.aborted,
    })
    try {
      await inLanes(scenes, width, openLane, failing)
    } finally {
      await Promise.all([interpreters.close(), writer.settled()])
    }
    if (left > 0 && cancelled.aborted) await record(claimed, [], true)
    return left > 0 && !cancelled.aborted ? 'left' : 'ended'
  }

  async function execute(claimed: Requested, leaving: Leaving): Promise<'ended' | 'left'> {
    const scenes = scenesLeft(claimed, await casesOf(claimed.request, blobs))
    if (scenes.length > 0 && claimed.cancelledBy === undefined && claimed.failures < FAILURES) {
      return performAll(claimed, scenes, leaving)
    }
    const hopeless = claimed.cancelledBy === undefined ? scenes.flatMap(({ places }) => places) : []
    const results = hopeless.map((place) => ({
      place,
      result: unrunResult(place.wanted, HOPELESS, clock(), claimed.attempt),
    }))
    await record(claimed, results, true)
    return 'ended'
  }

  return (claimed, leaving) => {
    const { request, attempt, correlationId } = claimed
    const attributes = {
      'testledger.run': request.id,
      'testledger.attempt': attempt,
      'testledger.correlation_id': correlationId,
    }
    return tracing.span(`run ${request.kind}`, { attributes }, async (span) => {
      const outcome = await execute(claimed, leaving)
      span.set({ 'testledger.outcome': outcome })
      return outcome
    })
  }
}

const DEADLY = '执行该用例时运行进程多次异常退出，已跳过'
const HOPELESS = '运行多次出错，已终止'

/** The flows that have not come to their end, in order. */
function scenesLeft({ progress }: Requested, cases: readonly (readonly RunCase[])[]): readonly SceneLeft[] {
  return cases.flatMap((each, flow) => {
    const { done = 0, deaths = 0, mayHaveRun = 0 } = progress[flow] ?? {}
    const places = each.slice(done).map((wanted, nth) => ({ wanted, flow, index: done + nth, again: nth < mayHaveRun }))
    return places.length > 0 ? [{ nth: flow, places, deadly: deaths >= DEATHS }] : []
  })
}

/** A skipped case has nothing against it; its log says that it was skipped. Records know three verdicts. */
function verdictOf(state: CaseState): Verdict {
  return state === '跳过' ? '成功' : state
}

/** Whose result it is, and whether it may be the second. */
function marked(result: CaseResult, { wanted, again }: Place, attempt: number): CaseResult {
  const told: [string, string] = [
    'WARNING',
    `【WARNING】  |   第${attempt}次尝试：上一次尝试中断，该用例可能已执行过\n`,
  ]
  return {
    ...result,
    ...(again && { log_data: [told, ...result.log_data] }),
    ...('id' in wanted && { id: wanted.id }),
    ...(again && { attempt }),
  }
}
