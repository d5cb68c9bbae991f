import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from 'node:util'
import {
  answeredOtherwise,
  answersOf,
  effectsOtherThan,
  examine,
  listedOtherwise,
  lostOf,
  savedIn,
  tokensOtherwise,
} from '../test/chaos/aftermath.ts'
import { PATHS } from '../test/chaos/calls.ts'
import { CANCEL_CHECKS } from '../test/chaos/cancel-checks.ts'
import { Chance } from '../test/chaos/chance.ts'
import { RUN_CHECKS } from '../test/chaos/checks.ts'
import { workAsClient } from '../test/chaos/client.ts'
import type { Evidence } from '../test/chaos/evidence.ts'
import { type Strike, STRIKES, Subject } from '../test/chaos/subject.ts'
import { missingOf, summaryOf } from '../test/chaos/summary.ts'
import { type ChaosTarget, startChaosTarget, wentBeside } from '../test/chaos/target.ts'

/** How often each strike comes, among so many. */
const DECK: readonly Strike[] = ['kill', 'kill', 'kill both', 'kill twice', 'kill database', 'stop', 'stop']

const CLIENTS = 5

/** Milliseconds that the platform is left in peace before it is struck, at most. */
const PEACE = 3_000

/** Of all strikes, those that come when steps are under way again; the others may meet a platform that still warms up. */
const AT_WORK = 0.85

/** Of these, those that come when scenes of one run take turns and have come so many steps far, or when a run is just being cancelled. */
const BESIDE = 0.45
const FAR = 3
const CANCELLED = 0.15

/** Of all kills, those that come while the log takes nothing; and for how many milliseconds at most. */
const STALLED = 0.5
const MOST_STALLED_MS = 600

/** Who is told to stop must be able to, and where the database dies the newest of its log must be at stake. */
const STALLABLE: ReadonlySet<Strike> = new Set(['kill', 'kill twice'])

/** Milliseconds that such a moment may take to come, before it is struck all the same. */
const WARM_MS = 20_000

/** Milliseconds that the runs have to end when nothing happens any more. */
const ENDING_MS = 120_000

/** How many of a check's problems are printed. */
const MOST_PRINTED = 5

/**
 * `npm run test:chaos`: the real process is killed at random moments while clients create things and run scenes and tasks, `CHAOS_ROUNDS` times
 * (3). Then everything that was acknowledged must be there, and every run must have ended as if nothing had happened. `CHAOS_SEED`
 * draws the same strikes and scenes again. The last line is `N passed, N failed`; after a failure the data directory is kept.
 */
export async function main(): Promise<void> {
  const rounds = numberOf('CHAOS_ROUNDS', 3)
  const seed = numberOf('CHAOS_SEED', randomInt(2 ** 31))
  const dataDir = await mkdtemp(join(tmpdir(), 'testledger-chaos-'))
  const subject = new Subject(dataDir)
  const tally = new Tally()
  console.log(`chaos: ${rounds} rounds, CHAOS_SEED=${seed}, data and log in ${dataDir}`)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void subject.destroy().then(() => process.exit(1)))
  }
  // A mistake in here must not leave processes behind either.
  process.on('exit', () => subject.killNow())
  let target: ChaosTarget | undefined
  try {
    target = await startChaosTarget()
    await perform({ rounds, chance: new Chance(seed), dataDir, subject, target, tally })
  } catch (error) {
    tally.check('nothing else goes wrong', [inspect(error)])
  }
  await subject.destroy()
  await target?.stop()
  const { passed, failed } = tally
  if (failed === 0) await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  else console.log(`CHAOS_SEED=${seed}; the platform's log is ${subject.logFile}`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
}

function numberOf(name: string, preset: number): number {
  const text = process.env[name] || String(preset)
  if (/^\d{1,10}$/.test(text) && Number(text) > 0) return Number(text)
  console.error(`${name}: expected a whole number above 0`)
  process.exit(2)
}

class Tally {
  passed = 0
  failed = 0

