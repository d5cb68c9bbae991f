import { setTimeout as pause } from 'node:timers/promises'
import { atMost, type Bench, type Figure, number } from '../measurement.ts'
import type { PlatformProcess } from '../platform.ts'
import { inTurns, round, spread, type Compared } from '../rounds.ts'
import { type Scenes, scenesOn } from '../scene/ours.ts'
import { firstRequest, startWatchedTarget, type WatchedTarget } from '../scene/watched-target.ts'

/** Milliseconds from the call that asks for a run to its first request, p50. */
const FIRST_AIMS = { embedded: 20, kafka: 60 }

/** Each run: a task of so many scenes of so many cases, one scene after the other. */
const TASK = { scenes: 5, cases: 10 }
const CASES_PER_RUN = TASK.scenes * TASK.cases

/** Runs that are asked for at the same time: twice as many as one runner executes. */
const SIDE_BY_SIDE = 16

/** Milliseconds. */
const PATIENCE = 60_000

/** Milliseconds after which a service answers that has something to do. */
const WORKING_MS = 20

/** Cases of the scene of which the first request is awaited. */
const FIRST_CASES = 3
const WARM_UP = 3

/** Milliseconds between two runs of which the time to the first request is taken: the sandbox of the next but one is warm by then. */
const READING = { plain: 50, scripts: 350 }

export type Kind = keyof typeof READING
export const KINDS: readonly Kind[] = ['plain', 'scripts']
const told = (kind: Kind): string => (kind === 'scripts' ? 'with scripts' : 'without scripts')

/** The same platform embedded and as processes over Kafka, each with scenes and tasks of its own against the same targets. */
export type Sides = Readonly<Record<'embedded' | 'kafka', PlatformProcess>>

/** Runs on both, in turns. */
export type RunsOnBoth = Readonly<{
  /** Runs cases over Kafka until `enough` answers true. */
  untilOverKafka(enough: () => Promise<boolean>): Promise<void>
  /** How many cases a second both run, `runners` being those over Kafka. */
  rates(runners: string): Promise<readonly Figure[]>
  /** How soon a run begins on both, of cases of these kinds. */
  firstRequests(runners: string, kinds: readonly Kind[]): Promise<readonly Figure[]>
}>

export async function runsOn(bench: Bench, sides: Sides): Promise<RunsOnBoth> {
  const targets = new Map<number, Readonly<{ target: WatchedTarget; embedded: Scenes; kafka: Scenes }>>()
  for (const after of [0, WORKING_MS]) {
    const target = await startWatchedTarget(bench, { after })
    const on = (side: PlatformProcess): Promise<Scenes> => scenesOn(bench, side, target.url)
    targets.set(after, { target, embedded: await on(sides.embedded), kafka: await on(sides.kafka) })
  }
  const tasks = new Map<string, Promise<() => Promise<void>>>()

  /** Runs a task of short cases to its end. */
  function taskOn(scenes: Scenes, name: string, kind: Kind): Promise<() => Promise<void>> {
    const known = tasks.get(name)
    if (known !== undefined) return known
    const made = (async () => {
      const ids: number[] = []
      while (ids.length < TASK.scenes) ids.push(await scenes.make({ cases: TASK.cases, scripts: kind === 'scripts' }))
      const task = await scenes.makeTask(ids)
      return () => scenes.runTask(task, 1)
    })()
    tasks.set(name, made)
    return made
  }

  async function rate(after: number, kind: Kind): Promise<Compared> {
    const { embedded, kafka } = targets.get(after) ?? missing()
    const [here, there] = [
      await taskOn(embedded, `embedded ${after} ${kind}`, kind),
      await taskOn(kafka, `kafka ${after} ${kind}`, kind),
    ]
    const seconds = bench.quick ? 1 : 6
    return inTurns(bench.quick ? 1 : 3, {
      ours: () => round(SIDE_BY_SIDE, seconds, there),
      bare: () => round(SIDE_BY_SIDE, seconds, here),
    })
  }

  return {
    async untilOverKafka(enough) {
      const { kafka } = targets.get(0) ?? missing()
      const run = await taskOn(kafka, 'kafka 0 plain', 'plain')
      const until = performance.now() + PATIENCE
      while (!(await enough())) {
        if (performance.now() > until) throw new Error('what runs over Kafka was waited for in vain')
        await Promise.all(Array.from({ length: SIDE_BY_SIDE }, run))
      }
    },

    async rates(runners) {
      const figures: Figure[] = []
      for (const after of targets.keys()) {
        for (const kind of KINDS) {
          const { ours, bare, ratio, lowest, highest } = await rate(after, kind)
          const service = after === 0 ? 'a target that answers at once' : `a target that takes ${after} ms`
          const what = `${SIDE_BY_SIDE} tasks of ${CASES_PER_RUN} cases at a time, ${told(kind)}, ${service}`
          figures.push({
            what: `${what}: ${runners} over Kafka, and embedded`,
            reached:
              `${number(ours.rate * CASES_PER_RUN)} and ${number(bare.rate * CASES_PER_RUN)} cases/s, ` +
              `the ratio ${number(ratio)} (single turns ${number(lowest)} to ${number(highest)})`,
          })
        }
      }
      return figures
    },

    async firstRequests(runners, kinds) {
      const { target, embedded, kafka } = targets.get(0) ?? missing()
      const figures: Figure[] = []
      for (const kind of kinds) {
        const wanted = { cases: FIRST_CASES, scripts: kind === 'scripts' }
        const contenders = [
          { name: 'embedded', scenes: embedded, scene: await embedded.make(wanted), aim: FIRST_AIMS.embedded },
          { name: `${runners} over Kafka`, scenes: kafka, scene: await kafka.make(wanted), aim: FIRST_AIMS.kafka },
        ].map((each) => ({ ...each, times: [] as number[] }))
        for (let nth = -WARM_UP; nth < (bench.quick ? 5 : 200); nth++) {
          // In turns, so that what else the machine does meets both alike.
          for (const { scenes, scene, times } of contenders) {
            await pause(READING[kind])
            const time = await firstRequest(target, FIRST_CASES, () => scenes.start(scene))
            if (nth >= 0) times.push(time)
          }
        }
        for (const { name, times, aim } of contenders) {
          const { p50, p99 } = spread(times)
          const what = `from scenes/run/ to the first request, cases ${told(kind)}, ${name}`
          figures.push(atMost(`${what}, p50`, p50, aim, ' ms'), { what: `${what}, p99`, reached: `${number(p99)} ms` })
        }
      }
      return figures
    },
  }
}

function missing(): never {
  throw new Error('there is no such target')
}
