import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Reply } from '../support/platform.ts'
import type { Chance } from './chance.ts'
import { caseOf, drawScene, type StepKind } from './plan.ts'
import type { Subject } from './subject.ts'

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

/** A run that was acknowledged. */
export type Ran = Readonly<{
  record: number
  /** By which the service under test knows it. */
  mark: string
  kinds: readonly StepKind[]
  /** The ids of its scene's steps, in order; none for a case. */
  steps: readonly number[]
  /** The report's part of the answer, where the client waited for the end and was told of it. */
  answer?: Readonly<Record<string, unknown>>
  /** A debug variable that it saves in an environment. */
  saves?: Readonly<{ environment: number; name: string }>
}>

type Call = Readonly<{ method: string; path: string; body: unknown; headers: Readonly<Record<string, string>> }>

const PATHS = {
  project: '/api/testPro/projects/',
  environment: '/api/testPro/envs/',
  file: '/api/testPro/files/',
  interface: '/api/TestInterFace/interfaces/',
  case: '/api/TestInterFace/cases/',
  scene: '/api/testFlow/scenes/',
  step: '/api/testFlow/icases/',
} as const
const RUN_CASE = '/api/TestInterFace/cases/run/'
const RUN_SCENE = '/api/testFlow/scenes/run/'

/** Debug runs of one client that save a variable: all of them are in one environment. */
const MOST_SAVED = 40

/**
 * A user of the platform: makes scenes and runs them, over and over, and asks again under the same key whenever no answer came. Every
 * call ends acknowledged, so that what it has noted down is all that there may be.
 */
export class Client {
  readonly made: Made[] = []
  readonly ran: Ran[] = []
  /** Answers that there should not have been. */
  readonly surprises: string[] = []
  readonly #name: string
  readonly #subject: Subject
  readonly #target: string
  readonly #chance: Chance
  readonly #cases = new Map<string, Promise<{ id: number; title: string }>>()
  readonly #interfaces = new Map<string, Promise<number>>()
  #project = 0
  #environment = 0
  #saving = 0
  #named = 0

  constructor(options: { name: string; subject: Subject; target: string; chance: Chance }) {
    this.#name = options.name
    this.#subject = options.subject
    this.#target = options.target
    this.#chance = options.chance
  }

  /** Works until `signal` is aborted, and then brings to its end what it has begun. */
  async work(signal: AbortSignal): Promise<void> {
    const project = await this.#make('project', { name: this.#newName('project'), leader: 'nobody' })
    this.#project = project.id
    this.#environment = await this.#newEnvironment('')
    while (!signal.aborted) {
      const kinds = drawScene(this.#chance)
      const scene = await this.#newScene(kinds)
      const runs = Array.from({ length: this.#chance.between(1, 3) }, () =>
        this.#runScene(scene.id, kinds, scene.steps),
      )
      await Promise.all([...runs, this.#runCase(), this.#upload(), this.#changeLeader(project)])
    }
  }

  async #newScene(kinds: readonly StepKind[]): Promise<{ id: number; steps: readonly number[] }> {
    const { id } = await this.#make('scene', { name: this.#newName('scene'), project: this.#project })
    const steps = await Promise.all(
      kinds.map(async (kind, sort) => {
        const icase = await this.#caseFor(kind, sort)
        const step = await this.#make('step', { icase: icase.id, scene: id, sort }, { scene: id, sort, icase })
        return step.id
      }),
    )
    return { id, steps }
  }

  /** Cases are shared by the scenes of a client. */
  #caseFor(kind: StepKind, step: number): Promise<{ id: number; title: string }> {
    return remembered(this.#cases, `${kind} ${step}`, async () => {
      const { url, ...content } = caseOf(kind, step)
      const owner = await remembered(this.#interfaces, url, async () => {
        const fields = { name: this.#newName('interface'), url, method: 'post', type: '1', project: this.#project }
        return (await this.#make('interface', fields)).id
      })
      const title = this.#newName(`case ${kind}`)
      const { id } = await this.#make('case', { title, interface: owner, ...content }, { title, ...content })
      return { id, title }
    })
  }

  /** The environment marks what runs in it. */
  async #newEnvironment(mark: string): Promise<number> {
    const headers = mark === '' ? {} : { 'X-Run': mark }
    const name = this.#newName('environment')
    return (await this.#make('environment', { name, host: this.#target, project: this.#project, headers })).id
  }

  async #runScene(scene: number, kinds: readonly StepKind[], steps: readonly number[]): Promise<void> {
    const mark = randomUUID()
    const env = await this.#newEnvironment(mark)
    await this.#run(RUN_SCENE, { env, scene }, { mark, kinds, steps })
  }

  /** A debug run of a case that is not saved, or of one that is. */
  async #runCase(): Promise<void> {
    const mark = randomUUID()
    const saves = this.#saving < MOST_SAVED && this.#chance.happens(0.5)
    const name = `saved_${saves ? ++this.#saving : 0}`
    const content = {
      title: this.#newName('debug run'),
      interface: { url: '/alone', method: 'post', name: 'alone' },
      headers: { 'X-Run': mark },
      ...(saves && { teardown_script: `test.save_global_variable('${name}', 1)` }),
    }
    const saved = !saves && this.#chance.happens(0.5)
    const cases = saved ? (await this.#caseFor('enter', 0)).id : content
    const env = saved ? await this.#newEnvironment(mark) : this.#environment
    const about: Omit<Ran, 'record' | 'answer'> = {
      mark,
      kinds: ['enter'],
      steps: saved ? [Number(cases)] : [],
      ...(saves && { saves: { environment: env, name } }),
    }
    await this.#run(RUN_CASE, { env, cases }, about)
  }

  async #run(path: string, body: object, about: Omit<Ran, 'record' | 'answer'>): Promise<void> {
    const wait = this.#chance.happens(0.6) ? '' : '?wait=false'
    const { answer } = await this.#acknowledged('POST', path + wait, body)
    if (answer.status !== 200 && answer.status !== 202) return this.#surprised(path, answer)
    const { record, ...told } = answer.body as { record: number }
    this.ran.push({ ...about, record, ...(answer.status === 200 && { answer: told }) })
  }

