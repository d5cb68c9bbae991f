import { setTimeout as pause } from 'node:timers/promises'
import { examine, type StoredRunEvent } from '../chaos/aftermath.ts'
import { Chance } from '../chaos/chance.ts'
import { workMeanwhile } from '../chaos/client.ts'
import type { Chaos } from '../chaos/embedded.ts'
import { type Course, hear, judge } from '../chaos/judgement.ts'
import { type Moment, reached, type Signs } from '../chaos/moments.ts'
import { DEPLOYED_ROLES, type DeployedRole, Deployment } from './deployment.ts'
import { untoldIn } from './outsiders.ts'
import type { RoleProcess } from './role-process.ts'
import { Strikes, type Told } from './strikes.ts'

/** Of each role so many processes. */
const COPIES = 2
const CLIENTS = 2

/** Milliseconds between a moment of the platform's work and a strike, at most, and between two strikes. */
const MOST_PEACE = 1_000
const MOST_BETWEEN = 2_000

const MOMENTS: readonly Moment[] = ['steps are under way', 'scenes are side by side', 'a run is being cancelled']

/** The strikes of the rounds: each round has one of the first kind, and most have one of the second at the same time. */
const KILLS: readonly DeployedRole[] = [...DEPLOYED_ROLES, 'runner']
const OTHERS = ['stop', 'kill broker', 'restart postgres', 'kill postgres', 'kill runner'] as const
const TWO = 0.8

/** Milliseconds: how long the processes that were frozen have to say what became of what they had. */
const THAWED_MS = 10_000

/** How often a worker of a run names the process: `host-123-0a1b2c3d`. */
const PID_OF_WORKER = /-(\d+)-[0-9a-f]+$/

/**
 * Many processes over Kafka and one database, two of each role: each is killed, told to stop or frozen, and so are the servers, while
 * clients work through both gateways; at last every process is replaced, one after the other.
 */
export async function distributedChaos({ rounds, seed, folder, target, tally }: Chaos): Promise<void> {
  const chance = new Chance(seed)
  const environment = { RUN_CONCURRENCY: '4', SANDBOX_POOL: '1', RUN_WAIT_SECONDS: '30', KAFKA_PARTITIONS: '6' }
  const deployment = await Deployment.start({ folder, copies: COPIES, environment })
  // A mistake in here must not leave processes behind either.
  process.on('exit', () => deployment.killNow())
  const thawed = new Set<number>()
  try {
    const { gateways } = deployment
    const subject = { now: () => Promise.resolve(gateways.call), isStruck: false }
    const strikes = new Strikes(deployment, chance.own())
    const clients = await workMeanwhile({ count: CLIENTS, subject, target, chance }, async (signs) => {
      const tell = teller()
      const happening = { deployment, strikes, chance: chance.own(), signs, tally, tell }
      for (let round = 1; round <= rounds; round++) {
        await gateways.enter()
        await strikeOnce(happening, round)
      }
      await withoutBroker(happening)
      thawed.add(await withFrozenRunner(happening))
      await withFrozenLeaders(happening)
      await replacedOneByOne(happening)
      // There shall have been some, however slow the machine is.
      await reached('scenes are side by side', signs)
    })
    const heard = await hear({ tally, call: gateways.call, clients, chance })
    await deployment.steady()
    tally.check('outsiders are told of every event, in the order of its stream', await untoldIn(deployment))
    await deployment.stop()
    tally.check(
      'no process ends by itself, and those that are told to stop end well',
      deployment.processes.flatMap(({ problems }) => problems),
    )
    const met = [...gateways.passedOn].map(([what, times]) => `${times} times ${what}`)
    console.log(`       calls that went on to another gateway had met ${met.join(', ') || 'nothing'}`)
    tally.check('clients meet nothing but 503 with Retry-After and gateways that are away', gateways.surprises)
    const remains = await examine({ dataDir: folder, databaseUrl: deployment.postgres.url }, folder)
    const courseOf = (events: readonly StoredRunEvent[]): Course => courseBeside(thawed, events)
    judge({ tally, heard, remains, asked: target.asked, courseOf })
  } finally {
    await deployment.destroy()
  }
}

type Happening = Readonly<{
  deployment: Deployment
  strikes: Strikes
  chance: Chance
  signs: Signs
  tally: Chaos['tally']
  tell(words: string): void
}>

/** Prints what happens, with the seconds since the start. */
function teller(): (words: string) => void {
  const from = performance.now()
  return (words) => console.log(`       ${((performance.now() - from) / 1_000).toFixed(1)} s: ${words}`)
}

