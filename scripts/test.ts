import { spawn } from 'node:child_process'
import { endWith, jest } from './jest.ts'

/**
 * `npm test`: the checks, then every test that this machine can run; what needs a server that is not there says that it is skipped.
 * Words after `--` go to jest: `npm test -- projections`. The last line is `N passed, N failed`.
 */
export async function main(args: readonly string[]): Promise<void> {
  const only = args.length > 0
  const checks = only || (await run('npm', ['run', '--silent', 'check'])) === 0
  const totals = await jest(args)
  if (!checks) console.log('npm run check failed')
  endWith({
    ...totals,
    passed: totals.passed + (checks && !only ? 1 : 0),
    failed: totals.failed + (checks ? 0 : 1),
  })
}

async function run(command: string, args: readonly string[]): Promise<number | null> {
  const child = spawn(command, args, { stdio: 'inherit' })
  return new Promise((resolve) => child.on('close', resolve))
}
