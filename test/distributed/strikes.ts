import { setTimeout as pause } from 'node:timers/promises'
import { HEARTBEAT } from '../../platform/sql.ts'
import { LEASE_MS } from '../../services/runner/lease.ts'
import type { Chance } from '../chaos/chance.ts'
import { query } from '../support/postgres.ts'
import type { DeployedRole, Deployment } from './deployment.ts'
import type { RoleProcess } from './role-process.ts'

/** What was done, in words that go on after "round 1: ". */
export type Told = string

/** Milliseconds that a broker is away where it is stopped for long. */
const AWAY_MS = 30_000

/** Milliseconds that processes are frozen: longer than what they hold is kept for them, until others have noticed. */
const LEADER_FROZEN_MS = HEARTBEAT.lostMs + 4_000
const LONGEST_FROZEN_MS = 5 * LEASE_MS

/** What can be done to a deployment. Each resolves when everything that it ended was started again. */
export class Strikes {
  readonly #deployment: Deployment
  readonly #chance: Chance

  constructor(deployment: Deployment, chance: Chance) {
    this.#deployment = deployment
    this.#chance = chance
  }

  /** SIGKILL of a process in that role; of those that take turns, of the one whose turn it is. */
  async kill(role: DeployedRole): Promise<Told> {
    const struck = this.#chance.happens(0.7) ? this.#leader(role) : this.#chance.pick(this.#deployment.of(role))
    await this.#away(struck, async () => {
      await struck.kill()
      await struck.start()
    })
    return `${struck.name} is killed`
  }

  /** SIGTERM of any process in another role. */
  async stop(than: DeployedRole): Promise<Told> {
    const struck = this.#chance.pick(this.#deployment.processes.filter(({ role }) => role !== than))
    await this.replace(struck)
    return `${struck.name} is told to stop`
  }

  /** One process stops as it should, and another is started in its place. */
  async replace(struck: RoleProcess): Promise<Told> {
    const from = performance.now()
    let stopped = from
    await this.#away(struck, async () => {
      await struck.stop()
      stopped = performance.now()
      await struck.start()
    })
    const [ending, starting] = [stopped - from, performance.now() - stopped].map((each) => Math.round(each))
    return `${struck.name} is replaced: it ended in ${ending} ms, the next was ready ${starting} ms later`
  }

  async killBroker(): Promise<Told> {
    const { broker } = this.#deployment
    await broker.kill()
    await broker.restart()
    return 'the broker is killed'
  }

  /** Stops the broker for long; `meanwhile` looks at what that does. */
  async stopBroker(meanwhile: () => Promise<void>): Promise<Told> {
    const { broker } = this.#deployment
    await broker.stop()
    await Promise.all([pause(AWAY_MS), meanwhile()])
    await broker.restart()
    return `the broker is stopped for ${AWAY_MS} ms`
  }

  async restartPostgres(how: 'stop' | 'kill'): Promise<Told> {
    const { postgres } = this.#deployment
    await this.#withoutDatabase(async () => {
      await postgres[how]()
      await postgres.start()
    })
    return how === 'stop' ? 'the database is restarted' : 'the database is killed'
  }

  /** A runner that has runs hangs until another has taken up one of them, and goes on then. */
  async freezeRunner(): Promise<Readonly<{ told: Told; frozen: RoleProcess }>> {
    const from = performance.now()
    const frozen = await this.#busyRunner()
    frozen.freeze()
    const had = await this.#runsOf(frozen)
    await this.#until(async () => (await this.#runsOf(frozen)).length < had.length)
    frozen.thaw()
    const seconds = Math.round((performance.now() - from) / 1_000)
    return { told: `${frozen.name} is frozen for ${seconds} s, until others have taken up some of its runs`, frozen }
  }

  async #busyRunner(): Promise<RoleProcess> {
    const runners = this.#chance.shuffled(this.#deployment.of('runner'))
    let busy: RoleProcess | undefined
    await this.#until(async () => {
      for (const each of runners) if ((await this.#runsOf(each)).length > 1) busy ??= each
      return busy !== undefined
    })
    return busy ?? this.#chance.pick(runners)
  }

  /** The runs that a runner has now, by their streams. */
  async #runsOf({ pid }: RoleProcess): Promise<readonly unknown[]> {
    return query(
      this.#deployment.postgres.url,
      `select stream from (
         select distinct on (stream) stream, type, data from events
         where type in ('RunClaimed', 'RunReleased', 'RunFinished') order by stream, revision desc
       ) last where type = 'RunClaimed' and data ->> 'worker' like '%-${pid}-%'`,
    )
  }

  async #until(happens: () => Promise<boolean>): Promise<void> {
    for (const deadline = performance.now() + LONGEST_FROZEN_MS; !(await happens()); await pause(200)) {
      if (performance.now() > deadline) return
    }
  }

  /** The relay and the projector that lead hang until others lead, and go on then. */
  async freezeLeaders(): Promise<Readonly<{ told: Told; others: readonly RoleProcess[] }>> {
    const frozen = [this.#leader('relay'), this.#leader('projector')]
    const { out } = this.#deployment
    const back = [out.service.begin(), out.readModels.begin()]
    for (const each of frozen) each.freeze()
    await pause(LEADER_FROZEN_MS)
    for (const each of frozen) each.thaw()
    await this.#deployment.steady()
    for (const each of back) each()
    const told = `${frozen.map(({ name }) => name).join(' and ')} are frozen for ${LEADER_FROZEN_MS} ms`
    const others = this.#deployment.processes.filter(({ role }) => role === 'relay' || role === 'projector')
    return { told, others: others.filter((each) => !frozen.includes(each)) }
  }

  /** Of processes that stand by for each other the one that is at work; of others any. */
  #leader(role: DeployedRole): RoleProcess {
    const all = this.#deployment.of(role)
    return all.find((process) => process.leads(role)) ?? this.#chance.pick(all)
  }

  /** Clients may see that this process is away, and where it feeds the read models that nobody does for a moment. */
  async #away(struck: RoleProcess, work: () => Promise<void>): Promise<void> {
    const back = [struck.outages.begin()]
    if (struck.role === 'projector') back.push(this.#deployment.out.readModels.begin())
    await work()
    for (const each of back) each()
  }

  async #withoutDatabase(work: () => Promise<void>): Promise<void> {
    const { out } = this.#deployment
    const back = [out.service.begin(), out.readModels.begin()]
    await work()
    await this.#deployment.steady()
    for (const each of back) each()
  }
}
