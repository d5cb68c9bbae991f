import { setTimeout as pause } from 'node:timers/promises'
import type { Made } from './calls.ts'
import type { Chance } from './chance.ts'
import type { Progress } from './evidence.ts'
import { drawTaskScene } from './plan.ts'
import type { Cancelled, Runs } from './runs.ts'
import type { Scene, Stock } from './stock.ts'

/** Scenes of a task at most: each has a seat of its own, and a task has one scene for a seat. */
const SEATS = 5

/** How many scenes go at the same time; each as often as it stands here. */
const WIDTHS = [1, 2, 3, 4, 4]

/** Tasks that a client has; then it runs those again that it changes. */
const MOST_TASKS = 6

/** Of all runs, those that are cancelled, and those that have a number of scenes at a time of their own. */
const CANCELLED = 0.35
const OWN_WIDTH = 0.4

/** When a run is cancelled: at once, while its cases run, or when it has ended; each as often as it stands here. */
const MOMENTS = ['at once', 'while it runs', 'while it runs', 'while it runs', 'at its end'] as const

/** Milliseconds that it takes to cancel at such a moment, at most: what is under way then has come further. */
const LATE_MS = 100

/** Seconds that a call waits for news of a run. */
const NEWS_SECONDS = 5

/** Of those who cancel, the share that does so twice. */
const TWICE = 0.3

type Task = { readonly made: Made; readonly name: string; scenes: readonly Scene[]; width: number }

/** Makes tasks, changes them, runs them, and cancels some of what runs. */
export class Tasks {
  readonly #stock: Stock
  readonly #runs: Runs
  readonly #chance: Chance
  readonly #onCancelling: () => void
  readonly #scenes: Scene[] = []
  readonly #tasks: Task[] = []

  /** `onCancelling`: a run is asked to end. */
  constructor(options: { stock: Stock; runs: Runs; chance: Chance; onCancelling: () => void }) {
    this.#stock = options.stock
    this.#runs = options.runs
    this.#chance = options.chance
    this.#onCancelling = options.onCancelling
  }

  /** `token` is an API token: some runs are asked for with it. */
  async work(token: string | undefined): Promise<void> {
    const seat = this.#scenes.length % SEATS
    this.#scenes.push(await this.#stock.newScene(drawTaskScene(this.#chance), seat))
    if (seat === 0 && this.#scenes.length === 1) return this.work(token)
    const task = this.#tasks.length < MOST_TASKS ? await this.#newTask() : await this.#changedTask()
    const times = this.#chance.between(1, 2)
    await Promise.all(
      Array.from({ length: times }, () => this.#run(task, this.#chance.happens(0.3) ? token : undefined)),
    )
  }

  async #newTask(): Promise<Task> {
    const { calls, project } = this.#stock
    const name = calls.newName('task')
    const scenes = this.#drawScenes()
    const width = this.#chance.pick(WIDTHS)
    const ids = scenes.map(({ scene }) => scene)
    const fields = { name, project, scenes: ids, concurrency: width }
    const task = { made: await calls.make('task', fields), name, scenes, width }
    this.#tasks.push(task)
    return task
  }

  /** A task that is there, with other scenes or another number of them at a time. */
  async #changedTask(): Promise<Task> {
    const task = this.#chance.pick(this.#tasks)
    if (this.#chance.happens(0.5)) task.scenes = this.#drawScenes()
    else task.width = this.#chance.pick(WIDTHS)
    const changes = { scenes: task.scenes.map(({ scene }) => scene), concurrency: task.width }
    await this.#stock.calls.change(task.made, changes)
    return task
  }

  /** 2 to 5 scenes, as far as there are seats taken, in any order. */
  #drawScenes(): readonly Scene[] {
    const bySeat = [...Map.groupBy(this.#scenes, ({ seat }) => seat).values()]
    return this.#chance
      .shuffled(bySeat)
      .slice(0, this.#chance.between(2, SEATS))
      .map((scenes) => this.#chance.pick(scenes))
  }

  async #run({ made, name, scenes: flows, width: usual }: Task, token: string | undefined): Promise<void> {
    const own = this.#chance.happens(OWN_WIDTH) ? this.#chance.pick(WIDTHS) : undefined
    const body = { task: made.id, ...(own !== undefined && { concurrency: own }) }
    const about = { kind: 'task', name, flows, width: own ?? usual, token } as const
    const moment = this.#chance.happens(CANCELLED) ? this.#chance.pick(MOMENTS) : undefined
    const cases = flows.reduce((sum, { kinds }) => sum + kinds.length, 0)
    const early = this.#chance.between(0, Math.floor(cases / 2))
    const results = moment === 'at once' ? 0 : moment === 'at its end' ? cases : early
    const late = this.#chance.between(0, LATE_MS)
    const twice = this.#chance.happens(TWICE)
    const wanted = { ...(await this.#runs.marked()), ...about }
    if (moment === undefined) return this.#runs.ask(wanted, body)
    await this.#runs.ask({ ...wanted, wait: false }, body, async (record) => {
      const followed = await this.#follow(record, results)
      await pause(late)
      const cancelled = await this.#cancel(record)
      // What is cancelled already is answered again, and nothing more happens.
      if (twice) await this.#cancel(record)
      return { followed, ...(cancelled && { cancelled }) }
    })
  }

  /** What is told of a run while it runs, until it has so many results or its end. */
  async #follow(record: number, results: number): Promise<Progress['results']> {
    const told: Progress['results'][number][] = []
    for (let after = 0; told.length < results;) {
      const path = `/api/testTask/records/${record}/progress/?after=${after}&wait=${NEWS_SECONDS}`
      const { answer } = await this.#stock.calls.send('GET', path)
      if (answer.status !== 200) {
        this.#stock.calls.surprised(path, answer)
        break
      }
      const page = answer.body as Progress & { next: number }
      told.push(...page.results)
      after = page.next
      if (page.state !== null && page.results.length === 0) break
    }
    return told
  }

  async #cancel(record: number): Promise<Cancelled | undefined> {
    const { calls } = this.#stock
    const path = `/api/testTask/records/${record}/cancel/`
    this.#onCancelling()
    const { answer, at } = await calls.send('POST', path)
    const { status } = answer
    if (status !== 200 && status !== 202 && status !== 400) {
      calls.surprised(path, answer)
      return undefined
    }
    const { code, state = null } = answer.body as { code?: string; state?: string | null }
    if (status === 400 && code !== 'conflict') calls.surprised(path, answer)
    return { at, status, state }
  }
}
