import type { ServerResponse } from 'node:http'
import { randomUUID } from 'node:crypto'
import { type Seen, startTarget } from '../support/target.ts'

/** A request as the service under test remembers it: whose step of which run it was, what it carried, how it was answered. */
export type Asked = Readonly<{
  /** The mark of a run (header `X-Run`). */
  run: string
  /** The step's number in the scene, 0 for the one that logs in. */
  step: number
  /** Milliseconds of this process's clock. */
  at: number
  status: number
  /** What scripts have counted up so far (header `X-N`), as text; absent where the step sends none. */
  n?: string
  /** The step that had the last answer before, as the cookie says. */
  after?: string
}>

export type ChaosTarget = Readonly<{
  url: string
  /** Everything that was asked, in order. */
  asked: readonly Asked[]
  stop(): Promise<void>
}>

type Session = { token: string; session: string; sid: string }

/** Milliseconds that an answer takes. */
const LEAST = 5
const MOST = 60

/**
 * A service that is logged in to: `/login` gives a token, a session and a cookie, `/work/<step>` wants all three, `/enter` gives the
 * cookie alone, `/open/<step>` wants only that. Only the last login of a run counts; without it the answer is 401. Each answer sets a
 * cookie that names its step.
 */
export async function startChaosTarget(): Promise<ChaosTarget> {
  const asked: Asked[] = []
  const sessions = new Map<string, Session>()
  const { seen, url, stop } = await startTarget((request, response) => {
    // What matters of it is kept here, for many rounds.
    seen.length = 0
    const run = textOf(request, 'x-run')
    const [, route = '', number = '0'] = request.url.split('/')
    const cookies = cookiesOf(request)
    const status = loggedIn(request, route, cookies, sessions.get(run)) ? 200 : 401
    const n = textOf(request, 'x-n')
    const after = cookies.get('last')
    asked.push({
      run,
      step: Number(number),
      at: performance.now(),
      status,
      ...(n !== '' && { n }),
      ...(after !== undefined && { after }),
    })
    const answer = status === 200 && isLogin(route) ? logIn(response) : { step: number }
    if (isLogin(route)) sessions.set(run, answer as Session)
    response.appendHeader('Set-Cookie', `last=${number}; Path=/`)
    response.writeHead(status, { 'Content-Type': 'application/json' })
    setTimeout(() => response.end(JSON.stringify(answer)), LEAST + Math.random() * (MOST - LEAST))
  })
  return { url, asked, stop }
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
  session: Session | undefined,
): boolean {
  if (isLogin(route) || route === 'alone') return true
  if (!session || cookies.get('sid') !== session.sid) return false
  return (
    route === 'open' ||
    (textOf(request, 'x-token') === session.token && textOf(request, 'x-session') === session.session)
  )
}

function cookiesOf(request: Seen): ReadonlyMap<string, string> {
  const pairs = textOf(request, 'cookie').split('; ')
  return new Map(pairs.map((pair) => [pair.split('=')[0] ?? '', pair.slice(pair.indexOf('=') + 1)]))
}

function textOf({ headers }: Seen, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}
