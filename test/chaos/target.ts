import type { ServerResponse } from 'node:http'
import { randomUUID } from 'node:crypto'
import { type Seen, startTarget } from '../support/target.ts'

/** A request as the service under test remembers it: whose step of which run it was, what it brought along, how it was answered. */
export type Asked = {
  /** The mark of a run (header `X-Run`). */
  readonly run: string
  /** The scene of the run (header `X-Seat`). */
  readonly seat: number
  /** The step's number in the scene, 0 for the one that logs in. */
  readonly step: number
  /** Milliseconds of this process's clock: when it came, and when its answer was out; Infinity before. */
  readonly at: number
  until: number
  readonly status: number
  /** What scripts have counted up in the scene (`X-N`) and in the run (`X-Total`), and the run's own variable (`X-Pass`). */
  readonly n: string
  readonly total: string
  readonly pass: string
  /** The scene and the step that had the last answer before, as the cookie says: `2.0`. */
  readonly after?: string
}

export type ChaosTarget = Readonly<{
  url: string
  /** Everything that was asked, in order. */
  asked: readonly Asked[]
  stop(): Promise<void>
}>

type Session = { token: string; session: string; sid: string }

/** Milliseconds that an answer takes; the longer ones are those to scenes that run no scripts, or few. */
const LEAST = 5
const MOST = 60
const MOST_OPEN = 200

/**
 * A service that is logged in to: `/login` gives a token, a session and a cookie, `/work/<step>` wants all three, `/enter` gives the
 * cookie alone, `/open/<step>` wants only that, `/visit/<step>` nothing. Only the last login of a run's scene counts; without it the
 * answer is 401. Each answer sets a cookie that names its scene and step, and repeats the run's own variable.
 * With `everyLogin` all of them count: a runner that was thought dead may log in beside the one that has its run now.
 */
export async function startChaosTarget({ everyLogin = false } = {}): Promise<ChaosTarget> {
  const asked: Asked[] = []
  const sessions = new Map<string, readonly Session[]>()
  const { seen, url, stop } = await startTarget((request, response) => {
    // What matters of it is kept here, for many rounds.
    seen.length = 0
    const run = textOf(request, 'x-run')
    const seat = textOf(request, 'x-seat')
    const [, route = '', number = '0'] = request.url.split('/')
    const cookies = cookiesOf(request)
    const status = loggedIn(request, route, cookies, sessions.get(`${run} ${seat}`) ?? []) ? 200 : 401
    const pass = textOf(request, 'x-pass')
    const after = cookies.get('last')
    const one: Asked = {
      run,
      seat: Number(seat),
      step: Number(number),
      at: performance.now(),
      until: Infinity,
      status,
      n: textOf(request, 'x-n'),
      total: textOf(request, 'x-total'),
      pass,
      ...(after !== undefined && { after }),
    }
    asked.push(one)
    const session = status === 200 && isLogin(route) ? logIn(response) : undefined
    const earlier = everyLogin ? (sessions.get(`${run} ${seat}`) ?? []) : []
    if (session) sessions.set(`${run} ${seat}`, [...earlier, session])
    response.appendHeader('Set-Cookie', `last=${seat}.${number}; Path=/`)
    response.writeHead(status, { 'Content-Type': 'application/json' })
    const answer = JSON.stringify({ step: number, pass, ...session })
    const over = (): void => void (one.until = Math.min(one.until, performance.now()))
    // Who asked may have died before.
    response.once('close', over)
    setTimeout(
      () => {
        over()
        response.end(answer)
      },
      LEAST + Math.random() * ((route === 'open' || route === 'visit' ? MOST_OPEN : MOST) - LEAST),
    )
  })
  return { url, asked, stop }
}

/** Whether scenes of one run went side by side: one of them was asked for again after another. Two of them must have come so far. */
export function wentBeside(
  asked: readonly Pick<Asked, 'run' | 'seat' | 'step'>[],
  so: { far: number } = { far: 0 },
): boolean {
  return Map.groupBy(asked, ({ run }) => run)
    .values()
    .some((ofRun) => {
      const turns = ofRun.filter(({ seat }, nth) => seat !== ofRun[nth - 1]?.seat)
      const seats = new Set(turns.map(({ seat }) => seat))
      const far = new Set(ofRun.filter(({ step }) => step >= so.far).map(({ seat }) => seat))
      return turns.length > seats.size && far.size > 1
    })
}

const isLogin = (route: string): boolean => route === 'login' || route === 'enter'

function logIn(response: ServerResponse): Session {
  const session = { token: randomUUID(), session: randomUUID(), sid: randomUUID() }
  response.appendHeader('Set-Cookie', `sid=${session.sid}; Path=/`)
  return session
}

function loggedIn(
  request: Seen,
  route: string,
  cookies: ReadonlyMap<string, string>,
  sessions: readonly Session[],
): boolean {
  if (isLogin(route) || route === 'visit') return true
  const own = sessions.find(({ sid }) => cookies.get('sid') === sid)
  if (!own) return false
  return route === 'open' || (textOf(request, 'x-token') === own.token && textOf(request, 'x-session') === own.session)
}

function cookiesOf(request: Seen): ReadonlyMap<string, string> {
  const pairs = textOf(request, 'cookie').split('; ')
  return new Map(pairs.map((pair) => [pair.split('=')[0] ?? '', pair.slice(pair.indexOf('=') + 1)]))
}

function textOf({ headers }: Seen, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}
