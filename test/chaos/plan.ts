import type { Verdict } from '../../contracts/run.ts'
import type { Chance } from './chance.ts'

/** What a step of a scene does. `enter` and `open` need the cookie alone, `visit` and `adds` no login; of these only `adds` has a script. */
export type StepKind = 'login' | 'counts' | 'plain' | 'wrong' | 'broken' | 'enter' | 'open' | 'visit' | 'adds'

/** The case of a step, without its interface. */
export type CaseBody = Readonly<{
  url: string
  headers: Readonly<Record<string, string>>
  teardown_script?: string
}>

/** A scene of a run. `seat` tells the scenes of a task apart: the service under test hears it from each step. */
export type PlannedFlow = Readonly<{
  seat: number
  kinds: readonly StepKind[]
  /** The ids of its steps, in order; none for a case. */
  steps: readonly number[]
  /** Null for a case. */
  scene: number | null
}>

/** What a run is to do: so many of its scenes at the same time. */
export type Plan = Readonly<{ flows: readonly PlannedFlow[]; width: number }>

/** How the secret variable of every run begins: nothing that is kept or told may show it. */
export const PASS = 'pass-of-the-run-'

/** What every run has of its own: where its counts begin, `n` for who has none in the scene, and a password. */
export const variablesWith = (pass: string) => ({ total: 0, n: NO_N, pass, unused: `${pass}-unused` })
export const SECRET_VARIABLES = ['global_variable.pass']
const NO_N = 'none'

const CARRIED = { 'X-N': '${{n}}', 'X-Total': '${{total}}', 'X-Pass': '${{pass}}' }
const SESSION = { 'X-Token': '${{token}}', 'X-Session': '${{session}}' }
const LOGIN = `
test.save_env_variable('token', response.json()['token'])
test.save_global_variable('session', response.json()['session'])
test.save_env_variable('n', 0)`
const TOTAL = "test.save_global_variable('total', ENV.total + 1)\n"

export function caseOf(kind: StepKind, step: number, seat: number): CaseBody {
  const headers = { ...CARRIED, 'X-Seat': String(seat) }
  const work = { url: `/work/${step}`, headers: { ...headers, ...SESSION } }
  const visit = { url: `/visit/${step}`, headers }
  switch (kind) {
    case 'login':
      return { url: '/login', headers, teardown_script: LOGIN }
    case 'counts':
      return {
        ...work,
        teardown_script: `${TOTAL}test.save_env_variable('n', env.n + 1)\ntest.assertion('相等', 200, response.status_code)`,
      }
    case 'plain':
      return work
    case 'wrong':
      return { ...work, teardown_script: "test.assertion('相等', 404, response.status_code)" }
    case 'broken':
      return { ...visit, headers: { 'X-N': '${{nowhere}}' } }
    case 'enter':
      return { url: '/enter', headers }
    case 'open':
      return { url: `/open/${step}`, headers }
    case 'visit':
      return visit
    case 'adds':
      return { ...visit, teardown_script: TOTAL }
  }
}

export function verdictOf(kind: StepKind): Verdict {
  if (kind === 'wrong') return '失败'
  return kind === 'broken' ? '错误' : '成功'
}

/** What a request brings along of the steps before it: counts, the step that had the last answer, and what the run has of its own. */
export type Brought = Readonly<{ n: string; total: string; after?: string }>

/** What the request of a step must bring along; undefined for a step that sends none. */
export function broughtTo({ flows, width }: Plan, flow: number, step: number): Brought | undefined {
  const { kinds = [], seat = 0 } = flows[flow] ?? {}
  const kind = kinds[step]
  if (kind === undefined || kind === 'broken') return undefined
  // Scenes side by side begin with what the run began with; those one after the other with what the ones before them left.
  const earlier = width > 1 ? [] : flows.slice(0, flow)
  const own = { seat, kinds: kinds.slice(0, step) }
  const before = [...earlier, own].flatMap((each) =>
    each.kinds.map((one, nth) => ({ kind: one, at: `${each.seat}.${nth}` })),
  )
  const after = before.findLast((each) => each.kind !== 'broken')?.at
  const total = before.filter((each) => each.kind === 'counts' || each.kind === 'adds').length
  const hasCounted = own.kinds.includes('login')
  return {
    n: hasCounted ? String(own.kinds.filter((each) => each === 'counts').length) : NO_N,
    total: String(total),
    ...(after !== undefined && { after }),
  }
}

/** The steps of a scene that runs by itself: one that logs in, and 5 to 25 that need it. */
export function drawScene(chance: Chance): readonly StepKind[] {
  return loggedIn(chance, chance.between(5, 25))
}

/** The steps of a task's scene, 3 to 12: those that log in, and those that do not have to. */
export function drawTaskScene(chance: Chance): readonly StepKind[] {
  const steps = chance.between(3, 12)
  if (chance.happens(0.6)) return loggedIn(chance, steps - 1)
  return Array.from({ length: steps }, () => chance.pick(VISITS))
}

function loggedIn(chance: Chance, others: number): readonly StepKind[] {
  if (chance.happens(0.3)) return ['enter', ...Array.from({ length: others }, () => 'open' as const)]
  return ['login', ...Array.from({ length: others }, () => chance.pick(WORK))]
}

const WORK: readonly StepKind[] = ['counts', 'counts', 'counts', 'counts', 'plain', 'plain', 'plain', 'wrong', 'broken']
const VISITS: readonly StepKind[] = ['visit', 'visit', 'visit', 'adds', 'adds', 'broken']
