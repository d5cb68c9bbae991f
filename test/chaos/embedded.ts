import { setTimeout as pause } from 'node:timers/promises'
import { examine } from './aftermath.ts'
import { Chance } from './chance.ts'
import { workMeanwhile } from './client.ts'
import { hear, judge } from './judgement.ts'
import { reached, type Signs } from './moments.ts'
import { type Strike, STRIKES, Subject } from './subject.ts'
import type { Tally } from './tally.ts'
import type { ChaosTarget } from './target.ts'

/** How often each strike comes, among so many. */
const DECK: readonly Strike[] = ['kill', 'kill', 'kill both', 'kill twice', 'kill database', 'stop', 'stop']

const CLIENTS = 5

/** Milliseconds that the platform is left in peace before it is struck, at most. */
const PEACE = 3_000

/** Of all strikes, those that come when steps are under way again; the others may meet a platform that still warms up. */
const AT_WORK = 0.85

/** Of these, those that come when scenes of one run take turns and have come some steps far, or when a run is just being cancelled. */
const BESIDE = 0.45
const CANCELLED = 0.15

/** Of all kills, those that come while the log takes nothing; and for how many milliseconds at most. */
const STALLED = 0.5
const MOST_STALLED_MS = 600

/** Who is told to stop must be able to, and where the database dies the newest of its log must be at stake. */
const STALLABLE: ReadonlySet<Strike> = new Set(['kill', 'kill twice'])

export type Chaos = Readonly<{ rounds: number; seed: number; folder: string; target: ChaosTarget; tally: Tally }>

/** One process with its own database, in `folder`, which is killed and started again; `target` is what its runs ask. */
export async function embeddedChaos({ rounds, seed, folder, target, tally }: Chaos): Promise<void> {
  const subject = new Subject(folder)
  // A mistake in here must not leave processes behind either.
  process.on('exit', () => subject.killNow())
  try {
    await perform({ rounds, chance: new Chance(seed), folder, subject, target, tally })
  } finally {
    await subject.destroy()
  }
}

type Performance = Omit<Chaos, 'seed'> & Readonly<{ chance: Chance; subject: Subject }>

async function perform({ rounds, chance, folder, subject, target, tally }: Performance): Promise<void> {
  await subject.start()
  const clients = await workMeanwhile({ count: CLIENTS, subject, target, chance }, (signs) =>
    strikes(rounds, chance.own(), subject, signs),
  )
  const heard = await hear({ tally, call: await subject.now(), clients, chance })
  await subject.stop()
  tally.check(`every end of the process was as it should be: ${rounds} of them by strikes`, [])
  const { endedAt } = subject
  const remains = await examine({ dataDir: folder, databaseUrl: undefined }, folder)
  judge({ tally, heard, remains, asked: target.asked, courseOf: () => ({ endedAt, overlapping: false }) })
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

/** Milliseconds that the platform is left in peace from then on, at most. */
const PEACES = {
  'the start': PEACE,
  'steps are under way': PEACE,
  'scenes are side by side': 300,
  // The steps under way end soon.
  'a run is being cancelled': 100,
} as const

function drawMoment(chance: Chance): keyof typeof PEACES {
  if (!chance.happens(AT_WORK)) return 'the start'
  const share = chance.next()
  if (share < BESIDE) return 'scenes are side by side'
  return share < BESIDE + CANCELLED ? 'a run is being cancelled' : 'steps are under way'
}
