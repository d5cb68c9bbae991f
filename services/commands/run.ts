import { type Decider, Rejected } from '../../contracts/core.ts'
import {
  type Counts,
  type RunEvent,
  type RunEventOf,
  type RunState,
  sizeOf,
  type Verdict,
} from '../../contracts/run.ts'
import { correlationOf, recordedAt, traceparentOf } from './recorded.ts'

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
      /** Likewise, where that call was traced. */
      traceparent?: string
      requestedAt: string
      /** The last attempt, 0 before the first claim. Only its runner may say anything of the run. */
      attempt: number
      /** Verdicts so far. */
      counts: Counts
      /** How far each flow has come. */
      progress: readonly FlowProgress[]
      /** Attempts since the last result that have failed and said so. */
      failures: number
      /** The name of who wants it to end before its next case. */
      cancelledBy?: string
    }>

/** How far a flow of a run has come. Its cases run in order, whatever other flows do meanwhile. */
export type FlowProgress = Readonly<{
  /** Its first so many cases have a verdict. */
  done: number
  /** Attempts that have died with its next case begun. */
  deaths: number
  /** Whether the last attempt has said that it begins the next case. */
  begun: boolean
  /** How many of its cases without a verdict an earlier attempt may have begun. */
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
  /** Ends the run before its next case, at once when nobody has it. `by` is a user's name. */
  | { type: 'CancelRun'; by: string }

const NO_COUNTS: Counts = { all: 0, success: 0, fail: 0, error: 0 }
const UNTOUCHED: FlowProgress = { done: 0, deaths: 0, begun: false, mayHaveRun: 0 }

/** Cases of a flow whose results may be unwritten when its runner dies: the one under way, and the one before it. */
export const MOST_UNWRITTEN = 2

/** A run is a process: asked for, claimed by one runner after the other until one comes to its end. */
export const run: Decider<RunProcess, RunCommand, RunEvent> = {
  initial: { status: 'none' },

  evolve(state, event) {
    if (event.type === 'RunRequested') {
      const traceparent = traceparentOf(event)
      return {
        status: 'requested',
        request: event.data,
        correlationId: correlationOf(event),
        ...(traceparent !== undefined && { traceparent }),
        requestedAt: recordedAt(event),
        attempt: 0,
        counts: NO_COUNTS,
        progress: event.data.flows.map(() => UNTOUCHED),
        failures: 0,
      }
    }
    if (state.status === 'none') return state
    switch (event.type) {
      case 'RunClaimed': {
        // Nobody said what an attempt that still had the run had come to.
        const progress = leftBegun(state, MOST_UNWRITTEN, (each) => ({ ...each, deaths: each.deaths + 1 }))
        return { ...state, status: 'claimed', attempt: event.data.attempt, progress }
      }
      case 'CaseBegun':
        return { ...state, progress: changed(state.progress, event.data.flow, (each) => ({ ...each, begun: true })) }
      case 'RunReleased': {
        const { interrupted, failed = false } = event.data
        const began = failed ? MOST_UNWRITTEN : interrupted ? 1 : 0
        return {
          ...state,
          status: 'requested',
          // A runner that gives a run back has not died of it.
          progress: leftBegun(state, began),
          failures: state.failures + (failed ? 1 : 0),
        }
      }
      case 'CaseFinished':
        return {
          ...state,
          counts: counted(state.counts, event.data.state),
          progress: changed(state.progress, event.data.flow, ({ done, mayHaveRun }) => ({
            done: done + 1,
            deaths: 0,
            begun: false,
            mayHaveRun: Math.max(0, mayHaveRun - 1),
          })),
          failures: 0,
        }
      case 'RunCancelRequested':
        return { ...state, cancelledBy: event.data.by }
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
    return decideOnUnfinished(command, state)
  },
}

function decideOnUnfinished(command: Exclude<RunCommand, { type: 'RequestRun' }>, state: Requested): RunEvent[] {
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
      return end ? [...events, ...ending(after(state, events), end)] : events
    }
    case 'ReleaseRun': {
      const { attempt, interrupted, failed } = command
      refuseOthers(state, attempt)
      const released: RunEvent = { type: 'RunReleased', data: { attempt, interrupted, ...(failed && { failed }) } }
      return state.cancelledBy === undefined ? [released] : [released, ...ending(state)]
    }
    case 'BeginCase': {
      const { attempt, place } = command
      refuseOthers(state, attempt)
      return [{ type: 'CaseBegun', data: { attempt, ...place } }]
    }
    case 'EndRun': {
      const { reason, result } = command
      const events = resultsOf(state, result ? [result] : [])
      const { attempt, counts } = after(state, events)
      const became = state.cancelledBy === undefined ? 'error' : 'cancelled'
      return [...events, { type: 'RunFinished', data: { attempt, ...counts, state: became, reason } }]
    }
    case 'CancelRun': {
      const requested: RunEvent = { type: 'RunCancelRequested', data: { by: command.by } }
      if (state.status === 'claimed') return state.cancelledBy === undefined ? [requested] : []
      return [requested, ...ending({ ...state, cancelledBy: command.by })]
    }
  }
}

