import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { charsetOf, decodeBody, decodeText, shownBody, shownHeaders } from './response.ts'

function answer(headers: readonly (readonly [string, string])[], body: Buffer | string) {
  return { status: 200, reason: 'OK', headers, body: Buffer.from(body), elapsedMs: 1 }
}

function shown(body: Buffer | string, type?: string): string {
  const bytes = Buffer.from(body)
  return shownBody(bytes, charsetOf(type === undefined ? [] : [['Content-Type', type]], bytes))
}

describe('content encodings', () => {
  const text = Buffer.from('hello '.repeat(1000))
  test.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['deflate, gzip', gzipSync(deflateSync(text))],
    ['identity', text],
    ['unknown', text],
  ])('%s', async (encoding, body) => {
    expect((await decodeBody(answer([['content-encoding', encoding]], body))).equals(text)).toBe(true)
  })

  test('an empty body needs none, whatever is declared', async () => {
    expect((await decodeBody(answer([['Content-Encoding', 'gzip']], ''))).length).toBe(0)
  })

  test.each(['gzip', 'deflate', 'br'])('%s that is none is an error', async (encoding) => {
    await expect(decodeBody(answer([['Content-Encoding', encoding]], 'plain text'))).rejects.toThrow(
      `无法按${encoding}解码`,
    )
  })

  test('a stream that breaks off is read as far as it goes', async () => {
    const whole = gzipSync(text)
    const read = await decodeBody(answer([['Content-Encoding', 'gzip']], whole.subarray(0, whole.length - 9)))
    expect(read.length > 0 && text.toString().startsWith(read.toString())).toBe(true)
  })

  test('x-gzip is undone where it is gzip', async () => {
    expect((await decodeBody(answer([['Content-Encoding', 'x-gzip']], gzipSync(text)))).equals(text)).toBe(true)
    expect((await decodeBody(answer([['Content-Encoding', 'x-gzip']], 'plain'))).toString()).toBe('plain')
  })

  test('a bomb is an error that names the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(11 * 1024 * 1024))
    expect(bomb.length).toBeLessThan(20_000)
    await expect(decodeBody(answer([['Content-Encoding', 'gzip']], bomb))).rejects.toThrow('10MiB')
  })
})

describe('charset', () => {
  test.each([
    ['text/html; charset=GBK', 'x', 'GBK', 'GBK'],
    ['text/html;CHARSET="utf-8"', 'x', 'utf-8', 'utf-8'],
    ["text/plain; charset='latin1'; x=y", 'x', 'latin1', 'latin1'],
    ['text/html', '中', 'ISO-8859-1', 'utf-8'],
    ['application/json', '中', 'utf-8', 'utf-8'],
    ['application/octet-stream', '中', null, 'utf-8'],
    [undefined, '中', null, 'utf-8'],
    ['TEXT/PLAIN', '中', null, 'utf-8'],
    ['text/plain; charset=', '中', '', ''],
  ])('%s with valid UTF-8', (type, body, encoding, text) => {
    expect(charsetOf(type === undefined ? [] : [['content-type', type]], Buffer.from(body))).toEqual({ encoding, text })
  })

  test.each([
    ['text/plain', 'ISO-8859-1', 'latin-1'],
    ['application/json', 'utf-8', 'utf-8'],
    ['image/png', null, null],
    [undefined, null, null],
  ])('%s with bytes that are no UTF-8', (type, encoding, text) => {
    expect(charsetOf(type === undefined ? [] : [['Content-Type', type]], Buffer.from([0xe9, 0xff]))).toEqual({
      encoding,
      text,
    })
  })
})

describe('decoding as Python does', () => {
  test.each([
    ['utf-8', [0xe4, 0xb8, 0xad, 0xff], '中\ufffd'],
    ['UTF_8', [0xe4, 0xb8, 0xad], '中'],
    ['gbk', [0xd6, 0xd0], '中'],
    ['GB2312', [0xd6, 0xd0], '中'],
    ['cp936', [0xd6, 0xd0], '中'],
    ['gb18030', [0xd6, 0xd0], '中'],
    ['big5', [0xa4, 0xa4], '中'],
    ['shift_jis', [0x92, 0x86], '中'],
    // Latin-1, not the windows-1252 that browsers make of it.
    ['ISO-8859-1', [0x80, 0xe9], '\u0080é'],
    ['latin-1', [0x80, 0xe9], '\u0080é'],
    ['windows-1252', [0x80, 0xe9], '€é'],
    ['ascii', [0x61, 0xe9], 'a\ufffd'],
    ['no-such-charset', [0xe4, 0xb8, 0xad], '中'],
    ['utf-8', [0xef, 0xbb, 0xbf, 0x61], '\ufeffa'],
  ])('%s', (charset, bytes, text) => {
    expect(decodeText(Buffer.from(bytes), charset)).toBe(text)
  })
})

describe('how a body is shown', () => {
  test.each([
    [
      '{"b":1.10,"a":12345678901234567890,"2":"中"}',
      'application/json',
      '{\n  "b": 1.1,\n  "a": 12345678901234567890,\n  "2": "中"\n}',
    ],
    ['[1,2]', 'text/html', '[\n  1,\n  2\n]'],
    ['123', undefined, '123'],
    [' "x" ', undefined, '"x"'],
    ['[NaN,-Infinity]', 'application/json', '[\n  NaN,\n  -Infinity\n]'],
    ['{"a":1,"a":2}', 'application/json', '{\n  "a": 2\n}'],
    ['{broken', 'application/json', '{broken'],
    ['<p>中</p>', 'text/html', '<p>中</p>'],
    ['', 'application/json', ''],
    ['\ufeff{"a":1}', 'application/octet-stream', '{\n  "a": 1\n}'],
    ['\ufeff{"a":1}', 'application/json', '\ufeff{"a":1}'],
    ['中', 'text/plain; charset=gbk', '中'],
    ['中', 'text/plain; charset=ascii', '中'],
  ])('%j as %s', (body, type, text) => {
    expect(shown(body, type)).toBe(text)
  })

  test('UTF-16 with a mark and without a charset is read', () => {
    expect(shown(Buffer.from('\ufeff{"a":"中"}', 'utf16le'))).toBe('{\n  "a": "中"\n}')
  })

  test('UTF-16 without a mark is told by its zeros', () => {
    expect(shown(Buffer.from('{"a":1}', 'utf16le'))).toBe('{\n  "a": 1\n}')
    expect(shown(Buffer.from('{"a":1}', 'utf16le').swap16())).toBe('{\n  "a": 1\n}')
  })

  test('GBK text is read by its charset', () => {
    expect(shown(Buffer.from([0x22, 0xd6, 0xd0, 0x22]), 'application/json; charset=gbk')).toBe('"中"')
  })

  test('bytes that are no text are base64 with their length', () => {
    expect(shown(Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0x00]), 'image/jpeg')).toBe('base64(5字节)：/9j/4AA=')
  })

  test('JSON over a MiB stays as it came', () => {
    const large = `["${'x'.repeat(1024 * 1024)}"]`
    expect(shown(large, 'application/json')).toBe(large)
  })
})

test('repeated headers are joined at the place and in the spelling of the first', () => {
  expect(
    Object.entries(
      shownHeaders([
        ['Set-Cookie', 'a=1'],
        ['X', '1'],
        ['set-cookie', 'b=2; Path=/'],
        ['__proto__', 'p'],
      ]),
    ),
  ).toEqual([
    ['Set-Cookie', 'a=1, b=2; Path=/'],
    ['X', '1'],
    ['__proto__', 'p'],
  ])
})
