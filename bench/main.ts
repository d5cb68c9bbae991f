import { caseRun } from './case-run.ts'
import { createAndRead } from './create-and-read.ts'
import { distributed } from './distributed.ts'
import { eventStore } from './event-store.ts'
import { describeMachine } from './machine.ts'
import type { Bench, Figure, Measurement } from './measurement.ts'
import { rebuildAll } from './rebuild.ts'
import { records } from './records.ts'
import { scene } from './scene.ts'
import { start } from './start.ts'
import { task } from './task.ts'

const MEASUREMENTS: Readonly<Record<string, Measurement>> = {
  'create-and-read': createAndRead,
  start,
  'event-store': eventStore,
  rebuild: rebuildAll,
  'case-run': caseRun,
  scene,
  task,
  records,
}

/**
 * `npm run bench [-- NAME …] [-- --quick]`: measures, and prints one table of all figures, those with an aim first. What needs Kafka is
 * measured when it is named.
 */
export async function main(args: readonly string[]): Promise<void> {
  const quick = args.includes('--quick')
  const wanted = args.filter((arg) => arg !== '--quick')
  const all = { ...MEASUREMENTS, ...distributed }
  const unknown = wanted.filter((name) => !Object.hasOwn(all, name))
  if (unknown.length > 0) {
    console.error(`There is no measurement ${unknown.join(', ')}. There are: ${Object.keys(all).join(', ')}`)
    process.exit(1)
  }
  const machine = await describeMachine()
  const figures: Figure[] = []
  for (const [name, measure] of Object.entries(wanted.length > 0 ? all : MEASUREMENTS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    console.error(`measuring ${name} …`)
    figures.push(...(await ended(measure, quick)))
  }
  console.log(`Measured on: ${machine}.${quick ? '\n\nShort rounds: these figures are not to be quoted.' : ''}\n`)
  console.log(table([...figures.filter(({ aim }) => aim), ...figures.filter(({ aim }) => !aim)]))
}

/** Measures and then ends all that was begun for it, after a failure or an interrupt as well. */
async function ended(measure: Measurement, quick: boolean): Promise<readonly Figure[]> {
  const ends: (() => Promise<unknown>)[] = []
  let interrupted = false
  const interrupt = Promise.withResolvers<readonly Figure[]>()
  const heard = (): void => {
    interrupted = true
    interrupt.resolve([])
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, heard)
  // What is begun after the interrupt is ended at once.
  const bench: Bench = { quick, defer: (end) => void (interrupted ? endNow(end) : ends.push(end)) }
  try {
    return await Promise.race([measure(bench), interrupt.promise])
  } finally {
    while (ends.length > 0) await endNow(ends.pop() ?? (() => Promise.resolve()))
    if (interrupted) process.exit(130)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, heard)
  }
}

function endNow(end: () => Promise<unknown>): Promise<unknown> {
  return end().catch(console.error)
}

function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, reached, aim }) => [
    what,
    reached,
    aim?.wanted ?? '',
    aim ? (aim.met ? 'reached' : '**missed**') : '',
  ])
  const lines = [['figure', 'reached', 'aim', ''], ['---', '---', '---', '---'], ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