/** Only the runner of the last attempt may say anything, and only while it has the run. */
function refuseOthers(state: Requested, attempt: number): void {
  if (attempt !== state.attempt || state.status !== 'claimed') {
    throw new Rejected('conflict', '运行已由另一次尝试接管')
  }
}

/** Results are told in the order of a flow's cases: so that a case has one verdict, however many attempts there are. */
function resultsOf(state: Requested, results: readonly Finished[]): RunEvent[] {
  const { attempt, progress, request } = state
  const done = progress.map((each) => each.done)
  return results.map((finished) => {
    const { flow, index } = finished
    const wanted = request.flows[flow]
    if (!wanted || index !== done[flow] || index >= sizeOf(wanted)) {
      throw new Rejected('conflict', '用例已有结果，或尚未轮到')
    }
    done[flow] = index + 1
    return { type: 'CaseFinished', data: { attempt, ...finished } }
  })
}

function after(state: Requested, events: readonly RunEvent[]): Requested {
  return events.reduce<RunProcess>(run.evolve, state) as Requested
}

/** The run's end: as its verdicts say, or cancelled when somebody wanted that, whatever had ended by then. */
function ending(state: Requested, end: { reason?: string } = {}): RunEvent[] {
  const { attempt, counts, cancelledBy } = state
  if (cancelledBy === undefined && nextPlace(state)) throw new Rejected('conflict', '尚有用例没有结果')
  const became = cancelledBy === undefined ? stateOf(counts) : 'cancelled'
  return [{ type: 'RunFinished', data: { attempt, ...counts, state: became, ...end } }]
}

/** The first case without a verdict; undefined when there is none. */
export function nextPlace({ request, progress }: Pick<Requested, 'request' | 'progress'>): PlaceInRun | undefined {
  const [flow] = unfinished({ request, progress })
  return flow === undefined ? undefined : { flow, index: progress[flow]?.done ?? 0 }
}

function unfinished({ request, progress }: Pick<Requested, 'request' | 'progress'>): number[] {
  return request.flows.flatMap((flow, nth) => ((progress[nth]?.done ?? 0) < sizeOf(flow) ? [nth] : []))
}

/**
 * The flows whose next case the attempt that has the run has begun, as far as the log tells. While there are cases that an earlier one
 * may have begun, they are begun first, one at a time, and each is told; after that the first unfinished flows are under way.
 */
function underWay(state: Requested): readonly number[] {
  const { progress, request } = state
  if (state.status !== 'claimed') return []
  if (hasSuspects(state)) return progress.flatMap((each, flow) => (each.begun ? [flow] : []))
  return unfinished(state).slice(0, request.concurrency ?? 1)
}

const hasSuspects = ({ progress }: Requested): boolean => progress.some(({ mayHaveRun }) => mayHaveRun > 0)

/** The attempt that has the run is over; of what was under way so many cases of each flow may have been begun. */
function leftBegun(
  state: Requested,
  most: number,
  change: (each: FlowProgress) => FlowProgress = (each) => each,
): readonly FlowProgress[] {
  // A case that was told alone had no unwritten one before it.
  const began = hasSuspects(state) ? Math.min(most, 1) : most
  return underWay(state).reduce((progress, flow) => {
    const wanted = state.request.flows[flow]
    return changed(progress, flow, (each) => {
      const left = wanted ? sizeOf(wanted) - each.done : 0
      // What an attempt before it may have begun, it may not have come to.
      return { ...change(each), begun: false, mayHaveRun: Math.min(left, Math.max(each.mayHaveRun, began)) }
    })
  }, state.progress)
}

function changed(
  progress: readonly FlowProgress[],
  flow: number,
  change: (each: FlowProgress) => FlowProgress,
): readonly FlowProgress[] {
  const each = progress[flow]
  return each ? progress.with(flow, change(each)) : progress
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
