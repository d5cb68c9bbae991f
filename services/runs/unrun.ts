import type { CaseResult, RunCase } from '../../contracts/run.ts'

/** The result of a case that was not brought to an end, with the reason for its reader. */
export function unrunResult(wanted: RunCase, reason: string, at: string, attempt: number): CaseResult {
  return {
    name: wanted.title,
    log_data: [['ERROR', `【ERROR】  |   ${reason}\n`]],
    state: '错误',
    run_time: '0.0s',
    assertions: [],
    started_at: at,
    ...('id' in wanted && { id: wanted.id }),
    ...(attempt > 1 && { attempt }),
  }
}
