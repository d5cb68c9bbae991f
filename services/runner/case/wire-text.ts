import { CaseFault } from './fault.ts'

/** The bytes that a text of a request is sent as. Throws `CaseFault` for what has none. */
export function utf8(text: string): Buffer {
  if (text.includes('\0python:')) throw new CaseFault('请求体中含有无法发送的Python值')
  if (!text.isWellFormed()) throw new CaseFault('请求体中含有无法用UTF-8编码的字符')
  return Buffer.from(text)
}

/** What is no text as results show it: in base64, with its length. */
export function shownBinary(bytes: Buffer): string {
  return `base64(${bytes.length}字节)：${bytes.toString('base64')}`
}
