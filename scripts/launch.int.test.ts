import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from '@jest/globals'
import { temporaryFolder } from '../test/support/command.ts'

const folder = temporaryFolder()

/** What a program writes that is launched with these variables, and `PATH`. */
function launched(program: string, variables: Readonly<Record<string, string>> = {}): string {
  const file = join(folder.path, 'program.ts')
  writeFileSync(file, program)
  const env = { PATH: process.env.PATH ?? '', ...variables }
  return spawnSync(process.execPath, [resolve('scripts/launch.mjs'), file, 'one', 'two'], { env, encoding: 'utf8' })
    .stdout
}

test('a program gets its arguments', () => {
  expect(launched('export async function main(args: readonly string[]) { console.log(args.join()) }')).toBe('one,two\n')
})

test.each([
  ['where so much waits, there is still room in the pool for other work', {}, 'room'],
  ['a pool that was asked for stays as it is', { UV_THREADPOOL_SIZE: '4' }, 'none'],
])('%s', (_what, variables, found) => {
  const program = `
    import { execFileSync } from 'node:child_process'
    import { open, stat } from 'node:fs'
    import { setTimeout as pause } from 'node:timers/promises'
    export async function main() {
      const pipes = Array.from({ length: 15 }, (_, n) => \`${folder.path}/\${process.pid}-\${n}\`)
      execFileSync('mkfifo', pipes)
      // Opening one to read waits in the pool for one who writes.
      for (const pipe of pipes) open(pipe, 'r', () => {})
      const other = new Promise((resolve) => stat('.', () => resolve('room')))
      console.log(await Promise.race([other, pause(1_000, 'none')]))
      process.kill(process.pid, 'SIGKILL')
    }`
  expect(launched(program, variables)).toBe(`${found}\n`)
})
