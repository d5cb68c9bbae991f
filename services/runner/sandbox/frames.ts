/**
 * The wire between host and walled process. A command is two little-endian 32-bit lengths, a JSON text and raw bytes; a
 * reply one length and a JSON text. The host asks, the child answers once; before that it may put questions to the host,
 * one after the other, each a frame like a reply with the length's highest bit set, and answered by a command. What else a
 * child sends is refused.
 */

/** A command as one buffer. */
export function encodeCommand(json: string, bytes: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(json)
  const head = Buffer.allocUnsafe(8)
  head.writeUInt32LE(text.length, 0)
  head.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([head, text, bytes])
}

/** Thrown for what no reply of ours looks like; the child that sent it is not to be used again. */
export class HostileFrame extends Error {}

/** What a child sends: the reply to a command, or a question while it works on one. */
export type Frame = Readonly<{ kind: 'reply' | 'question'; json: string }>

const QUESTION = 2 ** 31

/** Collects one frame at a time. It holds at most the longest one, whatever is sent. */
export class FrameReader {
  readonly #longest: Readonly<Record<Frame['kind'], number>>
  #parts: Buffer[] = []
  #size = 0

  /** No question is longer than the longest reply. */
  constructor(longest: Readonly<Record<Frame['kind'], number>>) {
    this.#longest = longest
  }

  /** The frame once it is whole, else undefined. Throws HostileFrame for too long a frame or a byte after it. */
  push(chunk: Buffer): Frame | undefined {
    this.#parts.push(chunk)
    this.#size += chunk.length
    if (this.#size > this.#longest.reply + 4) throw new HostileFrame('a frame is longer than allowed')
    if (this.#size < 4) return undefined
    if (this.#parts[0]!.length < 4) this.#parts = [Buffer.concat(this.#parts)]
    const head = this.#parts[0]!.readUInt32LE(0)
    const kind = head < QUESTION ? 'reply' : 'question'
    const length = head % QUESTION
    if (length > this.#longest[kind]) throw new HostileFrame('a frame is longer than allowed')
    if (this.#size < length + 4) return undefined
    if (this.#size > length + 4) throw new HostileFrame('more than one frame')
    const whole = Buffer.concat(this.#parts)
    this.#parts = []
    this.#size = 0
    return { kind, json: whole.toString('utf8', 4) }
  }
}
