import { type Called, Calls, type Made } from './calls.ts'
import type { Chance } from './chance.ts'
import type { Signs } from './moments.ts'
import { type Ran, Runs } from './runs.ts'
import { Stock } from './stock.ts'
import type { ChaosTarget } from './target.ts'
import { Tasks } from './tasks.ts'
import { type ApiToken, Upkeep } from './upkeep.ts'

/** What a client made, ran and was told. */
export type Done = Readonly<{
  made: readonly Made[]
  ran: readonly Ran[]
  tokens: readonly ApiToken[]
  /** Answers that there should not have been. */
  surprises: readonly string[]
}>

type ClientOptions = Readonly<{
  name: string
  subject: Called
  target: string
  chance: Chance
  /** A run is asked to end. */
  onCancelling(): void
}>

/** So many clients work while `happens` does, which is told of what can be seen; then they bring to its end what they have begun. */
export async function workMeanwhile(
  { count, subject, target, chance }: Readonly<{ count: number; subject: Called; target: ChaosTarget; chance: Chance }>,
  happens: (signs: Signs) => Promise<void>,
): Promise<readonly Done[]> {
  const closing = new AbortController()
  const cancelled: number[] = []
  const onCancelling = (): void => void cancelled.push(performance.now())
  const working = Promise.all(
    Array.from({ length: count }, (_, nth) =>
      workAsClient(
        { name: `client ${nth + 1}`, subject, target: target.url, chance: chance.own(), onCancelling },
        closing.signal,
      ),
    ),
  )
  // Both may fail: the first tells.
  await Promise.race([happens({ asked: target.asked, cancelled }), working])
  closing.abort()
  return working
}

/**
 * A user of the platform: makes scenes and tasks and runs them, over and over, until `signal` is aborted; then brings to its end what it has
 * begun.
 */
async function workAsClient(
  { name, subject, target, chance, onCancelling }: ClientOptions,
  signal: AbortSignal,
): Promise<Done> {
  const calls = new Calls(name, subject)
  const project = await calls.make('project', { name: calls.newName('project'), leader: 'nobody' })
  const stock = new Stock({ calls, project: project.id, target })
  // Each draws for itself: what is done at once comes in any order.
  const runs = new Runs(stock, chance.own())
  const tasks = new Tasks({ stock, runs, chance: chance.own(), onCancelling })
  const upkeep = new Upkeep({ stock, project, chance: chance.own() })
  async function over(work: () => Promise<unknown>): Promise<void> {
    while (!signal.aborted) await work()
  }
  await Promise.all([
    over(() => Promise.all([runs.runScene(), runs.runCase(), upkeep.work()])),
    over(async () => {
      await upkeep.workOnTokens()
      await tasks.work(upkeep.token)
    }),
  ])
  return { made: calls.made, ran: runs.ran, tokens: upkeep.tokens, surprises: calls.surprises }
}
