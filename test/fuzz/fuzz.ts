/** Rounds of requests at every operation of a platform, and what was wrong with the answers. */
import { Chance } from '../chaos/chance.ts'
import type { TestPlatform } from '../support/platform.ts'
import { type Operation, operationsOf } from './document.ts'
import { problemsOf } from './expectations.ts'
import { type FuzzRequest, requestFor } from './request.ts'
import { type FuzzReply, openWire } from './send.ts'
import { World } from './world.ts'

/** Requests that are under way at a time. */
const AT_ONCE = 6

/** How often the calls that write are drawn for one that reads. */
const WRITES = 3

/** What was found: statuses by operation, the requests whose answers were wrong, and how many were asked. */
export type Findings = Readonly<{ statuses: Map<string, Map<string, number>>; wrong: readonly string[]; asked: number }>

export type FuzzOptions = Readonly<{
  platform: TestPlatform
  /** The URL of a service that cases may ask. */
  target: string
  seed: number
  /** Rounds, or milliseconds after which nothing more is drawn. */
  until: Readonly<{ rounds: number }> | Readonly<{ milliseconds: number }>
  /** What the platform has logged as an error since it was asked last. */
  logged(): string
}>

/** The same seed draws the same requests, as far as they depend on no answer that came a little earlier or later. */
export async function fuzz({ platform, target, seed, until, logged }: FuzzOptions): Promise<Findings> {
  const chance = new Chance(seed)
  const { body: document } = await platform.call('GET', '/openapi.json')
  const operations = operationsOf(document).filter(({ path }) => path.startsWith('/api/'))
  const world = await World.of(platform, target)
  const wire = openWire(platform.url)
  const wrong: string[] = []
  let asked = 0
  const statuses: Findings['statuses'] = new Map()

  async function ask(operation: Operation, own: Chance): Promise<void> {
    const making = { chance: own, world, set: own.pick(world.sets), sender: world.sender(operation.path, own), target }
    const request = requestFor(operation, making)
    // Now and then twice at once, as impatient clients do.
    await Promise.all(Array.from({ length: own.happens(0.05) ? 2 : 1 }, () => judge(request)))
  }

  async function judge(request: FuzzRequest): Promise<void> {
    asked++
    const reply = await wire.send(request)
    if (reply === undefined) return
    const name = `${request.operation.method} ${request.operation.path}`
    const counts = statuses.get(name) ?? new Map<string, number>()
    const came = String(reply.failure === undefined ? reply.status : 'none')
    statuses.set(name, counts.set(came, (counts.get(came) ?? 0) + 1))
    if (reply.failure === undefined && reply.status === 201) world.learn(request.operation.path, JSON.parse(reply.text))
    const problems = problemsOf(request, reply, platform.routes)
    if (problems.length > 0) wrong.push(told(request, reply, problems, logged()))
  }

  const started = performance.now()
  const late = (): boolean => 'milliseconds' in until && performance.now() - started > until.milliseconds

  async function takeTurns(waiting: (readonly [Operation, Chance])[]): Promise<void> {
    for (let next = waiting.pop(); next && !late(); next = waiting.pop()) await ask(...next)
  }

  try {
    for (let round = 0; 'rounds' in until ? round < until.rounds : !late(); round++) {
      await world.mend()
      const drawn = chance.shuffled(
        operations.flatMap((operation) =>
          Array.from({ length: operation.method === 'GET' ? 1 : WRITES }, () => operation),
        ),
      )
      const waiting = drawn.map((operation) => [operation, chance.own()] as const)
      await Promise.all(Array.from({ length: AT_ONCE }, () => takeTurns(waiting)))
      const { status, text } = await platform.call('GET', '/readyz/')
      if (status !== 200) throw new Error(`not ready after round ${round}: ${text}`)
    }
  } finally {
    wire.close()
  }
  return { statuses, wrong, asked }
}

/** Characters of a body that are shown. */
const SHOWN = 1_500

function told(request: FuzzRequest, reply: FuzzReply, problems: readonly string[], logged: string): string {
  const { method, target, headers, body, operation } = request
  const answer = reply.failure ?? `${reply.status} ${reply.text.slice(0, SHOWN)}`
  return [
    `${operation.method} ${operation.path}: ${problems.slice(0, 5).join('; ')}`,
    `  ${method} ${target.slice(0, SHOWN)} ${JSON.stringify({ ...headers, authorization: headers.authorization?.slice(0, 12) })}`,
    `  ${body === undefined ? 'no body' : `${body.length} bytes: ${body.subarray(0, SHOWN).toString()}`}`,
    `  → ${answer} (${reply.ms} ms)`,
    ...(logged === '' ? [] : [`  ${logged}`]),
  ].join('\n')
}
