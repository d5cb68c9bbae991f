/**
 * The wire between host and walled process. A command is two little-endian 32-bit lengths, a JSON text and raw bytes; a
 * reply one length and a JSON text. The host asks, the child answers once: what else a child sends is refused.
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

/** Collects one reply at a time. It holds at most the longest reply, whatever is sent. */
export class ReplyReader {
  readonly #longest: number
  #parts: Buffer[] = []
  #size = 0

  constructor(longest: number) {
    this.#longest = longest
  }

  /** The reply's JSON text once it is whole, else undefined. Throws HostileFrame for too long a reply or a byte after it. */
  push(chunk: Buffer): string | undefined {
    this.#parts.push(chunk)
    this.#size += chunk.length
    if (this.#size > this.#longest + 4) throw new HostileFrame('a reply is longer than allowed')
    if (this.#size < 4) return undefined
    if (this.#parts[0]!.length < 4) this.#parts = [Buffer.concat(this.#parts)]
    const length = this.#parts[0]!.readUInt32LE(0)
    if (length > this.#longest) throw new HostileFrame('a reply is longer than allowed')
    if (this.#size < length + 4) return undefined
    if (this.#size > length + 4) throw new HostileFrame('more than one reply')
    const whole = Buffer.concat(this.#parts)
    this.#parts = []
    this.#size = 0
    return whole.toString('utf8', 4)
  }
}
