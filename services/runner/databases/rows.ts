import { type Column, DatabaseFault, type RowTaker, type Value } from './port.ts'

export type RowLimits = Readonly<{ rows: number; bytes: number }>

/** The rows of one statement: all of them within limits, or the first alone, and then only one row at a time has to fit. */
export class Rows implements RowTaker {
  readonly #all: boolean
  readonly #limits: RowLimits
  #columns: readonly Column[] = []
  #rows: (readonly Value[])[] = []
  #bytes = 0

  constructor(all: boolean, limits: RowLimits) {
    this.#all = all
    this.#limits = limits
  }

  begin(columns: readonly Column[]): void {
    this.#columns = columns
    this.#rows = []
  }

  row(values: readonly Value[]): void {
    if (!this.#all) {
      this.#bytes = 0
      if (this.#rows.length === 1) return
    }
    if (this.#rows.length === this.#limits.rows) {
      throw new DatabaseFault([`查询结果超过 ${this.#limits.rows} 行的限制，请缩小查询范围`])
    }
    this.#rows.push(values)
  }

  received(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes <= this.#limits.bytes) return
    throw new DatabaseFault([`查询结果超过 ${this.#limits.bytes / 1024 / 1024} MiB 的限制，请缩小查询范围`])
  }

  get result(): Readonly<{ columns: readonly Column[]; rows: readonly (readonly Value[])[] }> {
    return { columns: this.#columns, rows: this.#rows }
  }
}