  async #upload(): Promise<void> {
    const name = `${this.#newName('file').replaceAll(' ', '-')}.txt`
    const edge = `edge-${randomUUID()}`
    const part = (head: string, content: string): string =>
      `--${edge}\r\nContent-Disposition: ${head}\r\n\r\n${content}\r\n`
    const body = [
      part('form-data; name="project"', String(this.#project)),
      part(`form-data; name="file"; filename="${name}"`, `content of ${name}`),
      `--${edge}--\r\n`,
    ].join('')
    const headers = { 'content-type': `multipart/form-data; boundary=${edge}` }
    const sent = await this.#acknowledged('POST', PATHS.file, body, headers)
    if (sent.answer.status !== 201) return this.#surprised(PATHS.file, sent.answer)
    const { id, info } = sent.answer.body as { id: number; info: unknown }
    this.made.push({ path: PATHS.file, id, shows: { info }, ...sent })
  }

  async #changeLeader(project: Made): Promise<void> {
    const leader = this.#newName('leader')
    const path = `${PATHS.project}${project.id}/`
    const { answer } = await this.#acknowledged('PATCH', path, { leader })
    if (answer.status !== 200) return this.#surprised(path, answer)
    project.shows = { ...project.shows, leader }
  }

  async #make(
    kind: keyof typeof PATHS,
    fields: Readonly<Record<string, unknown>>,
    shows: Readonly<Record<string, unknown>> = fields,
  ): Promise<Made> {
    const path = PATHS[kind]
    const sent = await this.#acknowledged('POST', path, fields)
    if (sent.answer.status !== 201) {
      this.#surprised(path, sent.answer)
      throw new Error(`${path} answered ${sent.answer.status}: ${sent.answer.text}`)
    }
    const made = { path, id: (sent.answer.body as { id: number }).id, shows, ...sent }
    this.made.push(made)
    return made
  }

  /** Asks until there is an answer; what is asked again is asked under the same key. */
  async #acknowledged(
    method: string,
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ call: Call; answer: Reply }> {
    const call = { method, path, body, headers: { ...headers, 'idempotency-key': randomUUID() } }
    for (;;) {
      const ask = await this.#subject.now()
      const answer = await ask(method, path, body, { headers: call.headers }).catch(() => undefined)
      if (answer && answer.status < 500) return { call, answer }
      // Nobody may have to do without an answer while nothing happens to the platform. Its end is noticed a moment later.
      await pause(50)
      if (!this.#subject.isStruck) {
        if (answer) this.#surprised(path, answer)
        else this.surprises.push(`${path} was not answered`)
      }
    }
  }

  #surprised(path: string, { status, text }: Reply): void {
    this.surprises.push(`${path} answered ${status}: ${text.slice(0, 300)}`)
  }

  #newName(of: string): string {
    return `${this.#name} ${of} ${++this.#named}`
  }
}

function remembered<T>(all: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const present = all.get(name) ?? make()
  all.set(name, present)
  return present
}
