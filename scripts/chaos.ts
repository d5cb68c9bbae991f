import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { type Chaos, embeddedChaos } from '../test/chaos/embedded.ts'
import { Tally } from '../test/chaos/tally.ts'
import { startChaosTarget } from '../test/chaos/target.ts'
import { distributedChaos } from '../test/distributed/chaos.ts'
import { jest } from './jest.ts'
import { kafkaJars, NoKafka } from './kafka/jars.ts'

/**
 * What is struck: one process with its own database, many over Kafka, or single parts at moments that are chosen (`*.chaos.test.ts`), which
 * takes freezes and restarts too long for `npm test`.
 */
const PARTS = {
  embedded: embeddedChaos,
  distributed: distributedChaos,
  faults,
} as const satisfies Readonly<Record<string, (chaos: Chaos) => Promise<void>>>
type Part = keyof typeof PARTS

/**
 * `npm run test:chaos [-- part ...]`: the real processes are killed at random moments while clients create things and run scenes and
 * tasks, `CHAOS_ROUNDS` times (3) for each part. Then everything that was acknowledged must be there, and every run must have ended as if
 * nothing had happened. `CHAOS_SEED` draws the same strikes and scenes again. The last line is `N passed, N failed`; after a failure the
 * folder with data and logs is kept.
 */
export async function main(args: readonly string[]): Promise<void> {
  const rounds = numberOf('CHAOS_ROUNDS', 3)
  const seed = numberOf('CHAOS_SEED', randomInt(2 ** 31))
  const parts = partsOf(args)
  // What was started is killed at the exit.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(1))
  const tally = new Tally()
  for (const part of parts) await perform(part, { rounds, seed, tally })
  console.log(`${tally.passed} passed, ${tally.failed} failed`)
  process.exit(tally.failed === 0 ? 0 : 1)
}

async function perform(part: Part, { rounds, seed, tally }: Pick<Chaos, 'rounds' | 'seed' | 'tally'>): Promise<void> {
  const missing = part === 'distributed' ? await withoutKafka() : undefined
  if (missing !== undefined) return console.log(`chaos, ${part}: skipped, ${missing}`)
  const folder = await mkdtemp(join(tmpdir(), 'testledger-chaos-'))
  console.log(`chaos, ${part}: ${rounds} rounds, CHAOS_SEED=${seed}, data and logs in ${folder}`)
  const before = tally.failed
  const target = await startChaosTarget({ everyLogin: part === 'distributed' })
  try {
    await PARTS[part]({ rounds, seed, folder, target, tally })
  } catch (error) {
    tally.check('nothing else goes wrong', [inspect(error)])
  }
  await target.stop()
  if (tally.failed === before) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  else console.log(`CHAOS_SEED=${seed}; the logs are in ${folder}`)
}

async function faults({ tally }: Pick<Chaos, 'tally'>): Promise<void> {
  // Each of these files has a deployment, brokers or servers of its own.
  const files = String.raw`--testPathPatterns=\.chaos\.test\.ts$`
  const { passed, failed } = await jest([files], { CHAOS_TESTS: '1' }, 2)
  tally.count({ passed, failed })
}

/** Why no broker can be run here. */
async function withoutKafka(): Promise<string | undefined> {
  try {
    await kafkaJars()
    return undefined
  } catch (error) {
    if (error instanceof NoKafka) return error.message
    throw error
  }
}

function partsOf(args: readonly string[]): readonly Part[] {
  const all = Object.keys(PARTS) as Part[]
  const unknown = args.filter((name) => !all.some((part) => part === name))
  if (unknown.length === 0) return args.length === 0 ? all : all.filter((part) => args.includes(part))
  console.error(`There is no part ${unknown.join(', ')}. There are: ${all.join(', ')}`)
  process.exit(2)
}

function numberOf(name: string, preset: number): number {
  const text = process.env[name] || String(preset)
  if (/^\d{1,10}$/.test(text) && Number(text) > 0) return Number(text)
  console.error(`${name}: expected a whole number above 0`)
  process.exit(2)
}
