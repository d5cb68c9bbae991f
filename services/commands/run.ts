import { type Decider, Rejected } from '../../contracts/core.ts'
import {
  type Counts,
  type RunEvent,
  type RunEventOf,
  type RunState,
  sizeOf,
  type Verdict,
} from '../../contracts/run.ts'
import { correlationOf } from './recorded.ts'

/** One case's result, and which case of which flow it is of. */
export type Finished = Omit<RunEventOf<'CaseFinished'>['data'], 'attempt'>

/** Where in a run a case stands. */
export type PlaceInRun = Pick<Finished, 'flow' | 'index'>

export type RunProcess =
  | Readonly<{ status: 'none' }>
  | Readonly<{
      status: 'requested' | 'claimed' | 'finished'
      request: RunEventOf<'RunRequested'>['data']
      /** Of the call that asked for the run: everything that is done for it carries it. */
      correlationId: string
      /** The last attempt, 0 before the first claim. Only its runner may say anything of the run. */
      attempt: number
      /** Verdicts so far: those of the first `counts.all` cases, for cases run in order. */
      counts: Counts
      /** Attempts that have died with the next case begun. */
      deaths: number
      /** Whether the last attempt has begun the next case. Where an earlier one may have begun it, it has when it says so. */
      begun: boolean
      /** Attempts since the last result that have failed and said so. */
      failures: number
      /** How many of the cases without a verdict an earlier attempt may have begun. */
      mayHaveRun: number
    }>
export type Requested = Exclude<RunProcess, { status: 'none' }>

export type RunCommand =
  | { type: 'RequestRun'; data: RunEventOf<'RunRequested'>['data'] }
  /** `after` is the last attempt that the runner knows of: one that was made since has the run. */
  | { type: 'ClaimRun'; worker: string; after: number }
  /** Results of an attempt, and the run's end with the last of them. */
  | { type: 'RecordResults'; attempt: number; results: readonly Finished[]; end?: { reason?: string } }
  | { type: 'BeginCase'; attempt: number; place: PlaceInRun }
  | { type: 'ReleaseRun'; attempt: number; interrupted: boolean; failed?: true }
  /** Ends the run as 错误, whoever has it, with a result for the case that it had come to. */
  | { type: 'EndRun'; reason: string; result?: Finished }

const NO_COUNTS: Counts = { all: 0, success: 0, fail: 0, error: 0 }

/** Cases of a run whose results may be unwritten when its runner dies: the one under way, and the one before it. */
export const MOST_UNWRITTEN = 2

