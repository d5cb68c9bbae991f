import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

/**
 * `npm test`: the checks, then every test that this machine can run; what needs a server that is not there says that it is skipped.
 * Words after `--` go to jest: `npm test -- projections`. The last line is `N passed, N failed`.
 */
export async function main(args: readonly string[]): Promise<void> {
  const only = args.length > 0
  const checks = only || (await run('npm', ['run', '--silent', 'check'])) === 0
  const totals = await jest(args)
  const failed = totals.failed + (checks ? 0 : 1)
  if (!checks) console.log('npm run check failed')
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''
  console.log(`${totals.passed + (checks && !only ? 1 : 0)} passed, ${failed} failed${skipped}`)
  process.exit(failed === 0 && totals.passed > 0 ? 0 : 1)
}

type Totals = { passed: number; failed: number; skipped: number }

/** Runs jest; what it sums up at its end is read off what it prints, which goes on to the terminal. */
async function jest(args: readonly string[]): Promise<Totals> {
  const workers = `--maxWorkers=${Math.max(2, availableParallelism())}`
  const child = spawn(process.execPath, ['node_modules/jest/bin/jest.js', workers, ...args], {
    stdio: ['inherit', 'inherit', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '--experimental-vm-modules --no-warnings' },
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

async function run(command: string, args: readonly string[]): Promise<number | null> {
  const child = spawn(command, args, { stdio: 'inherit' })
  return new Promise((resolve) => child.on('close', resolve))
}
