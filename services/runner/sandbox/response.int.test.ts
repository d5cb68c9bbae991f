import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { givenCase, givenPool, type GivenCase } from './given-sandbox.ts'
import type { ResponseData } from './sandbox.ts'

const pool = givenPool({ size: 0 })
let plain: GivenCase

beforeAll(async () => {
  plain = await givenCase(pool)
}, 120_000)
afterAll(() => pool.stop(), 30_000)

const answer: ResponseData = {
  status: 404,
  reason: 'Not Found',
  url: 'http://h/a?b=1',
  headers: [
    ['Content-Type', 'application/json'],
    ['X-Two', 'a'],
    ['x-two', 'b'],
    ['Link', '<http://h/2>; rel="next", <http://h/9>; rel=last'],
  ],
  body: Buffer.from('{"id": 12345678901234567890, "名": "值"}'),
  encoding: 'utf-8',
  elapsedMs: 1500.25,
  cookies: [{ name: 'sid', value: 's1', domain: 'h', path: '/' }],
  history: [],
  request: { method: 'POST', url: 'http://h/a?b=1', headers: [['Accept', '*/*']], body: '{"q": 1}' },
}
const hop: ResponseData = {
  ...answer,
  status: 302,
  url: 'http://h/0',
  headers: [['Location', '/a']],
  body: Buffer.from('moved'),
  request: { ...answer.request, body: null },
}

const reads = async (script: string, response: ResponseData): Promise<void> =>
  expect((await plain.teardown(script, response)).end).toEqual({ kind: 'done' })

test('reads as one of requests', () =>
  reads(
    `
import requests
assert response.status_code == response.status_cede == 404 and not response.ok and not response and response.reason == 'Not Found'
assert response.json()['id'] == 12345678901234567890 and response.json()['名'] == '值' and '值' in response.text
assert response.headers['content-TYPE'] == 'application/json' and response.headers['X-TWO'] == 'a, b' and 'nope' not in response.headers
assert response.headers.get('nope', 1) == 1 and dict(response.headers)['X-Two'] == 'a, b'
assert response.elapsed.total_seconds() == 1.50025 and response.url == 'http://h/a?b=1' and repr(response) == '<Response [404]>'
assert response.cookies['sid'] == 's1' and response.cookies.get('x') is None and dict(response.cookies) == {'sid': 's1'}
assert [c.domain for c in response.cookies] == ['h'] and response.cookies.get_dict() == {'sid': 's1'} and 'sid' in response.cookies
assert response.links == {'next': {'url': 'http://h/2', 'rel': 'next'}, 'last': {'url': 'http://h/9', 'rel': 'last'}}
assert response.request.method == 'POST' and response.request.body == '{"q": 1}' and response.request.headers['accept'] == '*/*'
assert response.request.path_url == '/a?b=1' and response.history[0].request.body is None
assert [h.status_code for h in response.history] == [302] and response.history[0].is_redirect and response.history[0].text == 'moved'
assert not response.is_redirect and isinstance(response.content, bytes) and b''.join(response.iter_content(7)) == response.content
try:
  response.raise_for_status()
except requests.exceptions.HTTPError as problem:
  assert str(problem) == '404 Client Error: Not Found for url: http://h/a?b=1' and problem.response is response
else:
  raise RuntimeError('it did not raise')`,
    { ...answer, history: [hop] },
  ))

const sent = (body: ResponseData['request']['body']) => ({ ...answer, request: { ...answer.request, body } })

test('the body that was sent is bytes where requests has bytes, in redirects too', async () => {
  const bytes = Buffer.from([0x7b, 0xff, 0x00, 0x7d])
  await reads(`assert response.request.body == b'{\\xff\\x00}' and type(response.history[0].request.body) is bytes`, {
    ...sent(bytes),
    history: [sent(bytes)],
  })
  await reads(`assert response.request.body == b''`, sent(new Uint8Array()))
  await reads(`assert response.request.body == 'a=中'`, sent('a=中'))
  await reads(`assert response.request.body is None`, sent(null))
})

test('text without a charset is UTF-8 when it can be, else what requests says', async () => {
  const text = { ...answer, headers: [['Content-Type', 'text/plain']], encoding: 'ISO-8859-1' } as const
  await reads(`assert response.text == '中é' and response.encoding == 'ISO-8859-1'`, {
    ...text,
    body: Buffer.from('中é'),
  })
  await reads(`assert response.text == '\\xe9' and list(response.iter_lines()) == [b'\\xe9']`, {
    ...text,
    body: Buffer.from([0xe9]),
  })
  await reads(`response.encoding = 'gbk'\nassert response.text == '中'`, { ...text, body: Buffer.from([0xd6, 0xd0]) })
  const told = { ...text, headers: [['Content-Type', 'text/plain; charset=latin-1']], encoding: 'latin-1' } as const
  await reads(`assert response.text == '\\xc3\\xa9'`, { ...told, body: Buffer.from('é') })
})

test('a body that is no JSON raises what scripts catch', async () => {
  const { end } = await plain.teardown('response.json()', { ...answer, body: Buffer.from('<html>') })
  expect(end).toMatchObject({
    kind: 'error',
    type: 'JSONDecodeError',
    message: '[Errno Expecting value] <html>: 0',
  })
  await reads(`import requests\ntry: response.json()\nexcept (ValueError, requests.exceptions.JSONDecodeError): pass`, {
    ...answer,
    body: Buffer.from(''),
  })
})

test('a large body arrives whole', async () => {
  const body = Buffer.alloc(10 * 1024 * 1024, 'abcdefghij')
  await reads(`import hashlib\nassert len(response.content) == 10485760 and response.text.count('j') == 1048576`, {
    ...answer,
    body,
  })
})
