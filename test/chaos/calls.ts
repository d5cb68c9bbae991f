import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Caller, Reply } from '../support/platform.ts'

/** The platform as clients know it. */
export interface Called {
  /** How to call it, when there is a way. */
  now(): Promise<Caller>
  /** Whether a call may go without an answer. */
  readonly isStruck: boolean
}

/** Something that was created and acknowledged. */
export type Made = {
  readonly path: string
  readonly id: number
  /** What the details must show of it. */
  shows: Readonly<Record<string, unknown>>
  /** What it was asked for with, and answered with: the same again must be answered the same. */
  readonly call: Call
  readonly answer: Reply
}

export type Call = Readonly<{ method: string; path: string; body: unknown; headers: Readonly<Record<string, string>> }>

/** A call with its answer, and when that came, in milliseconds of this process's clock. */
export type Sent = Readonly<{ call: Call; answer: Reply; at: number }>

export const PATHS = {
  project: '/api/testPro/projects/',
  environment: '/api/testPro/envs/',
  file: '/api/testPro/files/',
  module: '/api/testPro/modules/',
  interface: '/api/TestInterFace/interfaces/',
  case: '/api/TestInterFace/cases/',
  scene: '/api/testFlow/scenes/',
  step: '/api/testFlow/icases/',
  task: '/api/testTask/tasks/',
  bug: '/api/bug/bugs/',
  token: '/api/users/tokens/',
} as const

/**
 * Calls of one user, each of which ends acknowledged: it is asked again under the same key whenever no answer came. So what is noted down
 * here is all that there may be.
 */
export class Calls {
  readonly made: Made[] = []
  /** Answers that there should not have been. */
  readonly surprises: string[] = []
  readonly #name: string
  readonly #subject: Called
  #named = 0

  constructor(name: string, subject: Called) {
    this.#name = name
    this.#subject = subject
  }

  /** `token` speaks in place of the admin. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    { headers = {}, token }: Readonly<{ headers?: Readonly<Record<string, string>>; token?: string | undefined }> = {},
  ): Promise<Sent> {
    const call = { method, path, body, headers: { ...headers, 'idempotency-key': randomUUID() } }
    for (;;) {
      const ask = await this.#subject.now()
      const answer = await ask(method, path, body, { headers: call.headers, token }).catch(() => undefined)
      if (answer && answer.status < 500) return { call, answer, at: performance.now() }
      // Nobody may have to do without an answer while nothing happens to the platform. Its end is noticed a moment later.
      await pause(50)
      if (!this.#subject.isStruck) {
        if (answer) this.surprised(path, answer)
        else this.surprises.push(`${path} was not answered`)
      }
    }
  }

  async make(
    kind: keyof typeof PATHS,
    fields: Readonly<Record<string, unknown>>,
    shows: Readonly<Record<string, unknown>> = fields,
  ): Promise<Made> {
    const path = PATHS[kind]
    const sent = await this.send('POST', path, fields)
    return this.noted(path, sent, shows)
  }

  /** What a creation answered, among what was made. Throws for a refusal: nothing goes on without it. */
  noted(path: string, { call, answer }: Sent, shows: Readonly<Record<string, unknown>>): Made {
    if (answer.status !== 201) {
      this.surprised(path, answer)
      throw new Error(`${path} answered ${answer.status}: ${answer.text}`)
    }
    const made = { path, id: (answer.body as { id: number }).id, shows, call, answer }
    this.made.push(made)
    return made
  }

  /** Changes something that was made; from then on it must show that. */
  async change(
    made: Made,
    changes: Readonly<Record<string, unknown>>,
    shows: Readonly<Record<string, unknown>> = changes,
  ): Promise<void> {
    const path = `${made.path}${made.id}/`
    const { answer } = await this.send('PATCH', path, changes)
    if (answer.status !== 200) return this.surprised(path, answer)
    made.shows = { ...made.shows, ...shows }
  }

  surprised(path: string, { status, text }: Reply): void {
    this.surprises.push(`${path} answered ${status}: ${text.slice(0, 300)}`)
  }

  newName(of: string): string {
    return `${this.#name} ${of} ${++this.#named}`
  }
}
