import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

export type Totals = Readonly<{ passed: number; failed: number; skipped: number }>

/**
 * Runs jest; what it sums up at its end is read off what it prints, which goes on to the terminal. Test files wait for other processes
 * much of their time: one more than there are processors goes side by side unless `workers` says how many.
 */
export async function jest(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  workers = availableParallelism() + 1,
): Promise<Totals> {
  const child = spawn(process.execPath, ['node_modules/jest/bin/jest.js', `--maxWorkers=${workers}`, ...args], {
    stdio: ['inherit', 'inherit', 'pipe'],
    env: { ...process.env, ...environment, NODE_OPTIONS: '--experimental-vm-modules --no-warnings' },
  })
  let tail = ''
  child.stderr.on('data', (chunk: Buffer) => {
    process.stderr.write(chunk)
    tail = (tail + chunk.toString()).slice(-4_000)
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  const count = (what: string): number => {
    const line = /^Tests: .*$/m.exec(tail.replaceAll(ESCAPES, ''))?.[0] ?? ''
    return Number(new RegExp(String.raw`(\d+) ${what}`).exec(line)?.[1] ?? 0)
  }
  const totals = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') }
  // A suite that could not be loaded, or a teardown that threw, is no test that failed, and yet a failure.
  return code === 0 || totals.failed > 0 ? totals : { ...totals, failed: 1 }
}

// What colours the terminal.
// eslint-disable-next-line no-control-regex
const ESCAPES = /\u001b\[\d+m/g

/** Ends the process with its last line, `N passed, N failed`. Nothing that passed is a failure too. */
export function endWith({ passed, failed, skipped }: Totals): never {
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  process.exit(failed === 0 && passed > 0 ? 0 : 1)
}
