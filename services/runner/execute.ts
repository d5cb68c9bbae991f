import type { Rejected } from '../../contracts/core.ts'
import type { JsonObject } from '../../contracts/json.ts'
import { isObject, parseJson } from '../../contracts/json.ts'
import { type CaseResult, type Pin, type RunCase, runStream, type Verdict } from '../../contracts/run.ts'
import type { Clock } from '../../contracts/time.ts'
import type { Blobs } from '../../platform/blobs.ts'
import { commandId, newCommandId } from '../../platform/ids.ts'
import type { LiveCase } from '../commands/case.ts'
import { testCase } from '../commands/case.ts'
import { environment, type EnvironmentCommand } from '../commands/environment.ts'
import type { Folds } from '../commands/folds.ts'
import type { CommandContext, Handle } from '../commands/handle.ts'
import { httpInterface } from '../commands/interface.ts'
import { type Finished, run, type Requested, type RunCommand } from '../commands/run.ts'
import type { Cipher } from '../environments/sealed.ts'
import { openTexts, sealVariables, secretValues, type WholeEnvironment } from '../environments/secrets.ts'
import type { CaseState } from './case/result.ts'
import type { TargetDeny } from './case/deny.ts'
import { closeFlow, type Flow, openFlow, type RunEnvironment } from './case/flow.ts'
import type { ScopeChanges } from './case/scripts.ts'
import { type CaseToRun, runCase } from './case/run-case.ts'
import { RunSecrets } from './case/run-secrets.ts'
import { sandboxScripts } from './case/sandbox-scripts.ts'
import type { SandboxPool } from './sandbox/pool.ts'

/** Brings a claimed run to its end. Rejects when it was taken over, when `signal` is aborted, or when the store is out of reach. */
export type ExecuteRun = (claimed: Requested, signal: AbortSignal) => Promise<void>

/** Attempts that may die at the same case before it is 错误 and the next attempt starts after it. */
const DEATHS = 3

/** Bytes of one result, or of the variables of one event: half of what an append may have. */
const MOST_INLINE = 128 * 1024

/** Milliseconds that what a debug run saved may wait for other writers of the environment. */
const SAVING_MS = 10_000

