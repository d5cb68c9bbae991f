/** One walled process with a Python interpreter: started, asked one thing at a time, killed. */
import { spawn, type ChildProcess } from 'node:child_process'
import type { FileHandle } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { EXIT_OUT_OF_MEMORY, QUESTION_BYTES, REPLY_BYTES } from './child/contract.mjs'
import { encodeCommand, FrameReader, HostileFrame } from './frames.ts'
import type { Limit } from './outcome.ts'
import type { Wrapper } from './walls.ts'

/** Longest time from start to the first reply. */
const START_MS = 30_000
/** What is kept of what a dying process says. */
const LAST_WORDS = 4096

/** Why a child is gone; `limit` is what a script's outcome says. */
export class ChildEnded extends Error {
  readonly limit: Limit

  constructor(limit: Limit, message: string) {
    super(message)
    this.limit = limit
  }
}

/**
 * Answers what a script asks of the host while it runs; both are JSON texts. `leftMs` is what is left of the script's time,
 * `signal` is aborted when the answer is not wanted any more. A rejection says that no script of ours asks so: it ends the child.
 */
export type Answer = (question: string, asked: Readonly<{ leftMs: number; signal: AbortSignal }>) => Promise<string>

interface Asked {
  resolve: (json: string) => void
  reject: (reason: ChildEnded) => void
  answer: Answer | undefined
  /** By `performance.now()`. */
  until: number
  /** Of the question that is being answered. */
  unwanted?: AbortController
}

export class WalledChild {
  readonly #process: ChildProcess
  readonly #reader = new FrameReader({ reply: REPLY_BYTES, question: QUESTION_BYTES })
  readonly #exited: Promise<void>
  #asked: Asked | undefined
  #ended: ChildEnded | undefined
  #lastWords = ''

  private constructor(process: ChildProcess) {
    this.#process = process
    this.#exited = new Promise((resolve) => process.once('close', () => resolve()))
    process.once('error', (problem) => this.#end(new ChildEnded('crash', problem.message)))
    process.once('exit', (code, signal) => this.#end(this.#reasonOf(code, signal)))
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(0, LAST_WORDS)
    })
    const channel = this.#channel
    channel.on('data', (chunk: Buffer) => this.#receive(chunk))
    // A write to a process that has just ended; its exit tells the story.
    channel.on('error', () => {})
  }

  /** Resolves when the interpreter is ready; the signal ends one that is not. The snapshot's descriptor is the child's own from then on. */
  static async start(
    wrapper: Wrapper,
    memoryLimitMb: number,
    snapshot: FileHandle,
    signal: AbortSignal,
  ): Promise<WalledChild> {
    signal.throwIfAborted()
    const [command, args] = wrapper.command('serve', String(memoryLimitMb))
    const started = spawn(command, args, {
      env: wrapper.env,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', snapshot.fd],
    })
    const child = new WalledChild(started)
    const abort = (): void => child.kill()
    signal.addEventListener('abort', abort, { once: true })
    try {
      await child.#next(START_MS)
      return child
    } catch (problem) {
      child.kill()
      throw new Error(`the sandbox did not start: ${(problem as Error).message} ${child.#lastWords}`.trim(), {
        cause: problem,
      })
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  get #channel(): Duplex {
    return this.#process.stdio[3] as Duplex
  }

  get alive(): boolean {
    return this.#ended === undefined
  }

  /** Sends one command and gives its reply's JSON text; without `answer` questions are refused. Rejects with ChildEnded; the child is dead then. */
  ask(json: string, bytes: Uint8Array | undefined, limitMs: number, answer?: Answer): Promise<string> {
    const reply = this.#next(limitMs, answer)
    if (this.alive) this.#channel.write(encodeCommand(json, bytes))
    return reply
  }

  /** Ends the process at once; who waits for a reply learns why. */
  kill(reason = new ChildEnded('crash', '脚本沙箱已关闭')): void {
    this.#end(reason)
    this.#process.kill('SIGKILL')
  }

  /** Resolves when the process and its pipes are gone. */
  exited(): Promise<void> {
    return this.#exited
  }

  #next(limitMs: number, answer?: Answer): Promise<string> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    if (this.#asked !== undefined) return Promise.reject(new Error('a sandbox runs one script at a time'))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.kill(new ChildEnded('time', `脚本执行超过 ${limitMs / 1000} 秒的时间限制`)),
        limitMs,
      )
      const settled =
        <T>(done: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer)
          this.#asked?.unwanted?.abort()
          this.#asked = undefined
          done(value)
        }
      const until = performance.now() + limitMs
      this.#asked = { resolve: settled(resolve), reject: settled(reject), answer, until }
    })
  }

  #receive(chunk: Buffer): void {
    if (!this.alive) return
    try {
      if (this.#asked === undefined) throw new HostileFrame('a reply without a command')
      // A child that has asked does nothing but wait for the answer: so there is never more than one to be held for it.
      if (this.#asked.unwanted !== undefined) throw new HostileFrame('a frame before the answer')
      const frame = this.#reader.push(chunk)
      if (frame?.kind === 'reply') this.#asked.resolve(frame.json)
      if (frame?.kind === 'question') void this.#answer(this.#asked, frame.json)
    } catch {
      this.#killHostile()
    }
  }

  async #answer(asked: Asked, question: string): Promise<void> {
    try {
      if (asked.answer === undefined) throw new HostileFrame('a question that nobody answers')
      asked.unwanted = new AbortController()
      const { signal } = asked.unwanted
      const answer = await asked.answer(question, { leftMs: asked.until - performance.now(), signal })
      if (this.#asked !== asked) return
      await new Promise<void>((written) => void this.#channel.write(encodeCommand(answer), () => written()))
      delete asked.unwanted
    } catch {
      if (this.#asked === asked) this.#killHostile()
    }
  }

  #killHostile(): void {
    this.kill(new ChildEnded('crash', '脚本破坏了沙箱的通信，沙箱已更换'))
  }

  #end(reason: ChildEnded): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    this.#asked?.reject(reason)
    this.#channel.destroy()
  }

  /** V8 aborts when its own heap is full, which scripts reach by files and names without end. */
  #reasonOf(code: number | null, signal: NodeJS.Signals | null): ChildEnded {
    if (code === EXIT_OUT_OF_MEMORY || signal === 'SIGABRT' || code === 134)
      return new ChildEnded('memory', '脚本超过内存限制，沙箱已更换')
    return new ChildEnded('crash', '脚本使沙箱进程异常结束，沙箱已更换')
  }
}
