import type { LogLine } from './scripts.ts'
import type { Mask } from './secrets.ts'

/** UTF-16 units that a log keeps; the verdict's lines come in any case. */
const MAX_LENGTH = 1024 * 1024
/** A body in the log of a debug run; the result holds it whole. */
const MAX_BODY_LENGTH = 64 * 1024

export type Level = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL' | 'EXCEPT'

/** The lines of one case, in order. DEBUG lines of the engine itself are kept in debug runs alone (seed 000 §四 接口测试 2.6). */
export class CaseLog {
  readonly #debug: boolean
  readonly #mask: Mask
  readonly #lines: LogLine[] = []
  #length = 0
  #full = false

  /** `mask` is applied before a line is cut, which could halve a secret. */
  constructor(debug: boolean, mask: Mask) {
    this.#debug = debug
    this.#mask = mask
  }

  get lines(): readonly LogLine[] {
    return this.#lines
  }

  add(level: Level, message: string): void {
    this.#keep([level, written(level, message)])
  }

  debug(message: () => string): void {
    if (this.#debug) this.add('DEBUG', message())
  }

  /** A titled body: `请求体：\n…`. */
  debugBody(title: string, body: string): void {
    if (body.length <= MAX_BODY_LENGTH) this.debug(() => `${title}：\n${body}`)
    else this.debug(() => `${title}：\n${body.slice(0, MAX_BODY_LENGTH)}…(日志中只显示前${MAX_BODY_LENGTH}个字符)`)
  }

  /** Lines that are as they are to stand. */
  append(lines: readonly LogLine[]): void {
    for (const line of lines) this.#keep(line)
  }

  /** The line that ends a case: kept however full the log is. */
  verdict(level: Level, message: string): void {
    this.#lines.push([level, written(level, message)])
  }

  #keep([level, unmasked]: LogLine): void {
    if (this.#full) return
    const text = this.#mask(unmasked)
    const room = MAX_LENGTH - this.#length
    this.#length += text.length
    this.#lines.push([level, text.slice(0, room)])
    if (this.#length <= MAX_LENGTH) return
    this.#full = true
    this.verdict('WARNING', '日志超过1MiB，其余不再保存')
  }
}

function written(level: Level, message: string): string {
  return level === 'DEBUG' || level === 'EXCEPT' ? message : `【${level}】  |   ${message}`
}
