import { randomUUID } from 'node:crypto'
import { BUG_STATUSES, type BugStatus, handleOf } from '../../contracts/bug.ts'
import { type Made, PATHS } from './calls.ts'
import type { Chance } from './chance.ts'
import type { Stock } from './stock.ts'

/** A token for machines; the answer that shows its text may have been lost. */
export type ApiToken = { readonly id: number; readonly text?: string; revoked: boolean }

/** Tokens of one client that count at the same time, and modules of its project. */
const MOST_TOKENS = 3
const MOST_MODULES = 12

/** What else goes on in a project while its tests run: files come, bugs are reported and worked on, modules move, machines get tokens. */
export class Upkeep {
  readonly tokens: ApiToken[] = []
  readonly #stock: Stock
  readonly #project: Made
  readonly #chance: Chance
  readonly #modules: Made[] = []
  readonly #bugs: Made[] = []

  constructor(options: { stock: Stock; project: Made; chance: Chance }) {
    this.#stock = options.stock
    this.#project = options.project
    this.#chance = options.chance
  }

  /** A token that counts, for whoever wants to speak with it now. Nothing else of this client may revoke it meanwhile. */
  get token(): string | undefined {
    return this.tokens.find(({ revoked, text }) => !revoked && text !== undefined)?.text
  }

  async work(): Promise<void> {
    await Promise.all([this.#upload(), this.#changeLeader(), this.#workOnBugs(), this.#workOnModules()])
  }

  async #upload(): Promise<void> {
    const { calls } = this.#stock
    const name = `${calls.newName('file').replaceAll(' ', '-')}.txt`
    const edge = `edge-${randomUUID()}`
    const part = (head: string, content: string): string =>
      `--${edge}\r\nContent-Disposition: ${head}\r\n\r\n${content}\r\n`
    const body = [
      part('form-data; name="project"', String(this.#project.id)),
      part(`form-data; name="file"; filename="${name}"`, `content of ${name}`),
      `--${edge}--\r\n`,
    ].join('')
    const headers = { 'content-type': `multipart/form-data; boundary=${edge}` }
    const sent = await calls.send('POST', PATHS.file, body, { headers })
    const { info } = sent.answer.body as { info: unknown }
    calls.noted(PATHS.file, sent, { info })
  }

  async #changeLeader(): Promise<void> {
    const { calls } = this.#stock
    await calls.change(this.#project, { leader: calls.newName('leader') })
  }

  /** Reports one, or gives one another status: each change is told once. */
  async #workOnBugs(): Promise<void> {
    const { calls } = this.#stock
    const bug = this.#bugs.length > 0 && this.#chance.happens(0.6) ? this.#chance.pick(this.#bugs) : undefined
    if (!bug) {
      const fields = {
        interface: await this.#stock.interfaceFor('/visit/0'),
        desc: calls.newName('bug'),
        info: { n: 1 },
      }
      const [status] = BUG_STATUSES
      const told = { ...fields, status, handle: [handleOf('BugReported', status)] }
      this.#bugs.push(await calls.make('bug', fields, told))
      return
    }
    const others = BUG_STATUSES.filter((each) => each !== bug.shows.status)
    const status = this.#chance.pick<BugStatus>(others)
    const handle = [...(bug.shows.handle as readonly string[]), handleOf('BugChanged', status)]
    await calls.change(bug, { status }, { status, handle })
  }

  /** Adds one, or moves one: never into what lies in it. */
  async #workOnModules(): Promise<void> {
    const { calls, project } = this.#stock
    const places = [null, ...this.#modules.map(({ id }) => id)]
    if (this.#modules.length < 2 || (this.#modules.length < MOST_MODULES && this.#chance.happens(0.5))) {
      const fields = { name: calls.newName('module'), project, parent: this.#chance.pick(places) }
      this.#modules.push(await calls.make('module', fields))
      return
    }
    const moved = this.#chance.pick(this.#modules)
    const parent = this.#chance.pick(places)
    if (!this.#liesIn(parent, moved.id)) return calls.change(moved, { parent })
    const path = `${PATHS.module}${moved.id}/`
    const { answer } = await calls.send('PATCH', path, { parent })
    if (answer.status !== 422) calls.surprised(path, answer)
  }

  #liesIn(module: number | null, other: number): boolean {
    if (module === null) return false
    if (module === other) return true
    const { shows } = this.#modules.find(({ id }) => id === module) ?? {}
    return this.#liesIn((shows?.parent ?? null) as number | null, other)
  }

  /** Issues a token, or revokes the oldest that counts: one that was revoked never works again. */
  async workOnTokens(): Promise<void> {
    const { calls } = this.#stock
    const present = this.tokens.filter(({ revoked }) => !revoked)
    const [oldest] = present
    if (oldest && (present.length >= MOST_TOKENS || this.#chance.happens(0.4))) {
      const path = `${PATHS.token}${oldest.id}/`
      const { answer } = await calls.send('DELETE', path)
      if (answer.status !== 204) return calls.surprised(path, answer)
      oldest.revoked = true
      return this.#expect(oldest, 401)
    }
    const { answer } = await calls.send('POST', PATHS.token, { name: calls.newName('token'), role: 'tester' })
    if (answer.status !== 201) return calls.surprised(PATHS.token, answer)
    const { id, token: text } = answer.body as { id: number; token?: string }
    const token: ApiToken = { id, ...(text !== undefined && { text }), revoked: false }
    this.tokens.push(token)
    await this.#expect(token, 200)
  }

  async #expect({ text }: ApiToken, status: number): Promise<void> {
    if (text === undefined) return
    const { calls } = this.#stock
    const { answer } = await calls.send('GET', PATHS.bug, undefined, { token: text })
    if (answer.status !== status)
      calls.surprised(`with a token that should be answered ${status}, ${PATHS.bug}`, answer)
  }
}