/** One strike or two at a random moment; then everything must be ready again. */
async function strikeOnce({ deployment, strikes, chance, signs, tell }: Happening, round: number): Promise<void> {
  const moment = chance.pick(MOMENTS)
  const role = KILLS[(round - 1 + chance.between(0, 1)) % KILLS.length] ?? 'runner'
  const other = chance.happens(TWO) ? chance.pick(OTHERS) : undefined
  const [peace, between] = [chance.between(0, MOST_PEACE), chance.between(0, MOST_BETWEEN)]
  await reached(moment, signs)
  await pause(peace)
  const also = other && pause(between).then(() => strikeAlso(strikes, other, role))
  const told = await Promise.all([strikes.kill(role), also])
  await deployment.steady()
  const second = told[1] === undefined ? '' : `, and ${between} ms later ${told[1]}`
  tell(`round ${round}: ${peace} ms after ${moment} ${told[0]}${second}`)
}

async function strikeAlso(strikes: Strikes, other: (typeof OTHERS)[number], struck: DeployedRole): Promise<Told> {
  switch (other) {
    case 'stop':
      return strikes.stop(struck)
    case 'kill broker':
      return strikes.killBroker()
    case 'restart postgres':
      return strikes.restartPostgres('stop')
    case 'kill postgres':
      return strikes.restartPostgres('kill')
    case 'kill runner':
      return strikes.kill(struck === 'runner' ? 'relay' : 'runner')
  }
}

/** What is asked for while there is no broker is accepted, and executed when there is one. */
async function withoutBroker({ deployment, strikes, tally, tell }: Happening): Promise<void> {
  const problems: string[] = []
  const told = await strikes.stopBroker(async () => {
    const wanted = new Map(deployment.processes.map((each) => [each, NEEDS_BROKER.has(each.role) ? 503 : 200]))
    for (const [each, status] of wanted) {
      const answer = await untilAnswered(each, status)
      if (answer.status !== status) problems.push(`${each.name} answered ${answer.status}: ${answer.text}`)
      if (status === 503 && !deployment.broker.brokers.every((address) => answer.text.includes(address))) {
        problems.push(`${each.name} does not say which address: ${answer.text}`)
      }
      if ((await fetch(`${each.url}/healthz`)).status !== 200) problems.push(`${each.name} is not live`)
    }
  })
  await deployment.steady()
  tell(told)
  tally.check('without a broker gateways and projectors are ready, relays and runners say which address', problems)
}

const NEEDS_BROKER: ReadonlySet<string> = new Set(['relay', 'runner'])

/** What `/readyz` answers, as soon as it is that, or after a while. */
async function untilAnswered({ url }: RoleProcess, status: number): Promise<{ status: number; text: string }> {
  for (const deadline = performance.now() + 15_000; ; await pause(250)) {
    const answer = await fetch(`${url}/readyz`)
    const text = await answer.text()
    if (answer.status === status || performance.now() > deadline) return { status: answer.status, text }
  }
}

/** A runner that was thought dead comes back with results: nobody takes them. Answers its pid. */
async function withFrozenRunner({ deployment, strikes, signs, tally, tell }: Happening): Promise<number> {
  await reached('scenes are side by side', signs)
  const { told, frozen } = await strikes.freezeRunner()
  const dropped = (): number => frozen.said().split('"msg":"a run was dropped').length - 1
  for (const deadline = performance.now() + THAWED_MS; dropped() === 0 && performance.now() < deadline;) await pause(50)
  await deployment.steady()
  tell(`${told}; it dropped ${dropped()} runs that were taken over`)
  tally.check(
    'a runner that was thought dead drops what others have taken over',
    dropped() > 0 ? [] : [`${frozen.name} dropped nothing`],
  )
  return frozen.pid
}

async function withFrozenLeaders({ strikes, tally, tell }: Happening): Promise<void> {
  const { told, others } = await strikes.freezeLeaders()
  tell(told)
  const notYet = (): readonly RoleProcess[] => others.filter((each) => !each.leads(each.role))
  for (const deadline = performance.now() + THAWED_MS; notYet().length > 0 && performance.now() < deadline;)
    await pause(50)
  tally.check(
    'others lead when leaders hang',
    notYet().map(({ name }) => `${name} does not lead`),
  )
}

/** Every process stops as it should and another takes its place: clients may see that its address is away, and nothing else. */
async function replacedOneByOne({ deployment, strikes, tell }: Happening): Promise<void> {
  for (const each of deployment.processes) tell(await strikes.replace(each))
}

/** One attempt ends where the next has claimed the run, but for those of processes that came back. */
function courseBeside(thawed: ReadonlySet<number>, events: readonly StoredRunEvent[]): Course {
  const claims = events.flatMap((event) => (event.type === 'RunClaimed' ? [event] : []))
  const before = claims.slice(0, -1)
  const overlapping = before.some(({ data }) => thawed.has(Number(PID_OF_WORKER.exec(data.worker)?.[1])))
  return { endedAt: claims.slice(1).map(({ at }) => Date.parse(at) - performance.timeOrigin), overlapping }
}
