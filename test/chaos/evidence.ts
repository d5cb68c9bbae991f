import type { CaseResult, RunEvent, RunEventOf } from '../../contracts/run.ts'
import type { Ran } from './runs.ts'
import type { Asked } from './target.ts'

/** A result as it is answered: its texts in full length. */
export type ShownResult = Omit<CaseResult, 'log_data'> & Readonly<{ log_data: readonly (readonly [string, string])[] }>

type Counts = Readonly<{ all: number; success: number; fail: number; error: number }>

/** A flow of a report, as it is answered. */
export type ShownFlow = Counts & Readonly<{ state: string; scene: number | null; cases: readonly ShownResult[] }>

/** A record's report, as it is answered. */
export type Report = Readonly<{ status: string; info: Counts & Readonly<{ results: readonly ShownFlow[] }> }>

/** A record, as it is answered. */
export type ShownRecord = Counts &
  Readonly<{
    id: number
    status: string
    state: string | null
    type: string
    name: string
    task: string | null
    total: number
    trigger: string
    build: string | null
    start_time: string | null
    end_time: string | null
  }>

/** All pages of a run's progress together. */
export type Progress = Counts &
  Readonly<{
    status: string
    state: string | null
    total: number
    results: readonly Readonly<{ flow: number; index: number; state: string; name: string }>[]
  }>

/** What is answered of a run. */
export type Answers = Readonly<{ report: Report; record: ShownRecord; progress: Progress }>

/** Everything that is known of a run when all is over. */
export type Evidence = Answers &
  Readonly<{
    ran: Ran
    /** Its stream. */
    events: readonly RunEvent[]
    /** What the service under test was asked for it, in order. */
    asked: readonly Asked[]
    /** The debug variables of the environment that it saves into, as they are now. */
    saved: Readonly<Record<string, unknown>>
    /** When the processes of the platform had ended, in milliseconds of the same clock. */
    endedAt: readonly number[]
  }>

/** A case of a run. */
export type Place = Readonly<{ flow: number; index: number }>

export const wordsOf = ({ flow, index }: Place): string => `step ${index} of scene ${flow}`

/** Every result that is shown, and whose it is. */
export const resultsOf = ({ report }: Pick<Evidence, 'report'>): readonly (Place & { result: ShownResult })[] =>
  report.info.results.flatMap(({ cases }, flow) => cases.map((result, index) => ({ flow, index, result })))

export const textOf = ({ log_data }: ShownResult): string => log_data.map(([, text]) => text).join('')

/** Three attempts died at it: then it is skipped, and what depends on it is not as planned. */
export const isDoomed = (result: ShownResult): boolean => textOf(result).includes('多次异常退出')

export const hasDoomed = (evidence: Evidence): boolean => resultsOf(evidence).some(({ result }) => isDoomed(result))

/** A case that was asked for, and when. */
export type AskedPlace = Place & Readonly<{ asked: Asked }>

/** What was asked for while each process was at work. */
export function periodsOf({ ran, asked, endedAt }: Evidence): readonly (readonly AskedPlace[])[] {
  const starts = [0, ...endedAt]
  const places = asked.map((each): AskedPlace => {
    const flow = ran.flows.findIndex(({ seat }) => seat === each.seat)
    return { flow, index: each.step, asked: each }
  })
  return starts.map((start, nth) => {
    const end = endedAt[nth] ?? Infinity
    return places.filter(({ asked: { at } }) => at >= start && at < end)
  })
}

export function endOf({ events }: Pick<Evidence, 'events'>): RunEventOf<'RunFinished'>['data'] | undefined {
  return events.find((event) => event.type === 'RunFinished')?.data
}
