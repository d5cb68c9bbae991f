import { setTimeout as pause } from 'node:timers/promises'
import { startDatabases } from './database.ts'
import { atLeast, atMost, type Bench, type Figure, number } from './measurement.ts'
import { memoryOf, toldMemory } from './memory.ts'
import { type PlatformProcess, startPlatformProcess } from './platform.ts'
import { median, spread } from './rounds.ts'
import { type Scenes, scenesOn } from './scene/ours.ts'
import { findRivals, type Rival } from './scene/rivals.ts'
import { firstRequest, startWatchedTarget, type WatchedTarget } from './scene/watched-target.ts'
import type { Wanted } from './scene/workload.ts'

/** Of the rate of ApiTestEngine with scripts. */
const AIMS = { scripts: 1, plain: 2 }
/** Milliseconds from the call that asks for a run to its first request, p50. */
const FIRST_AIM = 20
/** Memory after 10,000 cases, of what it was after the first thousand. */
const FLAT = 1.2

/** A rate is steady when this share of the cases has been sent: processes have started by then, and what they run is compiled. */
const WARMED_UP = 0.1

/** Milliseconds between two runs of which the time to the first request is taken: the sandbox of the next is warm by then. */
const READING = { scripts: 700, plain: 100 }

/** How one run of a scene went: cases a second, steady as the target sees them and over all that it took, start included. */
type Ran = Readonly<{ steady: number; whole: number }>

/**
 * Scenes of cases against one cheap target: by this engine over REST, every result stored when the call is answered, and in turns with
 * it by the engines that are there. Then how soon a run begins, and what memory it all takes.
 */
export async function scene(bench: Bench): Promise<readonly Figure[]> {
  const target = await startWatchedTarget(bench)
  const databases = await startDatabases(bench)
  const platform = await startPlatformProcess(bench, await databases.fresh('platform'))
  const scenes = await scenesOn(bench, platform, target.url)
  const { rivals, absent } = await findRivals(bench)
  return [
    ...(await memory(bench, platform, scenes)),
    ...(await rates(bench, target, scenes, rivals)),
    ...absent.map(({ name, why }) => ({ what: `${name}, to compare with`, reached: `not here: ${why}` })),
    ...(await firstRequests(bench, target, scenes)),
  ]
}

/** Ten thousand cases with scripts, a thousand in a scene: what the platform and its sandboxes take before, meanwhile and after. */
async function memory(bench: Bench, platform: PlatformProcess, scenes: Scenes): Promise<readonly Figure[]> {
  const { cases, times } = bench.quick ? { cases: 200, times: 5 } : { cases: 1_000, times: 10 }
  const scene = await scenes.make({ cases, scripts: true })
  const atRest = async (): Promise<ReturnType<typeof memoryOf>> => {
    await pause(bench.quick ? 2_000 : 10_000)
    return memoryOf(platform.pid)
  }
  const before = await atRest()
  await scenes.run(scene)
  const afterFirst = await atRest()
  let during: ReturnType<typeof memoryOf>
  for (let nth = 1; nth < times; nth++) {
    const running = scenes.run(scene)
    if (nth === times - 1)
      during = await Promise.race([pause(150).then(() => memoryOf(platform.pid)), running.then(() => undefined)])
    await running
  }
  const after = await atRest()
  const all = (cases * times).toLocaleString('en')
  const grown = (after?.proportional ?? NaN) / (afterFirst?.proportional ?? NaN)
  return [
    ...(after ? [atMost(`memory after ${all} cases, of that after ${cases}`, grown, FLAT)] : []),
    ...toldMemory('memory before the first scene', before),
    ...toldMemory(`memory after ${cases} cases`, afterFirst),
    ...toldMemory('memory in the middle of a scene', during),
    ...toldMemory(`memory after ${all} cases`, after),
  ]
}

async function rates(
  bench: Bench,
  target: WatchedTarget,
  scenes: Scenes,
  rivals: readonly Rival[],
): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const cases of bench.quick ? [200] : [200, 1_000]) {
    const compared = new Map<string, Ran>()
    for (const scripts of [false, true]) {
      const wanted = { cases, scripts }
      for (const [name, ran] of await inTurns(bench, target, await contenders(scenes, target, rivals, wanted), cases)) {
        compared.set(`${name}, ${scripts ? 'with' : 'without'} scripts`, ran)
      }
    }
    figures.push(...tellRates(cases, compared, rivals))
  }
  return figures
}

