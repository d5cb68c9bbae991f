import type { Rejected } from '../../contracts/core.ts'
import { type CaseResult, type RunCase, runStream, type Verdict } from '../../contracts/run.ts'
import type { Clock } from '../../contracts/time.ts'
import type { Blobs } from '../../platform/blobs.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { commandId, newCommandId } from '../../platform/ids.ts'
import { environment, type EnvironmentCommand } from '../commands/environment.ts'
import type { CommandContext, Handle } from '../commands/handle.ts'
import { type Finished, type PlaceInRun, run, type Requested, type RunCommand } from '../commands/run.ts'
import type { Cipher } from '../environments/sealed.ts'
import { sealVariables } from '../environments/secrets.ts'
import { casesOf } from '../runs/plan.ts'
import { unrunResult } from '../runs/unrun.ts'
import { type Carried, sealCarried } from './carried.ts'
import type { TargetDeny } from './case/deny.ts'
import { beginScene, closeFlow, type Flow, hasCode, openFlow } from './case/flow.ts'
import type { CaseState } from './case/result.ts'
import { type CaseToRun, runCase } from './case/run-case.ts'
import { RunSecrets } from './case/run-secrets.ts'
import { sandboxScripts } from './case/sandbox-scripts.ts'
import type { ScopeChanges } from './case/scripts.ts'
import type { FilesOfProject } from './case-files.ts'
import { openDatabases } from './databases/open.ts'
import { inLanes, type Lane } from './lanes.ts'
import { partsOf } from './parts.ts'
import type { Pinned } from './pinned.ts'
import { createResultWriter } from './result-writer.ts'
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
  sandboxes: Pick<SandboxPool, 'open'>
  targetDeny: TargetDeny
  clock: Clock
}): ExecuteRun {
  const { store, handle, blobs, cipher, pinned, files, sandboxes, targetDeny, clock } = deps

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
    const { result, envChanges, globalChanges, cookies } = await runCase(flow, content, {
      clock: { now: clock, monotonic: () => performance.now() },
      signal,
    })
    if (request.debug) await saveDebugVariables(claimed, place, globalChanges)
    return {
      place,
      result: marked({ ...result, state: verdictOf(result.state) }, place, claimed.attempt),
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
    const { whole } = fits ? { whole: spilled } : await blobs.spill({ whole: JSON.stringify(result) })
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
    const leaving = (): boolean => soon.aborted || cancelled.aborted
    let left = scenes.reduce((sum, { places }) => sum + places.length, 0)
    const writer = createResultWriter<Performed>((performed) =>
      // Nothing comes after the last one.
      record(
        claimed,
        performed,
        performed.some(({ last }) => last),
      ),
    )
    const write = (performed: Omit<Performed, 'last'>): Promise<void> => {
      left -= 1
      return writer.add({ ...performed, last: left === 0 })
    }

    function openLane(): Lane<SceneLeft> {
      const databases = openDatabases(environment.db, targetDeny)
      const scripts = sandboxScripts(sandboxes, {
        globalFunc: environment.globalFunc,
        debug: request.debug,
        secretPaths: new RunSecrets(environment.secretPaths).variables,
        databases,
        signal,
      })
      let current: Readonly<{ nth: number; flow: Flow }> | undefined

      /** What the cases of a scene share; without others beside it a scene goes on with the global variables of the one before. */
      async function flowOf(nth: number): Promise<Flow> {
        if (current?.nth === nth) return current.flow
        if (current && width > 1) await closeFlow(current.flow)
        if (current && width === 1) beginScene(current.flow)
        const flow =
          current && width === 1
            ? current.flow
            : openFlow({
                environment,
                debug: request.debug,
                scripts,
                targetDeny,
                files: files(request.project),
                ...resumed(legacy, nth, environment, width > 1),
              })
        current = { nth, flow }
        return flow
      }

      /** Should this attempt die too, the log shall tell of which case. */
      async function told({ flow, index }: Place, { setupScript, teardownScript }: CaseToRun): Promise<void> {
        // A death while the interpreter starts is not to be laid at the door of the case.
        if (hasCode(setupScript) || hasCode(teardownScript)) await scripts.ready()
        await tell(claimed, { type: 'BeginCase', attempt: claimed.attempt, place: { flow, index } })
      }

      return {
        async alone({ nth, places, deaths }) {
          for (const [each, place] of places.entries()) {
            if (!place.again || leaving()) return
            if (each === 0 && deaths >= DEATHS) {
              await write({ place, result: unrunResult(place.wanted, DEADLY, clock(), claimed.attempt) })
              continue
            }
            const content = await pinned.case(place.wanted)
            await told(place, content)
            await write(await perform(claimed, await flowOf(nth), place, content, signal))
          }
        },

        async rest({ nth, places }) {
          const fresh = places.filter(({ again }) => !again)
          let content = fresh[0] && loaded(fresh[0])
          let written: Promise<void> | undefined
          for (const [each, place] of fresh.entries()) {
            if (leaving()) break
            const present = (await content) ?? (await loaded(place))
            const following = fresh[each + 1]
            content = following && loaded(following)
            const performed = await perform(claimed, await flowOf(nth), place, present, signal)
            // The next case begins when at most one result of this scene is unwritten: more would run again after a kill.
            await written
            written = write(performed)
          }
          await written
        },

        async close() {
          scripts.close()
          await Promise.all([current && closeFlow(current.flow), databases.close()])
        },
      }
    }

    try {
      await inLanes(scenes, width, openLane, failing)
    } finally {
      await writer.settled()
    }
    if (left > 0 && cancelled.aborted) await record(claimed, [], true)
    return left > 0 && !cancelled.aborted ? 'left' : 'ended'
  }

  /** The next case is read while the one before it runs; who waits for it hears of what went wrong. */
  function loaded({ wanted }: Place): Promise<CaseToRun> {
    const content = pinned.case(wanted)
    content.catch(() => {})
    return content
  }

  return async (claimed, leaving) => {
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
}

const DEADLY = '执行该用例时运行进程多次异常退出，已跳过'
const HOPELESS = '运行多次出错，已终止'

/** A case of a run, and where in the run it stands. `again`: an earlier attempt may have begun it. */
type Place = PlaceInRun & Readonly<{ wanted: RunCase; again: boolean }>

/** The cases of a run's `nth` flow that have no verdict yet, in order; so many attempts have died of the first of them. */
type SceneLeft = Readonly<{ nth: number; places: readonly Place[]; deaths: number }>

/** A case that has run. `last`: no other one of the run is without a result. */
type Performed = Readonly<{ place: Place; result: CaseResult; carried?: Carried; last?: boolean }>

/** The flows that have not come to their end, in order. */
function scenesLeft({ progress }: Requested, cases: readonly (readonly RunCase[])[]): readonly SceneLeft[] {
  return cases.flatMap((each, flow) => {
    const { done = 0, deaths = 0, mayHaveRun = 0 } = progress[flow] ?? {}
    const places = each.slice(done).map((wanted, nth) => ({ wanted, flow, index: done + nth, again: nth < mayHaveRun }))
    return places.length > 0 ? [{ nth: flow, places, deaths }] : []
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
