import { Rejected, type StreamId } from '../../contracts/core.ts'
import { type Draft, MAX_APPEND_BYTES } from './port.ts'

/** A draft as it is stored: `data` and `meta` are JSON. */
export type Encoded = Readonly<{ id: string; type: string; data: string; meta: string; at: string }>

/**
 * Makes drafts storable, for any adapter: refuses what is too large (`too_large`) or holds text that no store keeps (`invalid`), and
 * lifts a time that lies before the draft's predecessor. What is no uuid or time throws a TypeError: a mistake of ours.
 */
export function encode(stream: StreamId, drafts: readonly Draft[]): { events: readonly Encoded[]; bytes: number } {
  if (drafts.length === 0) throw new TypeError(`an append to ${stream} without events`)
  checkText(stream)
  let bytes = 0
  let at = ''
  const events = drafts.map((draft): Encoded => {
    if (!UUID.test(draft.id)) throw new TypeError(`${JSON.stringify(draft.id)} is not a uuid`)
    const data = JSON.stringify(draft.data)
    const meta = JSON.stringify(draft.meta)
    bytes += Buffer.byteLength(data) + Buffer.byteLength(meta)
    checkText(draft.type)
    checkJson(data)
    checkJson(meta)
    at = later(at, draft.at)
    return { id: draft.id, type: draft.type, data, meta, at }
  })
  if (bytes > MAX_APPEND_BYTES) {
    const field = longestField(drafts)
    const words = `内容过大：一次写入最多 ${MAX_APPEND_BYTES} 字节，实际 ${bytes} 字节`
    throw new Rejected('too_large', field === undefined ? words : `${field}：${words}`, field)
  }
  return { events, bytes }
}

/** The member that takes most of what is too much: what its writer can do something about. */
function longestField(drafts: readonly Draft[]): string | undefined {
  const members = drafts.flatMap(({ data }) => Object.entries(data))
  const lengths = members.map(([name, value]) => ({ name, length: JSON.stringify(value).length }))
  return lengths.toSorted((one, other) => other.length - one.length)[0]?.name
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
const TIME = /^(?!0000)(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d:\d\d\.\d{3}(\d{3})(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/

/** The later of two times as they are written: an instant, whatever the offset; the first of two equal ones. An empty one is the earliest. */
export function later(one: string, other: string): string {
  if (one === other) return one
  const second = instant(other)
  return one !== '' && instant(one) >= second ? one : other
}

/** Microseconds since 1970; exact, as there are fewer than 2^53 before the year 2255. */
function instant(at: string): number {
  const [, year, month, day, micros] = TIME.exec(at) ?? []
  const milliseconds = Date.parse(at)
  // Date.parse takes 30 February for 2 March; a database refuses it.
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  if (micros === undefined || Number.isNaN(milliseconds) || date.getUTCDate() !== Number(day)) {
    throw new TypeError(`${JSON.stringify(at)} is not a time with microseconds and offset`)
  }
  return milliseconds * 1000 + Number(micros)
}

function checkText(text: string): void {
  if (text.includes('\0') || !text.isWellFormed()) refuse()
}

// JSON.stringify escapes NUL and lone surrogates, and of the backslashes before an escape's own each stands twice.
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][\da-f]{2})/

function checkJson(json: string): void {
  if (json.includes('\\u') && UNSTORABLE.test(json)) refuse()
}

function refuse(): never {
  throw new Rejected('invalid', '文本不能包含 NUL 字符或不成对的代理字符')
}
