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
import { partsOf } from './parts.ts'
import type { Pinned } from './pinned.ts'
import { createResultWriter } from './result-writer.ts'
import { resumed } from './resume.ts'
import type { SandboxPool } from './sandbox/pool.ts'

/** How a run is to be left: `now` in the middle of a case, `soon` when the case under way has its result. */
export type Leaving = Readonly<{ now: AbortSignal; soon: AbortSignal }>

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

/** Earlier results that may be unwritten while a case runs: more would run again after a kill. */
const UNWRITTEN = 1

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

  /** Cases one after the other; the results of the last ones are still being written while the next one runs. */
  async function performAll(
    claimed: Requested,
    places: readonly Place[],
    { now, soon }: Leaving,
  ): Promise<'ended' | 'left'> {
    const [first] = places
    const { request } = claimed
    const surroundings = await pinned.environment(request)
    const databases = openDatabases(surroundings.db, targetDeny)
    const scripts = sandboxScripts(sandboxes, {
      globalFunc: surroundings.globalFunc,
      debug: request.debug,
      secretPaths: new RunSecrets(surroundings.secretPaths).variables,
      databases,
      signal: now,
    })
    const resume = first && (await resumed({ store, blobs, cipher }, claimed, first, surroundings))
    const flow = openFlow({
      environment: surroundings,
      debug: request.debug,
      scripts,
      targetDeny,
      files: files(request.project),
      ...resume,
    })
    const last = places.at(-1)
    const writer = createResultWriter<Performed>((performed) =>
      record(claimed, performed, performed.at(-1)?.place === last),
    )
    try {
      let content = first && loaded(first)
      for (const [nth, place] of places.entries()) {
        if (soon.aborted) {
          await writer.unwrittenAtMost(0)
          return 'left'
        }
        if (nth > 0 && place.flow !== places[nth - 1]?.flow) beginScene(flow)
        const present = (await content) ?? (await loaded(place))
        if (nth === 0 && place.again) {
          // A death while the interpreter starts is not to be laid at the door of the case.
          if (hasCode(present.setupScript) || hasCode(present.teardownScript)) await scripts.ready()
          // Should this attempt die too, the log shall tell of which case.
          const { attempt } = claimed
          await tell(claimed, { type: 'BeginCase', attempt, place: { flow: place.flow, index: place.index } })
        }
        const following = places[nth + 1]
        content = following && loaded(following)
        writer.add(await perform(claimed, flow, place, present, now))
        // Where an attempt has died before, the next death must be known to be this case's.
        await writer.unwrittenAtMost(nth < claimed.mayHaveRun || place === last ? 0 : UNWRITTEN)
      }
      return 'ended'
    } finally {
      scripts.close()
      await Promise.all([closeFlow(flow), databases.close()])
      await writer.settled()
    }
  }

  /** The next case is read while the one before it runs; who waits for it hears of what went wrong. */
  function loaded({ wanted }: Place): Promise<CaseToRun> {
    const content = pinned.case(wanted)
    content.catch(() => {})
    return content
  }

  return async (claimed, leaving) => {
    const places = placesLeft(claimed, await casesOf(claimed.request, blobs))
    const [next, ...others] = places
    if (!next) {
      await record(claimed, [], true)
      return 'ended'
    }
    const deadly = claimed.deaths >= DEATHS
    const hopeless = claimed.failures >= FAILURES
    if (!deadly && !hopeless) return performAll(claimed, places, leaving)
    const doomed = hopeless ? places : [next]
    const last = doomed.length === places.length
    const reason = hopeless ? '运行多次出错，已终止' : '执行该用例时运行进程多次异常退出，已跳过'
    await record(
      claimed,
      doomed.map((place) => ({ place, result: unrunResult(place.wanted, reason, clock(), claimed.attempt) })),
      last,
    )
    return last ? 'ended' : performAll(claimed, others, leaving)
  }
}

/** A case of a run, and where in the run it stands. `again`: an earlier attempt may have begun it. */
type Place = PlaceInRun & Readonly<{ wanted: RunCase; again: boolean }>

/** A case that has run. */
type Performed = Readonly<{ place: Place; result: CaseResult; carried?: Carried }>

/** The cases that have no verdict yet, in order. */
function placesLeft({ counts, mayHaveRun }: Requested, cases: readonly (readonly RunCase[])[]): readonly Place[] {
  return cases
    .flatMap((each, flow) => each.map((wanted, index) => ({ wanted, flow, index })))
    .slice(counts.all)
    .map((place, nth) => ({ ...place, again: nth < mayHaveRun }))
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