  check(what: string, problems: readonly string[]): void {
    if (problems.length === 0) this.passed++
    else this.failed++
    console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${what}`)
    for (const problem of problems.slice(0, MOST_PRINTED)) console.log(`       ${problem}`)
    if (problems.length > MOST_PRINTED) console.log(`       and ${problems.length - MOST_PRINTED} more`)
  }
}

type Chaos = Readonly<{
  rounds: number
  chance: Chance
  dataDir: string
  subject: Subject
  target: ChaosTarget
  tally: Tally
}>

async function perform({ rounds, chance, dataDir, subject, target, tally }: Chaos): Promise<void> {
  const closing = new AbortController()
  await subject.start()
  const cancelled: number[] = []
  const onCancelling = (): void => void cancelled.push(performance.now())
  const working = Promise.all(
    Array.from({ length: CLIENTS }, (_, nth) =>
      workAsClient(
        { name: `client ${nth + 1}`, subject, target: target.url, chance: chance.own(), onCancelling },
        closing.signal,
      ),
    ),
  )
  // Both may fail: the first tells.
  await Promise.race([strikes(rounds, chance.own(), subject, { asked: target.asked, cancelled }), working])
  closing.abort()
  const clients = await working

  const call = await subject.now()
  const made = clients.flatMap((client) => client.made)
  const ran = clients.flatMap((client) => client.ran)
  const tokens = clients.flatMap((client) => client.tokens)
  const answers = await answersOf(call, ran, ENDING_MS)
  const surprises = clients.flatMap((client) => client.surprises)
  tally.check('no call is refused, and none goes without an answer while nothing happens', surprises)
  tally.check('everything that was acknowledged is there, as it was acknowledged', await lostOf(call, made))
  tally.check('a call that comes again is answered as before', await answeredOtherwise(call, made, chance))
  tally.check('the list of records has each run once, ended', await listedOtherwise(call, ran))
  tally.check('an API token speaks until it is revoked, and never again', await tokensOtherwise(call, tokens))
  const saved = await savedIn(call, ran)
  await subject.stop()
  tally.check(`every end of the process was as it should be: ${rounds} of them by strikes`, [])

  const { runs, created, differing, exposed } = await examine(dataDir)
  const evidence = ran.map((each): Evidence => {
    const answered = answers.get(each.record)
    if (!answered) throw new Error(`nothing is answered of run ${each.record}`)
    return {
      ...answered,
      ran: each,
      events: runs.get(each.record) ?? [],
      asked: target.asked.filter(({ run }) => run === each.mark),
      saved: saved.get(each.saves?.environment ?? 0) ?? {},
      endedAt: subject.endedAt,
    }
  })
  for (const [what, check] of Object.entries({ ...RUN_CHECKS, ...CANCEL_CHECKS })) {
    tally.check(
      what,
      evidence.flatMap((each) => check(each).map((problem) => `run ${each.ran.record}: ${problem}`)),
    )
  }
  const acknowledged = Map.groupBy(
    [
      ...made.map(({ path, id }) => ({ path, id })),
      ...tokens.map(({ id }) => ({ path: PATHS.token, id })),
      ...ran.map(({ record: id }) => ({ path: 'run', id })),
    ],
    ({ path }) => path,
  )
  tally.check('every call had one effect', effectsOtherThan(acknowledged, created))
  tally.check('the read models equal those that are built anew', differing)
  tally.check('secrets of runs and API tokens stand nowhere in clear', exposed)
  for (const line of summaryOf(evidence)) console.log(`       ${line}`)
  tally.check('runs were under way when it happened, side by side too, and some were cancelled', missingOf(evidence))
}

/** Lets the platform work, strikes it, and starts it again. */
async function strikes(rounds: number, chance: Chance, subject: Subject, signs: Signs): Promise<void> {
  let deck: Strike[] = []
  for (let round = 1; round <= rounds; round++) {
    if (deck.length === 0) deck = chance.shuffled(DECK)
    const how = deck.pop() ?? 'kill'
    const moment = drawMoment(chance)
    const peace = chance.between(0, PEACES[moment])
    const stalled = chance.happens(STALLED)
    const duration = chance.between(1, MOST_STALLED_MS)
    const stall = stalled && STALLABLE.has(how) ? duration : 0
    const second = chance.between(0, 2_000)
    if (moment !== 'the start') await reached(moment, signs)
    await pause(peace)
    const when = `${peace} ms after ${moment}`
    const words = `round ${round}: ${when}${stall > 0 ? `, with a log that stalled for ${stall} ms,` : ''} ${STRIKES[how]}`
    const from = performance.now()
    try {
      await subject.strike({ how, stall, second })
      const ended = performance.now()
      await subject.start()
      const [ending, starting] = [ended - from, performance.now() - ended].map((each) => Math.round(each))
      console.log(`${words}; ended in ${ending} ms, started in ${starting} ms`)
    } catch (error) {
      throw new Error(words, { cause: error })
    }
  }
  // There shall have been some, however slow the machine is.
  await reached('scenes are side by side', signs)
}

type Moment = keyof typeof PEACES

/** Milliseconds that the platform is left in peace from then on, at most. */
const PEACES = {
  'the start': PEACE,
  'steps are under way': PEACE,
  'scenes are side by side': 300,
  // The steps under way end soon.
  'a run is being cancelled': 100,
} as const

function drawMoment(chance: Chance): Moment {
  if (!chance.happens(AT_WORK)) return 'the start'
  const share = chance.next()
  if (share < BESIDE) return 'scenes are side by side'
  return share < BESIDE + CANCELLED ? 'a run is being cancelled' : 'steps are under way'
}

/** What of the platform's work can be seen from outside. */
type Signs = Readonly<{ asked: ChaosTarget['asked']; cancelled: readonly number[] }>

/** Resolves when that happens next, or after a while all the same. */
async function reached(moment: Exclude<Moment, 'the start'>, { asked, cancelled }: Signs): Promise<void> {
  const [askedBefore, cancelledBefore] = [asked.length, cancelled.length]
  const happens = (): boolean => {
    if (moment === 'steps are under way') return asked.length > askedBefore
    if (moment === 'a run is being cancelled') return cancelled.length > cancelledBefore
    return wentBeside(asked.slice(askedBefore), { far: FAR })
  }
  for (const deadline = performance.now() + WARM_MS; performance.now() < deadline && !happens();) await pause(10)
}
