import { randomUUID } from 'node:crypto'
import type { RunKind, RunTrigger } from '../../contracts/run.ts'
import type { Chance } from './chance.ts'
import type { Progress } from './evidence.ts'
import { caseOf, drawScene, type Plan, PASS, variablesWith } from './plan.ts'
import type { Scene, Stock } from './stock.ts'

/** A run that was acknowledged. */
export type Ran = Plan &
  Readonly<{
    record: number
    kind: RunKind
    /** Of what was run. */
    name: string
    /** By which the service under test knows it, and its record too, as the build. */
    mark: string
    /** Its own variable, which is secret. */
    pass: string
    trigger: RunTrigger
    /** The report's part of the answer, where the client waited for the end and was told of it. */
    answer?: Readonly<Record<string, unknown>>
    /** A debug variable that it saves in an environment. */
    saves?: Readonly<{ environment: number; name: string }>
    /** The first of its results, as they were told to who followed it while it ran. */
    followed?: Progress['results']
    cancelled?: Cancelled
  }>

/**
 * What the cancellation of a run was answered, and when that came: 200 with the state of one that has ended, 202 (`state` is null) while
 * its cases under way end, 400 when there was nothing to cancel.
 */
export type Cancelled = Readonly<{ at: number; status: number; state: string | null }>

/** A run that is to be: what tells it from all others, and where it runs. */
export type Wanted = Plan &
  Pick<Ran, 'kind' | 'name' | 'mark' | 'saves'> &
  Readonly<{ env: number; wait?: false; token?: string | undefined }>

const RUN_PATHS: Readonly<Record<RunKind, string>> = {
  case: '/api/TestInterFace/cases/run/',
  scene: '/api/testFlow/scenes/run/',
  task: '/api/testTask/tasks/run/',
}

/** Debug runs of one client that save a variable: all of them are in one environment. */
const MOST_SAVED = 40

/** Of all calls that ask for a run, those that wait for its end. */
const WAITING = 0.6

/** Asks for runs, and keeps what was acknowledged. */
export class Runs {
  readonly ran: Ran[] = []
  readonly #stock: Stock
  readonly #chance: Chance
  #saving: Readonly<{ environment: Promise<number>; names: string[] }> | undefined

  constructor(stock: Stock, chance: Chance) {
    this.#stock = stock
    this.#chance = chance
  }

  /** A new scene, once or twice at the same time. */
  async runScene(): Promise<void> {
    const scene = await this.#stock.newScene(drawScene(this.#chance))
    const times = this.#chance.between(1, 2)
    await Promise.all(Array.from({ length: times }, () => this.#runScene(scene)))
  }

  async #runScene(scene: Scene): Promise<void> {
    const own = await this.marked()
    await this.ask({ ...own, kind: 'scene', flows: [scene], width: 1, name: scene.name }, { scene: scene.scene })
  }

  /** A debug run of a case that is not saved, or of one that is. */
  async runCase(): Promise<void> {
    const flow = { seat: 0, steps: [], scene: null }
    if (this.#chance.happens(0.25)) {
      const own = await this.marked()
      const { id, title: name } = await this.#stock.caseFor('enter', 0, 0)
      const flows = [{ ...flow, kinds: ['enter'] as const, steps: [id] }]
      return this.ask({ ...own, kind: 'case', flows, width: 1, name }, { cases: id })
    }
    const { names, environment } = (this.#saving ??= { environment: this.#stock.newEnvironment(''), names: [] })
    const env = await environment
    const mark = randomUUID()
    const name = this.#stock.calls.newName('debug run')
    const saved = names.length < MOST_SAVED && this.#chance.happens(0.6) ? `saved_${names.length}` : undefined
    if (saved !== undefined) names.push(saved)
    const { url, headers } = caseOf('visit', 0, 0)
    const content = {
      title: name,
      interface: { url, method: 'post', name: 'visit' },
      headers: { ...headers, 'X-Run': mark },
      ...(saved !== undefined && { teardown_script: `test.save_global_variable('${saved}', 1)` }),
    }
    const flows = [{ ...flow, kinds: ['visit'] as const }]
    const saves = saved === undefined ? {} : { saves: { environment: env, name: saved } }
    return this.ask({ env, mark, kind: 'case', flows, width: 1, name, ...saves }, { cases: content })
  }

  /** A mark, and an environment of its own that carries it. */
  async marked(): Promise<Pick<Wanted, 'mark' | 'env'>> {
    const mark = randomUUID()
    return { mark, env: await this.#stock.newEnvironment(mark) }
  }

  /** Asks for a run, and keeps it when it is acknowledged. `afterwards` is what then happens to it. */
  async ask(
    { env, wait, token, ...about }: Wanted,
    body: object,
    afterwards: (record: number) => Promise<Pick<Ran, 'followed' | 'cancelled'>> = () => Promise.resolve({}),
  ): Promise<void> {
    const { calls } = this.#stock
    const pass = `${PASS}${randomUUID()}`
    const waits = wait ?? this.#chance.happens(WAITING)
    const path = `${RUN_PATHS[about.kind]}${waits ? '' : '?wait=false'}`
    const sent = { env, variables: variablesWith(pass), build: about.mark, ...body }
    const { answer } = await calls.send('POST', path, sent, { token })
    if (answer.status !== 200 && answer.status !== 202) return calls.surprised(path, answer)
    const { record, ...told } = answer.body as { record: number }
    const trigger = token === undefined ? 'manual' : 'api'
    const then = await afterwards(record)
    this.ran.push({ ...about, record, pass, trigger, ...(answer.status === 200 && { answer: told }), ...then })
  }
}
