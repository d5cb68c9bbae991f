import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { endWith, jest } from './jest.ts'

/**
 * `npm test`: the checks, then every test that this machine can run; what needs a server that is not there says that it is skipped.
 * Words after `--` go to jest: `npm test -- projections`. The last line is `N passed, N failed`.
 */
export async function main(args: readonly string[]): Promise<void> {
  const only = args.length > 0
  const checks = only || (await checked())
  const totals = await jest(args)
  if (!checks) console.log('npm run check failed')
  endWith({
    ...totals,
    passed: totals.passed + (checks && !only ? 1 : 0),
    failed: totals.failed + (checks ? 0 : 1),
  })
}

/** Whether the checks find nothing. `npm run check` has them one after the other; side by side they take less. */
async function checked(): Promise<boolean> {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as { scripts: object }
  const names = Object.keys(scripts).filter((name) => name.startsWith('check:'))
  return (await Promise.all(names.map(passes))).every(Boolean)
}

/** Whether one check does. What it says is printed when it has ended, for others say something too. */
async function passes(name: string): Promise<boolean> {
  const child = spawn('npm', ['run', '--silent', name], { stdio: ['ignore', 'pipe', 'pipe'] })
  const code = new Promise<number | null>((resolve) => void child.once('close', resolve))
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
  process.stdout.write(said)
  process.stderr.write(complained)
  return (await code) === 0
}
