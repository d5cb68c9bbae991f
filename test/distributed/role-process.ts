import { createWriteStream } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type LaunchedProcess, launchProcess } from '../support/platform-process.ts'
import { Outages } from './outages.ts'

/** Milliseconds: until a start is ready, and until a process that is told to stop has ended. */
const READY_MS = 120_000
const STOPPED_MS = 20_000

/** What is kept of a process's log to look into, in characters: the newest. */
const MOST_SAID = 200_000

export type RoleOptions = Readonly<{
  /** `runner 2`. */
  name: string
  role: string
  port: number
  dataDir: string
  /** Where its log goes, of all its lives. */
  logFile: string
  environment: Readonly<Record<string, string>>
}>

/** A process in one role, at one address, started again whenever it was ended; one that ends by itself is a problem. */
export class RoleProcess {
  readonly name: string
  readonly role: string
  readonly url: string
  /** What its ends should not have been like. */
  readonly problems: string[] = []
  /** When it was not there for its clients. */
  readonly outages = new Outages()
  readonly #options: RoleOptions
  readonly #log
  #process: LaunchedProcess | undefined
  #said = ''
  #asked = true
  /** The present process has ended by itself. */
  #ended = false
  #frozen = false

  constructor(options: RoleOptions) {
    this.#options = options
    this.name = options.name
    this.role = options.role
    this.url = `http://127.0.0.1:${options.port}`
    this.#log = createWriteStream(options.logFile, { flags: 'a' })
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Starts it, and resolves when it is ready. */
  async start(): Promise<void> {
    this.launch()
    await this.untilReady()
  }

  launch(): void {
    const { port, dataDir, environment, role } = this.#options
    this.#said = ''
    this.#asked = false
    this.#ended = false
    const launched = launchProcess(dataDir, { ...environment, ROLES: role, PORT: String(port) })
    launched.stderr.on('data', (chunk: Buffer) => {
      this.#log.write(chunk)
      if (this.#process === launched) this.#said = (this.#said + chunk.toString()).slice(-MOST_SAID)
    })
    this.#process = launched
    void launched.exited.then((code) => {
      if (this.#process !== launched || this.#asked) return
      this.#ended = true
      this.problems.push(`${this.name} ended by itself with ${code}: ${this.#said.slice(-500)}`)
    })
  }

  /** What the present process has said; what a killed one had not written yet is lost. */
  said(): string {
    return this.#said
  }

  /** Whether it says that it is the one that does this alone. */
  leads(lock: string): boolean {
    const gained = this.#said.lastIndexOf(`"lock":"${lock}","msg":"this process leads"`)
    return gained >= 0 && !this.#said.slice(gained).includes(GIVEN_BACK[lock] ?? '\0')
  }

  async isReady(): Promise<boolean> {
    const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
    await answer?.body?.cancel()
    return answer?.status === 200
  }

  async untilReady(): Promise<void> {
    for (const deadline = performance.now() + READY_MS; !(await this.isReady()); await pause(250)) {
      if (performance.now() > deadline || this.#ended) {
        throw new Error(`${this.name} was not ready: ${this.#said.slice(-2_000)}`)
      }
    }
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** SIGTERM: it must end with 0. */
  async stop(): Promise<void> {
    const code = await Promise.race([this.#end('SIGTERM'), late(STOPPED_MS)])
    if (code !== 0) this.problems.push(`${this.name} was told to stop: ${code ?? 'it did not, or was killed'}`)
    if (code === undefined) await this.#end('SIGKILL')
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    this.#asked = true
    this.#process?.kill(signal)
    if (this.#frozen && signal !== 'SIGKILL') this.thaw()
    this.#frozen = false
    return (await this.#process?.exited) ?? null
  }

  freeze(): void {
    this.#frozen = true
    this.#process?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#frozen = false
    this.#process?.kill('SIGCONT')
  }

  /** What can be done at the very end of this process. */
  killNow(): void {
    this.#asked = true
    this.#process?.kill('SIGKILL')
  }

  /** Ends it, whatever state it is in. */
  async destroy(): Promise<void> {
    await this.kill()
    await new Promise<void>((resolve) => this.#log.end(resolve))
  }
}

/** What a process says when it leads no more. */
const GIVEN_BACK: Readonly<Record<string, string>> = {
  relay: 'the lead was given back',
  projector: 'projections are given back',
}

async function late(milliseconds: number): Promise<undefined> {
  await pause(milliseconds, undefined, { ref: false })
}
