/** The things that requests of a fuzz name: whole sets that belong together, made anew as the fuzz itself destroys them. */
import type { Chance } from '../chaos/chance.ts'
import type { Caller, TestPlatform } from '../support/platform.ts'

/** Kinds of things that have an id, and where they are made. */
export const COLLECTIONS = {
  project: '/api/testPro/projects/',
  env: '/api/testPro/envs/',
  module: '/api/testPro/modules/',
  interface: '/api/TestInterFace/interfaces/',
  case: '/api/TestInterFace/cases/',
  scene: '/api/testFlow/scenes/',
  step: '/api/testFlow/icases/',
  task: '/api/testTask/tasks/',
  record: '/api/testTask/records/',
  bug: '/api/bug/bugs/',
  file: '/api/testPro/files/',
  user: '/api/users/',
  token: '/api/users/tokens/',
} as const

export type Kind = keyof typeof COLLECTIONS
/** Ids of things that hang together, a project with all in it. */
export type Belongings = Readonly<Record<Kind, number>>

const KINDS = Object.keys(COLLECTIONS) as readonly Kind[]

/** How many sets of things there are at a time. */
const SETS = 3

/** The kind of a thing that a path names before `{id}`. Reports are told of by their records. */
export function kindOfPath(path: string): Kind | undefined {
  if (path.startsWith('/api/testTask/report/')) return 'record'
  if (path.startsWith('/api/testPro/file/')) return 'file'
  const start = path.slice(0, path.indexOf('{'))
  return KINDS.find((kind) => COLLECTIONS[kind] === start)
}

/** Who sends. */
export type Sender = Readonly<{ role: 'admin' | 'tester' | 'viewer'; token: string; refresh: string; password: string }>

export class World {
  /** Who can call whatever the fuzz does, and is never named by it. */
  readonly keeper: number
  sets: Belongings[] = []
  #senders: Sender[] = []
  readonly #learnt = new Map<Kind, number[]>()
  readonly #platform: TestPlatform
  readonly #target: string
  #names = 0

  private constructor(platform: TestPlatform, target: string, keeper: number) {
    this.#platform = platform
    this.#target = target
    this.keeper = keeper
  }

  static async of(platform: TestPlatform, target: string): Promise<World> {
    const { body } = await platform.call('GET', '/api/users/me/')
    return new World(platform, target, (body as { id: number }).id)
  }