export function createExecuteRun(deps: {
  folds: Folds
  handle: Handle
  blobs: Pick<Blobs, 'spill' | 'unspill'>
  cipher: Cipher
  sandboxes: Pick<SandboxPool, 'open'>
  targetDeny: TargetDeny
  clock: Clock
}): ExecuteRun {
  const { folds, handle, blobs, cipher, sandboxes, targetDeny, clock } = deps

  async function environmentOf({ request }: Requested): Promise<RunEnvironment> {
    const { stream, revision } = request.environment
    const { state } = await folds.at(environment, stream, BigInt(revision))
    if (state.status !== 'live') throw missing(request.environment)
    const whole = (await blobs.unspill(state)) as WholeEnvironment
    const texts = await openTexts(cipher, whole, 'clear')
    const variables = new Map([
      ...members(texts.global_variable),
      ...(request.debug ? members(texts.debug_global_variable) : []),
    ])
    return {
      host: whole.host,
      headers: members(texts.headers),
      globalVariables: variables,
      globalFunc: whole.global_func,
      secrets: await secretValues(cipher, whole),
      secretPaths: whole.secrets,
    }
  }

  async function interfaceOf(target: RunCase['interface']): Promise<CaseToRun['interface']> {
    if (!('stream' in target)) return target
    const { state } = await folds.at(httpInterface, target.stream, BigInt(target.revision))
    if (state.status !== 'live') throw missing(target)
    return { url: state.url, method: state.method, name: state.name }
  }

  async function contentOf(wanted: RunCase): Promise<Omit<LiveCase, 'status' | 'id' | 'interface'>> {
    if ('unsaved' in wanted) return wanted.unsaved
    const { state } = await folds.at(testCase, wanted.case.stream, BigInt(wanted.case.revision))
    if (state.status !== 'live') throw missing(wanted.case)
    return state
  }

  async function caseToRun(wanted: RunCase): Promise<CaseToRun> {
    const { title, headers, request, file, setup_script, teardown_script } = await blobs.unspill(
      await contentOf(wanted),
    )
    return {
      title,
      interface: await interfaceOf(wanted.interface),
      headers,
      request,
      file,
      setupScript: setup_script,
      teardownScript: teardown_script,
    }
  }

  /** What a debug run saves goes into the environment, once for each attempt at a case however often it is appended. */
  async function saveDebugVariables(
    { request, attempt, correlationId }: Requested,
    { flow, index }: Place,
    { set, deleted }: ScopeChanges,
  ): Promise<void> {
    if (Object.keys(set).length + deleted.length === 0) return
    const sealed = await blobs.spill(await sealVariables(cipher, request.project, set))
    for (const [part, variables] of inParts(sealed).entries()) {
      const context: CommandContext = {
        commandId: commandId(runStream(request.id), `debug-variables/${attempt}/${flow}/${index}/${part}`),
        actor: 0,
        correlationId,
      }
      const command: EnvironmentCommand = {
        type: 'SaveDebugVariables',
        set: variables,
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

  async function perform(claimed: Requested, flow: Flow, place: Place, signal: AbortSignal): Promise<CaseResult> {
    const { attempt, request } = claimed
    const { wanted } = place
    const { result, globalChanges } = await runCase(flow, await caseToRun(wanted), {
      clock: { now: clock, monotonic: () => performance.now() },
      signal,
    })
    if (request.debug) await saveDebugVariables(claimed, place, globalChanges)
    return {
      ...result,
      state: verdictOf(result.state),
      ...('id' in wanted && { id: wanted.id }),
      ...(attempt > 1 && { attempt }),
    }
  }

  /** The result as its event holds it: long texts by reference, and the whole of it where many short ones are too much. */
  async function finished({ flow, index }: Place, result: CaseResult): Promise<Finished> {
    const spilled = await blobs.spill(result)
    const fits = Buffer.byteLength(JSON.stringify(spilled)) <= MOST_INLINE
    const { whole } = fits ? { whole: spilled } : await blobs.spill({ whole: JSON.stringify(result) })
    return { flow, index, state: result.state, result: whole }
  }

  async function record(claimed: Requested, results: readonly Finished[], last: boolean): Promise<void> {
    const { request, attempt, correlationId } = claimed
    const command: RunCommand = { type: 'RecordResults', attempt, results, ...(last && { end: {} }) }
    const context = { commandId: newCommandId(), actor: 0, correlationId }
    await handle(run, runStream(request.id), () => command, context)
  }

  /** Cases one after the other, each recorded before the next begins. */
  async function performAll(claimed: Requested, places: readonly Place[], signal: AbortSignal): Promise<void> {
    const { request } = claimed
    const surroundings = await environmentOf(claimed)
    const scripts = sandboxScripts(sandboxes, {
      globalFunc: surroundings.globalFunc,
      debug: request.debug,
      secretPaths: new RunSecrets(surroundings.secretPaths).variables,
      signal,
    })
    const flow = openFlow({ environment: surroundings, debug: request.debug, scripts, targetDeny })
    try {
      for (const [nth, place] of places.entries()) {
        const result = await perform(claimed, flow, place, signal)
        await record(claimed, [await finished(place, result)], nth === places.length - 1)
      }
    } finally {
      scripts.close()
      await closeFlow(flow)
    }
  }

  return async (claimed, signal) => {
    const { attempt, claimsSinceResult } = claimed
    const places = placesLeft(claimed)
    const [next, ...others] = places
    if (!next) return record(claimed, [], true)
    if (claimsSinceResult <= DEATHS) return performAll(claimed, places, signal)
    // What every attempt dies of without a result lies before the first case: then all that is left is 错误.
    const doomed = claimsSinceResult > 2 * DEATHS ? places : [next]
    const last = doomed.length === places.length
    const results = doomed.map((place) => finished(place, deathResult(place.wanted, clock(), attempt)))
    await record(claimed, await Promise.all(results), last)
    if (!last) await performAll(claimed, others, signal)
  }
}

/** A case of a run, and where in the run it stands. */
type Place = Readonly<{ wanted: RunCase; flow: number; index: number }>

/** The cases that have no verdict yet, in order. */
function placesLeft({ request, verdicts }: Requested): readonly Place[] {
  return request.flows
    .flatMap(({ cases }, flow) => cases.map((wanted, index) => ({ wanted, flow, index })))
    .filter(({ flow, index }) => !verdicts.has(`${flow}/${index}`))
}

/** Variables in parts of which each fits an event; nearly always there is one. */
function inParts<T>(variables: Readonly<Record<string, T>>): readonly Readonly<Record<string, T>>[] {
  const parts: Record<string, T>[] = [{}]
  let bytes = 0
  for (const [name, value] of Object.entries(variables)) {
    const size = Buffer.byteLength(JSON.stringify({ [name]: value }))
    if (bytes > 0 && bytes + size > MOST_INLINE) {
      parts.push({})
      bytes = 0
    }
    bytes += size
    Object.assign(parts.at(-1) ?? {}, { [name]: value })
  }
  return parts
}

function members(text: string): JsonObject {
  const json = parseJson(text)
  return isObject(json) ? json : new Map()
}

function missing({ stream, revision }: Pin): Error {
  return new Error(`${stream} is not there at revision ${revision}`)
}

/** A skipped case has nothing against it; its log says that it was skipped. Records know three verdicts. */
function verdictOf(state: CaseState): Verdict {
  return state === '跳过' ? '成功' : state
}

/** The result of a case under which attempt after attempt has died. */
function deathResult(wanted: RunCase, at: string, attempt: number): CaseResult {
  return {
    name: wanted.title,
    log_data: [['ERROR', `【ERROR】  |   执行该用例时运行进程多次异常退出，已跳过\n`]],
    state: '错误',
    run_time: '0.0s',
    assertions: [],
    started_at: at,
    ...('id' in wanted && { id: wanted.id }),
    attempt,
  }
}
