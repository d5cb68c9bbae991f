import type { Metrics } from '../platform/metrics.ts'
import type { AppOptions } from './app.ts'

/** Bounds in seconds: most calls take milliseconds, those that wait for a run take minutes. */
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** Counts and measures requests by route. */
export function countAnswers(metrics: Metrics): NonNullable<AppOptions['answered']> {
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