/** A run is a process: asked for, claimed by one runner after the other until one comes to its end. */
export const run: Decider<RunProcess, RunCommand, RunEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    if (event.type === 'RunRequested') {
      return {
        status: 'requested',
        request: event.data,
        correlationId: correlationOf(event),
        attempt: 0,
        counts: NO_COUNTS,
        deaths: 0,
        begun: false,
        failures: 0,
        mayHaveRun: 0,
      }
    }
    if (state.status === 'none') return state
    switch (event.type) {
      case 'RunClaimed': {
        // Nobody said what an attempt that still had the run had come to.
        const mayHaveRun = state.status === 'claimed' ? MOST_UNWRITTEN : state.mayHaveRun
        return {
          ...state,
          status: 'claimed',
          attempt: event.data.attempt,
          deaths: state.deaths + (state.begun ? 1 : 0),
          begun: mayHaveRun === 0,
          mayHaveRun,
        }
      }
      case 'CaseBegun':
        return { ...state, begun: true }
      case 'RunReleased': {
        const { interrupted, failed = false } = event.data
        const began = failed ? MOST_UNWRITTEN : interrupted ? 1 : 0
        return {
          ...state,
          status: 'requested',
          // A runner that gives a run back has not died of it.
          begun: false,
          failures: state.failures + (failed ? 1 : 0),
          // What an attempt before it may have begun, it may not have come to.
          mayHaveRun: Math.max(state.mayHaveRun, began),
        }
      }
      case 'CaseFinished':
        return {
          ...state,
          counts: counted(state.counts, event.data.state),
          deaths: 0,
          begun: true,
          failures: 0,
          mayHaveRun: Math.max(0, state.mayHaveRun - 1),
        }
      case 'RunFinished':
        return { ...state, status: 'finished' }
      default:
        return state
    }
  },

  decide(command, state) {
    if (command.type === 'RequestRun') {
      if (state.status !== 'none') throw new Rejected('conflict', '运行记录已存在')
      return [{ type: 'RunRequested', data: command.data }]
    }
    if (state.status === 'none') throw new Rejected('not_found', '运行记录不存在')
    if (state.status === 'finished') throw new Rejected('conflict', '运行已结束')
    switch (command.type) {
      case 'ClaimRun': {
        const { worker, after } = command
        if (after !== state.attempt) throw new Rejected('conflict', '运行已由另一次尝试接管')
        return [{ type: 'RunClaimed', data: { attempt: after + 1, worker } }]
      }
      case 'RecordResults': {
        const { attempt, results, end } = command
        refuseOthers(state, attempt)
        const events = resultsOf(state, results)
        if (!end) return events
        const counts = results.reduce((sum, { state: verdict }) => counted(sum, verdict), state.counts)
        return [...events, { type: 'RunFinished', data: { attempt, ...counts, state: stateOf(counts), ...end } }]
      }
      case 'ReleaseRun': {
        const { attempt, interrupted, failed } = command
        refuseOthers(state, attempt)
        return [{ type: 'RunReleased', data: { attempt, interrupted, ...(failed && { failed }) } }]
      }
      case 'BeginCase': {
        const { attempt, place } = command
        refuseOthers(state, attempt)
        return [{ type: 'CaseBegun', data: { attempt, ...place } }]
      }
      case 'EndRun': {
        const { reason, result } = command
        const { attempt } = state
        const counts = result ? counted(state.counts, result.state) : state.counts
        return [
          ...resultsOf(state, result ? [result] : []),
          { type: 'RunFinished', data: { attempt, ...counts, state: 'error', reason } },
        ]
      }
    }
  },
}

/** Only the runner of the last attempt may say anything, and only while it has the run. */
function refuseOthers(state: Requested, attempt: number): void {
  if (attempt !== state.attempt || state.status !== 'claimed') {
    throw new Rejected('conflict', '运行已由另一次尝试接管')
  }
}

/** Results are told in the order of the cases: so that a case has one verdict, however many attempts there are. */
function resultsOf({ request, attempt, counts }: Requested, results: readonly Finished[]): RunEvent[] {
  return results.map((finished, nth) => {
    const expected = placeOf(request.flows, counts.all + nth)
    if (expected?.flow !== finished.flow || expected.index !== finished.index) {
      throw new Rejected('conflict', '用例已有结果，或尚未轮到')
    }
    return { type: 'CaseFinished', data: { attempt, ...finished } }
  })
}

/** The place of a run's `nth` case, from 0; undefined when there are fewer. */
export function placeOf(flows: Requested['request']['flows'], nth: number): PlaceInRun | undefined {
  let index = nth
  for (const [flow, each] of flows.entries()) {
    const size = sizeOf(each)
    if (index < size) return { flow, index }
    index -= size
  }
  return undefined
}

function counted({ all, success, fail, error }: Counts, verdict: Verdict): Counts {
  return {
    all: all + 1,
    success: success + (verdict === '成功' ? 1 : 0),
    fail: fail + (verdict === '失败' ? 1 : 0),
    error: error + (verdict === '错误' ? 1 : 0),
  }
}

export function countVerdicts(verdicts: readonly Verdict[]): Counts {
  return verdicts.reduce(counted, NO_COUNTS)
}

/** `error` if any case is 错误, else `fail` if any is 失败, else `success`. */
export function stateOf({ error, fail }: Counts): RunState {
  if (error > 0) return 'error'
  return fail > 0 ? 'fail' : 'success'
}
