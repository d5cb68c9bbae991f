import type { StepFields } from '../../contracts/scene.ts'

/** Ids of one page: as many as make the copy of a page as cheap as that of the pages of a long scene. */
const PAGE_BITS = 6

type Page = ReadonlyMap<number, StepFields>

/**
 * The steps of a scene by their ids. A change answers new steps and leaves the old ones as they are; it copies one page, for a copy of
 * all would make the fold of a scene of 5,000 steps take a second.
 */
export class Steps {
  readonly #pages: ReadonlyMap<number, Page>

  constructor(pages: ReadonlyMap<number, Page> = new Map()) {
    this.#pages = pages
  }

  get(step: number): StepFields | undefined {
    return this.#pages.get(step >> PAGE_BITS)?.get(step)
  }

  with(step: number, fields: StepFields): Steps {
    return this.#withPage(step, (page) => page.set(step, fields))
  }

  without(step: number): Steps {
    return this.#withPage(step, (page) => page.delete(step))
  }

  /** In no particular order. */
  entries(): [step: number, fields: StepFields][] {
    return [...this.#pages.values()].flatMap((page) => [...page])
  }

  #withPage(step: number, edit: (page: Map<number, StepFields>) => unknown): Steps {
    const page = new Map(this.#pages.get(step >> PAGE_BITS))
    edit(page)
    return new Steps(new Map(this.#pages).set(step >> PAGE_BITS, page))
  }
}
