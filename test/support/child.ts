import { type ChildProcessByStdio, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** A program of the tests in a process of its own, which is talked to by lines. */
export interface Child {
  pid: number
  /** The next line of its output; undefined when it has ended. */
  line(): Promise<string | undefined>
  write(line: string): void
  /** Sends the signal and waits until it has ended. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** Starts `test/support/<program>` under this Node. */
export function startChild(program: string, args: readonly string[], options: SpawnOptions = {}): Child {
  const path = new URL(program, import.meta.url).pathname
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, [path, ...args], {
    ...options,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  child.stdin.on('error', () => {})
  return {
    pid: child.pid ?? 0,
    write: (line) => void child.stdin.write(`${line}\n`),
    async line() {
      const next = await lines.next()
      return next.done === true ? undefined : next.value
    },
    async end(signal) {
      child.kill(signal)
      await exited
    },
  }
}
