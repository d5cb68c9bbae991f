import { type Decider, Rejected } from '../../contracts/core.ts'
import type { Counts, RunEvent, RunEventOf, RunState, Verdict } from '../../contracts/run.ts'
import { correlationOf } from './recorded.ts'

/** One case's result, and which case of which flow it is of. */
export type Finished = Omit<RunEventOf<'CaseFinished'>['data'], 'attempt'>

export type RunProcess =
  | Readonly<{ status: 'none' }>
  | Readonly<{
      status: 'requested' | 'claimed' | 'finished'
      request: RunEventOf<'RunRequested'>['data']
      /** Of the call that asked for the run: everything that is done for it carries it. */
      correlationId: string
      /** The last attempt, 0 before the first claim. Only its runner may say anything of the run. */
      attempt: number
      /** By `flow/index`. */
      verdicts: ReadonlyMap<string, Verdict>
      /** Attempts that were claimed since the last result: those before the last have died at the same case. */
      claimsSinceResult: number
    }>
export type Requested = Exclude<RunProcess, { status: 'none' }>

export type RunCommand =
  | { type: 'RequestRun'; data: RunEventOf<'RunRequested'>['data'] }
  | { type: 'ClaimRun'; worker: string }
  /** Results of an attempt, and the run's end with the last of them. */
  | { type: 'RecordResults'; attempt: number; results: readonly Finished[]; end?: { reason?: string } }

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
        verdicts: new Map(),
        claimsSinceResult: 0,
      }
    }
    if (state.status === 'none') return state
    switch (event.type) {
      case 'RunClaimed':
        return {
          ...state,
          status: 'claimed',
          attempt: event.data.attempt,
          claimsSinceResult: state.claimsSinceResult + 1,
        }
      case 'CaseFinished': {
        const { flow, index } = event.data
        const verdicts = new Map(state.verdicts).set(`${flow}/${index}`, event.data.state)
        return { ...state, verdicts, claimsSinceResult: 0 }
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
      case 'ClaimRun':
        return [{ type: 'RunClaimed', data: { attempt: state.attempt + 1, worker: command.worker } }]
      case 'RecordResults': {
        const { attempt, results, end } = command
        if (attempt !== state.attempt) throw new Rejected('conflict', '运行已由另一次尝试接管')
        const events: RunEvent[] = results.map((finished) => ({
          type: 'CaseFinished',
          data: { attempt, ...finished },
        }))
        if (!end) return events
        const verdicts = new Map(state.verdicts)
        for (const { flow, index, state: verdict } of results) verdicts.set(`${flow}/${index}`, verdict)
        const counts = countVerdicts([...verdicts.values()])
        return [...events, { type: 'RunFinished', data: { attempt, ...counts, state: stateOf(counts), ...end } }]
      }
    }
  },
}

export function countVerdicts(verdicts: readonly Verdict[]): Counts {
  const count = (wanted: Verdict): number => verdicts.filter((verdict) => verdict === wanted).length
  return { all: verdicts.length, success: count('成功'), fail: count('失败'), error: count('错误') }
}

/** `error` if any case is 错误, else `fail` if any is 失败, else `success`. */
export function stateOf({ error, fail }: Counts): RunState {
  if (error > 0) return 'error'
  return fail > 0 ? 'fail' : 'success'
}
