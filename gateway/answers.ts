import type { ServerResponse } from 'node:http'
import type { Log } from '../platform/log.ts'
import type { Metrics } from '../platform/metrics.ts'

/** A request that has ended: `route` is the pattern, `none` where there was none; 499 is the status of one whose client had gone. */
export type Answered = Readonly<{ method: string; route: string; status: number; seconds: number }>

/** Who is told of each request when it has ended. */
export type Observers = Readonly<{ log: Log; answered?: ((answered: Answered) => void) | undefined }>

/** What is known of a request at its end. */
type Told = Readonly<{
  method: string
  route: string
  id: string
  user?: number | undefined
  /** Asked all day by who watches over the platform. */
  watches: boolean
  failure?: unknown
}>

/** One line in the log, and one more of its kind, for each request when it has ended. */
export function tellWhenAnswered(response: ServerResponse, { log, answered }: Observers, told: () => Told): void {
  const started = performance.now()
  response.once('close', () => {
    const took = performance.now() - started
    const { method, route, id, user, watches, failure } = told()
    const status = response.writableFinished ? response.statusCode : 499
    answered?.({ method, route, status, seconds: took / 1000 })
    const ms = Math.round(took * 100) / 100
    const fields = { method, route, status, ms, id, user }
    if (failure !== undefined) log.error({ ...fields, err: failure }, 'request failed')
    else if (watches) log.debug(fields, 'request')
    else log.info(fields, 'request')
  })
}

/** Bounds in seconds: most calls take milliseconds, those that wait for a run take minutes. */
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** Counts and measures requests by route. */
export function countAnswers(metrics: Metrics): (answered: Answered) => void {
  const requests = metrics.count(
    'testledger_http_requests_total',
    'Requests that were answered; status 499 where the client had gone',
    ['method', 'route', 'status'],
  )
  const durations = metrics.durations(
    'testledger_http_request_seconds',
    'How long requests took, from their head to the end of the answer',
    REQUEST_SECONDS,
    ['method', 'route'],
  )
  return ({ method, route, status, seconds }) => {
    requests.add(1, { method, route, status: String(status) })
    durations.observe(seconds, { method, route })
  }
}
