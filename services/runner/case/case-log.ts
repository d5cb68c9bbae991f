import { ACROSS_THE_CUT } from './result.ts'
import type { LogLine } from './scripts.ts'
import type { Mask } from './secrets.ts'

/** UTF-16 units that a log keeps; the verdict's lines come in any case. */
const MAX_LENGTH = 1024 * 1024
/** What is collected of a log before secrets are hidden, which makes it shorter or longer. */
const MAX_COLLECTED = 2 * MAX_LENGTH
/** A body or the variables in the log of a debug run, and a reason in any: the result holds a body whole. */
const MAX_BODY_LENGTH = 64 * 1024
const CUT = { length: MAX_BODY_LENGTH, ending: `…(日志中只显示前${MAX_BODY_LENGTH}个字符)` }

export type Level = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL' | 'EXCEPT'

/**
 * `cut`: so many units of it are shown, and then the `ending`. `always`: shown however full the log is. `last`: what came after it
 * was not collected.
 */
type Entry = Readonly<{
  line: LogLine
  cut?: Readonly<{ length: number; ending: string }>
  always?: boolean
  last?: boolean
}>

/**
 * The lines of one case, in order. DEBUG lines of the engine itself are kept in debug runs alone (seed 000 §四 接口测试 2.6). They
 * are masked and cut when the case has ended: only then is every secret known, and a cut before could halve one.
 */
export class CaseLog {
  readonly #debug: boolean
  readonly #entries: Entry[] = []
  #collected = 0

  constructor(debug: boolean) {
    this.#debug = debug
  }

  /** What went wrong is kept however full the log is: it is the reason of the verdict. */
  add(level: Level, message: string): void {
    const line: LogLine = [level, written(level, message)]
    if (level === 'EXCEPT' || level === 'ERROR') {
      this.#entries.push({ line, always: true, ...(message.length > MAX_BODY_LENGTH && { cut: CUT }) })
    } else this.#keep({ line })
  }

  debug(message: () => string): void {
    if (this.#debug) this.add('DEBUG', message())
  }

  /** Something titled that may be long, a body or the variables: `请求体：\n…`. */
  debugBody(title: string, content: () => string): void {
    if (!this.#debug) return
    const body = content()
    const line = (text: string): LogLine => ['DEBUG', `${title}：\n${text}`]
    if (body.length <= MAX_BODY_LENGTH) return this.#keep({ line: line(body) })
    this.#keep({
      line: line(body.slice(0, MAX_BODY_LENGTH + ACROSS_THE_CUT)),
      cut: { length: title.length + 2 + MAX_BODY_LENGTH, ending: CUT.ending },
    })
  }

  /** Lines that are as they are to stand. */
  append(lines: readonly LogLine[]): void {
    for (const line of lines) this.#keep({ line })
  }

  /** The line that ends a case: kept however full the log is. */
  verdict(level: Level, message: string): void {
    this.#entries.push({ line: [level, written(level, message)], always: true })
  }

  /** The log as results show it. */
  lines(mask: Mask): readonly LogLine[] {
    const shown: LogLine[] = []
    let room = MAX_LENGTH
    for (const { line, cut, always, last } of this.#entries) {
      if (room < 0 && always !== true) continue
      const [level] = line
      const masked = mask(line[1])
      const text = cut === undefined ? masked : masked.slice(0, cut.length) + cut.ending
      shown.push([level, always === true ? text : text.slice(0, room)])
      if (always === true) continue
      room = last === true ? -1 : room - text.length
      if (room < 0) shown.push(['WARNING', written('WARNING', '日志超过1MiB，其余不再保存')])
    }
    return shown
  }

  #keep(entry: Entry): void {
    if (this.#collected > MAX_COLLECTED) return
    const [level, text] = entry.line
    this.#collected += text.length
    if (this.#collected <= MAX_COLLECTED) this.#entries.push(entry)
    else this.#entries.push({ ...entry, line: [level, text.slice(0, MAX_COLLECTED)], last: true })
  }
}

function written(level: Level, message: string): string {
  return level === 'DEBUG' || level === 'EXCEPT' ? message : `【${level}】  |   ${message}`
}
