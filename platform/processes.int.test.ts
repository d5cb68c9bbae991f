import { afterEach, describe, expect, test } from '@jest/globals'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { commandLine, isRunning, processStart, runningPids, waitUntilGone, workingDirectory } from './processes.ts'

const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** Runs a shell script, and answers its first line of output. */
async function shell(script: string): Promise<{ child: ChildProcess; pid: number; line: string }> {
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'], cwd: tmpdir() })
  children.push(child)
  const [data] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, pid: child.pid ?? 0, line: data.toString().trim() }
}

describe('other processes', () => {
  test('have a start that stays the same and differs from that of a process started later', async () => {
    const { child, pid } = await shell('echo up; exec sleep 60')
    const start = processStart(pid)
    expect(start).toMatch(/^[0-9A-Za-z-]+$/)
    expect(processStart(pid)).toBe(start)
    expect(processStart(process.pid)).not.toBe(start)

    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    expect(processStart(pid)).toBeUndefined()
    expect(await waitUntilGone(pid, 0)).toBe(true)
  })

  test('are gone when they are dead, though their parent never collected them', async () => {
    // `sleep` has no idea that it has a child, which ends when told to.
    const { child, pid, line } = await shell('exec 3<&0; (read -r word <&3) & echo $!; exec sleep 60')
    while (commandLine(pid)[0] !== 'sleep') await setImmediate()
    child.stdin?.end('end\n')
    expect(await waitUntilGone(Number(line), 5_000)).toBe(true)
    expect(() => process.kill(Number(line), 0)).not.toThrow()
  })

  test('tell what they were started with and where they work', async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore', cwd: tmpdir() })
    children.push(child)
    const pid = child.pid ?? 0
    expect(isRunning(pid)).toBe(true)
    expect(await waitUntilGone(pid, 20)).toBe(false)
    expect(commandLine(pid)).toEqual(['sleep', '60'])
    if (process.platform === 'linux') {
      expect(workingDirectory(pid)).toBe(await realpath(tmpdir()))
      expect(runningPids()).toEqual(expect.arrayContaining([pid, process.pid]))
    }
    expect(commandLine(2 ** 30)).toEqual([])
  })
})
