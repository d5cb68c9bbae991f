import type { Calls } from './calls.ts'
import { caseOf, type PlannedFlow, SECRET_VARIABLES, type StepKind } from './plan.ts'

/** A saved scene; `seat` is where it stands in tasks. */
export type Scene = PlannedFlow & Readonly<{ scene: number; name: string }>

/** What a client runs, and where: one project with its cases, which its scenes share, and environments that mark what runs in them. */
export class Stock {
  readonly calls: Calls
  readonly project: number
  readonly #target: string
  readonly #cases = new Map<string, Promise<{ id: number; title: string }>>()
  readonly #interfaces = new Map<string, Promise<number>>()

  constructor(options: { calls: Calls; project: number; target: string }) {
    this.calls = options.calls
    this.project = options.project
    this.#target = options.target
  }

  async newScene(kinds: readonly StepKind[], seat = 0): Promise<Scene> {
    const { calls, project } = this
    const name = calls.newName('scene')
    const { id: scene } = await calls.make('scene', { name, project })
    const steps = await Promise.all(
      kinds.map(async (kind, sort) => {
        const icase = await this.caseFor(kind, sort, seat)
        const step = await calls.make('step', { icase: icase.id, scene, sort }, { scene, sort, icase })
        return step.id
      }),
    )
    return { seat, kinds, steps, scene, name }
  }

  caseFor(kind: StepKind, step: number, seat: number): Promise<{ id: number; title: string }> {
    return remembered(this.#cases, `${kind} ${step} ${seat}`, async () => {
      const { url, ...content } = caseOf(kind, step, seat)
      const title = this.calls.newName(`case ${kind}`)
      const fields = { title, interface: await this.interfaceFor(url), ...content }
      const { id } = await this.calls.make('case', fields, { title, ...content })
      return { id, title }
    })
  }

  interfaceFor(url: string): Promise<number> {
    const { calls, project } = this
    return remembered(this.#interfaces, url, async () => {
      const fields = { name: calls.newName('interface'), url, method: 'post', type: '1', project }
      return (await calls.make('interface', fields)).id
    })
  }

  async newEnvironment(mark: string): Promise<number> {
    const { calls, project } = this
    const headers = mark === '' ? {} : { 'X-Run': mark }
    const fields = { name: calls.newName('environment'), host: this.#target, project, headers }
    return (await calls.make('environment', { ...fields, secrets: SECRET_VARIABLES })).id
  }
}

function remembered<T>(all: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const present = all.get(name) ?? make()
  all.set(name, present)
  return present
}