const OURS = 'the platform'

/** What runs this scene here, by name. */
async function contenders(
  scenes: Scenes,
  target: WatchedTarget,
  rivals: readonly Rival[],
  wanted: Wanted,
): Promise<ReadonlyMap<string, () => Promise<void>>> {
  const scene = await scenes.make(wanted)
  const others = rivals.filter((rival) => rival.scripts || !wanted.scripts)
  return new Map([
    [OURS, () => scenes.run(scene)],
    ...others.map((rival) => [rival.name, () => rival.run(wanted, target.url)] as const),
  ])
}

/** Each of them once a turn, so that what else the machine does meets all alike; of each the medians, after one run of ours that does not count. */
async function inTurns(
  bench: Bench,
  target: WatchedTarget,
  all: ReadonlyMap<string, () => Promise<void>>,
  cases: number,
): Promise<ReadonlyMap<string, Ran>> {
  await all.get(OURS)?.()
  const runs = new Map([...all.keys()].map((name): [string, Ran[]] => [name, []]))
  for (let turn = 0; turn < (bench.quick ? 1 : 5); turn++) {
    for (const [name, run] of all) runs.get(name)?.push(await timed(target, run, cases))
  }
  return new Map(
    [...runs].map(([name, each]) => [
      name,
      { steady: median(each.map(({ steady }) => steady)), whole: median(each.map(({ whole }) => whole)) },
    ]),
  )
}

async function timed(target: WatchedTarget, run: () => Promise<void>, cases: number): Promise<Ran> {
  await target.seen()
  const begun = performance.now()
  await run()
  const seconds = (performance.now() - begun) / 1000
  const seen = await target.seen()
  if (seen.length !== cases) throw new Error(`the target has seen ${seen.length} requests instead of ${cases}`)
  const steady = seen.slice(Math.floor(cases * WARMED_UP))
  const took = ((steady.at(-1) ?? NaN) - (steady[0] ?? NaN)) / 1000
  return { steady: (steady.length - 1) / took, whole: cases / seconds }
}

function tellRates(cases: number, compared: ReadonlyMap<string, Ran>, rivals: readonly Rival[]): readonly Figure[] {
  const what = `scene of ${cases} cases`
  const rate = (name: string): number => compared.get(name)?.steady ?? NaN
  const ratios = rivals
    .filter(({ scripts }) => scripts)
    .flatMap(({ name }) => {
      const other = rate(`${name}, with scripts`)
      const isAim = name.startsWith('ApiTestEngine')
      return (['scripts', 'plain'] as const).map((kind): Figure => {
        const kindOf = kind === 'scripts' ? 'with scripts' : 'without scripts'
        const told = `${what}: rate ${kindOf}, of that of ${name} with scripts`
        const ratio = rate(`${OURS}, ${kindOf}`) / other
        return isAim ? atLeast(told, ratio, AIMS[kind]) : { what: told, reached: number(ratio) }
      })
    })
  const each = [...compared].map(([name, { steady, whole }]) => ({
    what: `${what}: ${name}`,
    reached: `${number(steady)} cases/s steady, ${number(whole)} with start and end`,
  }))
  return [...ratios, ...each]
}

/** Cases of the scene of which the first request is awaited. */
const FIRST_CASES = 3

/** From the call that asks for a run until its first request is at the target. */
async function firstRequests(bench: Bench, target: WatchedTarget, scenes: Scenes): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const kind of ['plain', 'scripts'] as const) {
    const scene = await scenes.make({ cases: FIRST_CASES, scripts: kind === 'scripts' })
    const times: number[] = []
    for (let nth = 0; nth < (bench.quick ? 10 : 100); nth++) {
      await pause(READING[kind])
      times.push(await firstRequest(target, FIRST_CASES, () => scenes.start(scene)))
    }
    const { p50, p99 } = spread(times)
    const what = `from scenes/run/ to the first request, cases ${kind === 'scripts' ? 'with' : 'without'} scripts`
    figures.push(atMost(`${what}, p50`, p50, FIRST_AIM, ' ms'), { what: `${what}, p99`, reached: `${number(p99)} ms` })
  }
  return figures
}
