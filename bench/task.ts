import { startDatabases } from './database.ts'
import type { Bench, Figure } from './measurement.ts'
import { number } from './measurement.ts'
import { startPlatformProcess } from './platform.ts'
import { startProgram, urlOfServer } from './program.ts'
import { median } from './rounds.ts'
import { type Scenes, scenesOn } from './scene/ours.ts'

/** Tasks by how many scenes they have, and how many cases each scene. */
const TASKS = [
  { scenes: 10, cases: 1 },
  { scenes: 100, cases: 10 },
] as const

const SIDE_BY_SIDE = 8

/** Milliseconds after which a service answers that has something to do. */
const WORKING_MS = 20

/** Tasks of 10 and 1,000 cases, their scenes one after the other and side by side, against a target that answers at once and a slower one. */
export async function task(bench: Bench): Promise<readonly Figure[]> {
  const databases = await startDatabases(bench)
  const platform = await startPlatformProcess(bench, await databases.fresh('platform'))
  const figures: Figure[] = []
  for (const after of [0, WORKING_MS]) {
    const program = await startProgram(bench, 'bench/scene/target.ts', { ANSWER_AFTER_MS: String(after) })
    const scenes = await scenesOn(bench, platform, await urlOfServer(program))
    for (const scripts of [false, true]) {
      for (const wanted of bench.quick ? TASKS.slice(0, 1) : TASKS) {
        figures.push(...(await compared(bench, scenes, { ...wanted, scripts, after })))
      }
    }
  }
  return figures
}

type Wanted = Readonly<{ scenes: number; cases: number; scripts: boolean; after: number }>

/** One after the other and side by side in turns, so that what else the machine does meets both alike. */
async function compared(bench: Bench, made: Scenes, wanted: Wanted): Promise<readonly Figure[]> {
  const { scenes, cases, scripts, after } = wanted
  const ids: number[] = []
  for (let nth = 0; nth < scenes; nth++) ids.push(await made.make({ cases, scripts }))
  const id = await made.makeTask(ids)
  const rates = new Map([1, SIDE_BY_SIDE].map((concurrency): [number, number[]] => [concurrency, []]))
  for (let turn = 0; turn < (bench.quick ? 2 : 6); turn++) {
    for (const [concurrency, all] of rates) {
      const begun = performance.now()
      await made.runTask(id, concurrency)
      // The first turn does not count: sandboxes start, and what they run is compiled.
      if (turn > 0) all.push((scenes * cases) / ((performance.now() - begun) / 1000))
    }
  }
  const [one = NaN, many = NaN] = [...rates.values()].map(median)
  const service = after === 0 ? 'a target that answers at once' : `a target that takes ${after} ms`
  const what = `task of ${(scenes * cases).toLocaleString('en')} cases ${scripts ? 'with' : 'without'} scripts, ${service}`
  return [
    { what: `${what}: rate side by side (${SIDE_BY_SIDE}), of that one after the other`, reached: number(many / one) },
    { what: `${what}: each`, reached: `${number(many)} and ${number(one)} cases/s, start and end counted` },
  ]
}