  /** Makes what was destroyed, senders included. `at` is the round, which names things. */
  async mend(): Promise<void> {
    const present = await Promise.all(this.sets.map((set) => this.#isWhole(set)))
    this.sets = this.sets.filter((_, nth) => present[nth])
    while (this.sets.length < SETS) this.sets.push(await this.#newSet())
    const asked = this.#senders
    const alive = await Promise.all(asked.map((sender) => this.#isAlive(sender)))
    for (const role of ['admin', 'tester', 'viewer'] as const) {
      const whole = asked.filter((sender, nth) => sender.role === role && alive[nth]).length === 2
      if (whole) continue
      const others = this.#senders.filter((sender) => sender.role !== role)
      this.#senders = [...others, ...(await this.#newSenders(role))]
    }
  }

  /** An admin mostly; of an account the one who logged in, for machines never manage it. */
  sender(path: string, chance: Chance): Sender {
    const wanted = chance.happens(0.9) ? 'admin' : chance.pick(['tester', 'viewer'] as const)
    const [login, machine] = this.#senders.filter(({ role }) => role === wanted)
    const sender = path.startsWith('/api/users/') && chance.happens(0.9) ? login : chance.pick([login, machine])
    return sender ?? fail(`there is no ${wanted}`)
  }

  /** An id of that kind: in that share of the set, else of anything of the kind that ever was. */
  id(kind: Kind, set: Belongings, chance: Chance, share = 0.9): number {
    const learnt = this.#learnt.get(kind) ?? []
    const id = chance.happens(share) || learnt.length === 0 ? set[kind] : chance.pick(learnt)
    return kind === 'user' && id === this.keeper ? set.user : id
  }

  /** Remembers what a POST made. */
  learn(path: string, body: unknown): void {
    const kind = KINDS.find((each) => COLLECTIONS[each] === path)
    const { id } = (body ?? {}) as { id?: unknown }
    if (kind === undefined || typeof id !== 'number') return
    const ids = this.#learnt.get(kind) ?? []
    ids.push(id)
    this.#learnt.set(kind, ids.slice(-50))
  }

  async #isWhole(set: Belongings): Promise<boolean> {
    const paths = KINDS.filter((kind) => !['user', 'token', 'record'].includes(kind)).map(
      (kind) => `${COLLECTIONS[kind]}${set[kind]}/`,
    )
    const answers = await Promise.all(paths.map((path) => this.#platform.call('GET', path)))
    return answers.every(({ status }) => status === 200)
  }

  async #isAlive({ token, role }: Sender): Promise<boolean> {
    const { status, body } = await this.#platform.call('GET', '/api/users/me/', undefined, { token })
    return status === 200 && (body as { role: string }).role === role
  }

  #fresh(what: string): string {
    return `fuzz-${what}-${++this.#names}`
  }

  /** One that has logged in, and a machine's token of the same role. */
  async #newSenders(role: Sender['role']): Promise<readonly Sender[]> {
    const user = { username: this.#fresh(role), password: 'fuzz-password' }
    await this.#platform.made(COLLECTIONS.user, { ...user, role })
    const { body } = await this.#platform.call('POST', '/api/users/login/', user, from(this.#names))
    const { token, refresh } = body as { token: string; refresh: string }
    const machine = await this.#platform.call('POST', COLLECTIONS.token, { name: 'fuzz', role }, { token })
    const { password } = user
    return [
      { role, token, refresh, password },
      { role, token: (machine.body as { token: string }).token, refresh, password },
    ]
  }

  async #newSet(): Promise<Belongings> {
    const made = (kind: Kind, body: object): Promise<number> => this.#platform.made(COLLECTIONS[kind], body)
    const project = await made('project', { name: this.#fresh('project'), leader: 'fuzz' })
    const variables = { who: 'fuzz', token: 'a-secret-value', deep: { list: [1, 2.0, null] } }
    const env = await made('env', {
      name: 'env',
      host: this.#target,
      project,
      headers: { Authorization: 'a-secret-header' },
      global_variable: variables,
      secrets: ['global_variable.token', 'headers.Authorization'],
    })
    const module = await made('module', { name: 'module', project, parent: null })
    const owner = await made('interface', { name: 'echo', url: '/echo', method: 'post', type: '1', project, module })
    const icase = await made('case', {
      title: 'case',
      interface: owner,
      request: { json: { who: '${{who}}' } },
      teardown_script: "test.assertion('相等', 200, response.status_code)",
    })
    const scene = await made('scene', { name: 'scene', project })
    const step = await made('step', { icase, scene, sort: 1 })
    const task = await made('task', { name: 'task', project, scenes: [scene] })
    const bug = await made('bug', { interface: owner, desc: 'bug', info: {} })
    const user = await made('user', { username: this.#fresh('user'), password: 'fuzz-password', role: 'tester' })
    const token = await made('token', { name: 'fuzz' })
    const file = await this.#upload(project)
    const ran = await this.#platform.call('POST', '/api/testTask/tasks/run/?wait=false', { env, task })
    const { record } = ran.body as { record: number }
    return { project, env, module, interface: owner, case: icase, scene, step, task, bug, user, token, file, record }
  }

  async #upload(project: number): Promise<number> {
    const form = new FormData()
    form.set('project', String(project))
    form.set('file', new Blob(['select 1']), 'fuzz.sql')
    const response = await fetch(`${this.#platform.url}${COLLECTIONS.file}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#platform.token}` },
      body: form,
    })
    return ((await response.json()) as { id: number }).id
  }
}

function fail(words: string): never {
  throw new Error(words)
}

/** An address of one's own behind the proxy that the platform believes: wrong guesses from one are no one else's. */
export function from(nth: number): NonNullable<Parameters<Caller>[3]> {
  return { token: '', headers: { 'x-forwarded-for': addressOf(nth) } }
}

export function addressOf(nth: number): string {
  return `10.${(nth >> 16) & 255}.${(nth >> 8) & 255}.${nth & 255}`
}
