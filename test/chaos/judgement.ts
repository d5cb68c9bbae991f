import type { Caller } from '../support/platform.ts'
import {
  answeredOtherwise,
  answersOf,
  effectsOtherThan,
  listedOtherwise,
  lostOf,
  type Remains,
  type StoredRunEvent,
  savedIn,
  tokensOtherwise,
} from './aftermath.ts'
import { type Made, PATHS } from './calls.ts'
import { CANCEL_CHECKS, CANCELLED_REQUEST_CHECKS } from './cancel-checks.ts'
import type { Chance } from './chance.ts'
import { type Check, REQUEST_CHECKS, RUN_CHECKS } from './checks.ts'
import type { Done } from './client.ts'
import type { Answers, Evidence } from './evidence.ts'
import type { Ran } from './runs.ts'
import { missingOf, summaryOf } from './summary.ts'
import type { Tally } from './tally.ts'
import type { Asked } from './target.ts'
import type { ApiToken } from './upkeep.ts'

/** Milliseconds that the runs have to end when nothing happens any more. */
const ENDING_MS = 150_000

/** What the clients did, and what the platform says of it at the end. */
export type Heard = Readonly<{
  made: readonly Made[]
  ran: readonly Ran[]
  tokens: readonly ApiToken[]
  answers: ReadonlyMap<number, Answers>
  saved: ReadonlyMap<number, Readonly<Record<string, unknown>>>
}>

/** Asks the platform of everything that was acknowledged, when nothing happens any more. */
export async function hear({
  tally,
  call,
  clients,
  chance,
}: {
  tally: Tally
  call: Caller
  clients: readonly Done[]
  chance: Chance
}): Promise<Heard> {
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
  return { made, ran, tokens, answers, saved: await savedIn(call, ran) }
}

/** How the attempts at a run followed each other. */
export type Course = Readonly<{
  /** When processes that had the run had ended, in milliseconds of this process's clock. */
  endedAt: readonly number[]
  /** An attempt may have gone on beside the next one: then it cannot be told whose request it was. */
  overlapping: boolean
}>

/** Judges what was heard by what remains. */
export function judge({
  tally,
  heard,
  remains,
  asked,
  courseOf,
}: {
  tally: Tally
  heard: Heard
  remains: Remains
  asked: readonly Asked[]
  courseOf: (events: readonly StoredRunEvent[]) => Course
}): void {
  const { made, ran, tokens, answers, saved } = heard
  const { runs, created, differing, exposed } = remains
  const byRun = Map.groupBy(asked, ({ run }) => run)
  const apart = new Set<Evidence>()
  const evidence = ran.map((each): Evidence => {
    const answered = answers.get(each.record)
    if (!answered) throw new Error(`nothing is answered of run ${each.record}`)
    const events = runs.get(each.record) ?? []
    const { endedAt, overlapping } = courseOf(events)
    const one = {
      ...answered,
      ran: each,
      events,
      asked: byRun.get(each.mark) ?? [],
      saved: saved.get(each.saves?.environment ?? 0) ?? {},
      endedAt,
    }
    if (!overlapping) apart.add(one)
    return one
  })
  for (const [what, check] of Object.entries({ ...RUN_CHECKS, ...CANCEL_CHECKS })) {
    tally.check(what, problemsOf(check, evidence))
  }
  for (const [what, check] of Object.entries({ ...REQUEST_CHECKS, ...CANCELLED_REQUEST_CHECKS })) {
    tally.check(what, problemsOf(check, apart))
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

function problemsOf(check: Check, of: Iterable<Evidence>): readonly string[] {
  return [...of].flatMap((each) => check(each).map((problem) => `run ${each.ran.record}: ${problem}`))
}
