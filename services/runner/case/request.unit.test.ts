import { describe, expect, test } from '@jest/globals'
import { parseJson, type Json, type JsonObject } from '../../../contracts/json.ts'
import { CaseFault } from './fault.ts'
import type { Part } from './multipart.ts'
import { askedBy, buildRequest, proxyFor, type Asked, type BuiltRequest } from './request.ts'
import { prepareUrl } from './url.ts'

/** What is expected of headers and bodies was printed by requests 2.27.1, but where a test says that it is ours. */

type Given = {
  url?: string
  method?: string
  headers?: string
  request?: string
  upload?: readonly Part[]
  host?: Json | undefined
  environment?: string
  jar?: string
}

function build(given: Given): BuiltRequest & Asked {
  const data: JsonObject = new Map<string, Json>([
    [
      'interface',
      new Map([
        ['url', given.url ?? '/p'],
        ['method', given.method ?? 'POST'],
      ]),
    ],
    ['headers', parseJson(given.headers ?? '{}')],
    ['request', parseJson(given.request ?? '{}', { nonFinite: true })],
  ])
  const asked = askedBy(data, 'host' in given ? given.host : 'http://h')
  const built = buildRequest(asked, data, parseJson(given.environment ?? 'null'), {
    cookieHeader: (_, own) =>
      [...(given.jar === undefined ? [] : [given.jar]), ...own.map(([name, value]) => `${name}=${value}`)].join('; ') ||
      undefined,
    boundary: () => 'B',
    upload: given.upload,
  })
  return { ...asked, ...built }
}

const SESSION = [
  ['User-Agent', 'python-requests/2.27.1'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Accept', '*/*'],
  ['Connection', 'keep-alive'],
] as const

function sentHeaders(given: Given) {
  return build(given).wire.headers.entries()
}

function bodyText(given: Given): string | null {
  const { bytes } = build(given).wire.body
  return bytes === null ? null : new TextDecoder().decode(bytes)
}

describe('address and method', () => {
  test('that are no text are refused by their Python text', () => {
    const called = (url: string, method: string) =>
      askedBy(new Map([['interface', new Map(Object.entries({ url, method }))]]), 'h')
    expect(() => called("\0python:bytes:b'/x'", 'get')).toThrow("接口地址应为文本：b'/x'")
    expect(() => called('/x', "\0python:bytes:b'get'")).toThrow("请求方法应为文本：b'get'")
  })

  test.each([
    ['http://h', '/p', 'http://h/p'],
    ['http://h/', '/p', 'http://h//p'],
    ['http://h', 'p', 'http://h/p'],
    ['http://h/', 'p', 'http://h/p'],
    ['http://h', '', 'http://h'],
    ['http://h', '?a=1', 'http://h?a=1'],
    ['http://h', '#f', 'http://h#f'],
    ['http://h', 'https://other/x', 'https://other/x'],
    ['http://h', 'HTTP://other/x', 'HTTP://other/x'],
    [null, 'http://other/x', 'http://other/x'],
  ])('host %j and url %j', (host, url, address) => {
    expect(build({ host, url }).address).toBe(address)
  })

  test.each([['ftp://x/'], ['javascript://x']])('%s is no address to send to', (url) => {
    expect(() => build({ url })).toThrow('http://')
  })

  test('without a host there is none to ask', () => {
    expect(() => build({ host: undefined })).toThrow('host')
    expect(() => build({ host: null })).toThrow('host')
  })

  test('the log tells the address without params, the wire has them', () => {
    const built = build({ request: '{"params":{"a":[1,2],"b":null,"c":true,"d":{"x":1},"e":"中 文"}}' })
    expect(built.address).toBe('http://h/p')
    expect(built.wire.url.href).toBe('http://h/p?a=1&a=2&c=True&d=x&e=%E4%B8%AD+%E6%96%87')
  })

  test.each([
    ['"a=1&b=中"', '?a=1&b=%E4%B8%AD'],
    ['[["a",1],["a",1.50]]', '?a=1&a=1.5'],
    ['{"q":"a b+c/d:e~f*g(h)\'!,;@"}', '?q=a+b%2Bc%2Fd%3Ae~f%2Ag%28h%29%27%21%2C%3B%40'],
    ['{"b":1e20,"c":12345678901234567890123,"d":""}', '?b=1e%2B20&c=12345678901234567890123&d='],
    ['{"f":[["q","w"],{"z":1},[[1]]]}', '?f=q&f=w&f=z&f=%5B1%5D'],
    ['{"a":[],"b":{}}', ''],
    ['{}', ''],
    ['""', ''],
    ['null', ''],
    ['0', ''],
    ['false', ''],
  ])('params %s', (params, query) => {
    expect(build({ request: `{"params":${params}}` }).wire.url.href).toBe(`http://h/p${query}`)
  })

  test.each(['get', 'Delete', 'PROPFIND', 'x-custom'])('any method is sent in capitals: %s', (method) => {
    expect(build({ method }).wire.method).toBe(method.toUpperCase())
  })

  test.each(['', 'foo bar', 'GET\r\n', 'CONNECT', '获取'])('the method %j is refused', (method) => {
    expect(() => build({ method })).toThrow('请求方法无效')
  })
})

describe('headers', () => {
  test('a session of requests, then what the body brings', () => {
    expect(sentHeaders({ request: '{"json":{"a":1}}' })).toEqual([
      ...SESSION,
      ['Content-Length', '8'],
      ['Content-Type', 'application/json'],
    ])
  })

  test('environment, request, case: later wins, without case, at the first place and in its own spelling', () => {
    expect(
      sentHeaders({
        method: 'GET',
        environment: '{"X-A":"env","X-B":"env","accept":"text/html"}',
        request: '{"headers":{"x-a":"request","X-C":"request"}}',
        headers: '{"X-a":"case","X-C":5}',
      }),
    ).toEqual([
      ['User-Agent', 'python-requests/2.27.1'],
      ['Accept-Encoding', 'gzip, deflate, br'],
      ['accept', 'text/html'],
      ['Connection', 'keep-alive'],
      ['X-a', 'case'],
      ['X-B', 'env'],
      ['X-C', '5'],
    ])
  })

  test('values are text, trimmed; null takes a header away (ours)', () => {
    const headers = '{"A":1,"B":1.0,"C":true,"D":"  x \\t","User-Agent":null,"X-Env":null}'
    expect(sentHeaders({ method: 'GET', headers, environment: '{"X-Env":"1"}' }).slice(3)).toEqual([
      ['A', '1'],
      ['B', '1.0'],
      ['C', 'True'],
      ['D', 'x'],
    ])
  })

  test.each([
    ['{"A":"a\\r\\nB: c"}', 'A'],
    ['{"A":"中"}', 'A'],
    ['{"A B":"x"}', 'A B'],
    ['{"":"x"}', '""'],
    ['{"A":{}}', 'A'],
    ['{"A":["x"]}', 'A'],
    ['[]', 'headers'],
  ])('%s cannot be sent', (headers, named) => {
    expect(() => build({ headers })).toThrow(CaseFault)
    expect(() => build({ headers })).toThrow(named)
  })

  test('the length is counted, whatever was given', () => {
    expect(
      build({ headers: '{"content-length":"5"}', request: '{"json":{"a":1}}' }).wire.headers.get('Content-Length'),
    ).toBe('8')
    expect(build({ method: 'GET', headers: '{"Content-Length":"5"}' }).wire.headers.has('Content-Length')).toBe(false)
  })

  test('headers of the connection are left to the client and named', () => {
    const built = build({ headers: '{"Keep-Alive":"x","transfer-encoding":"chunked","connection":"Upgrade, Close"}' })
    expect(built.dropped).toEqual(['Keep-Alive', 'transfer-encoding'])
    expect(built.wire.headers.entries()).toContainEqual(['connection', 'close'])
  })

  test.each([
    ['POST', '0'],
    ['PUT', '0'],
    ['PATCH', '0'],
    ['DELETE', '0'],
    ['OPTIONS', '0'],
    ['GET', undefined],
    ['HEAD', undefined],
  ])('Content-Length of %s without a body', (method, length) => {
    expect(build({ method }).wire.headers.get('Content-Length')).toBe(length)
  })
})

const JSON_BODY = '{"json":{"a":1}}'

/** The names that go with a JSON body behind the session's own. */
function names(headers: string): readonly string[] {
  return sentHeaders({ headers, request: JSON_BODY }).map(([name]) => name)
}

describe('Content-Type', () => {
  test.each([
    ['Content-Type', 'application/json;charset=utf8', JSON_BODY, 'application/json;charset=utf8'],
    ['Content-Type', 'application/vnd.api+json', JSON_BODY, 'application/vnd.api+json'],
    ['Content-Type', 'application/x-www-form-urlencoded', JSON_BODY, 'application/json'],
    ['Content-Type', 'application/json', '{"data":{"a":1}}', 'application/x-www-form-urlencoded'],
    ['Content-Type', 'text/xml', '{"data":"<a/>"}', 'text/xml'],
    ['Content-Type', 'application/json', '{"data":"{}"}', 'application/json'],
    ['Content-Type', 'application/json', '{}', undefined],
    ['content-type', 'text/xml', JSON_BODY, 'text/xml'],
    ['content-Type', 'application/json', '{"data":{"a":1}}', 'application/json'],
    ['CONTENT-TYPE', 'application/json', '{}', 'application/json'],
    ['X', '1', '{"data":"text"}', undefined],
    ['X', '1', '{"data":{"a":null}}', 'application/x-www-form-urlencoded'],
  ])('%s: %s with %s', (name, value, request, sent) => {
    expect(build({ headers: `{"${name}":"${value}"}`, request }).wire.headers.get('content-type')).toBe(sent)
  })

  test('a given one that fits goes with the body too, another spelling stays where it is', () => {
    expect(names('{"Content-Type":"application/json","Z":"1"}').slice(4)).toEqual([
      'Z',
      'Content-Length',
      'Content-Type',
    ])
    expect(names('{"content-type":"application/json","Z":"1"}').slice(4)).toEqual([
      'content-type',
      'Z',
      'Content-Length',
    ])
  })

  test('a given one that does not fit loses its place too', () => {
    expect(sentHeaders({ headers: '{"Content-Type":"text/xml","Z":"1"}', request: JSON_BODY }).slice(4)).toEqual([
      ['Z', '1'],
      ['Content-Length', '8'],
      ['Content-Type', 'application/json'],
    ])
  })
})

describe('body', () => {
  test.each([
    ['{}', null],
    ['{"json":null}', null],
    ['{"json":[]}', '[]'],
    ['{"json":{}}', '{}'],
    ['{"json":false}', 'false'],
    ['{"json":0}', '0'],
    ['{"json":"s"}', '"s"'],
    [
      '{"json":{"b":1e3,"a":1.0,"2":"中","1":12345678901234567890}}',
      '{"b": 1000.0, "a": 1.0, "2": "\\u4e2d", "1": 12345678901234567890}',
    ],
    ['{"data":"","json":{"a":1}}', '{"a": 1}'],
    ['{"data":{},"json":{"a":1}}', '{"a": 1}'],
    ['{"data":0,"json":{"a":1}}', '{"a": 1}'],
    ['{"data":{"x":1},"json":{"a":1}}', 'x=1'],
    ['{"data":{"a":[1,2],"b":null,"c":true,"d":{"x":1},"e":"中 文"}}', 'a=1&a=2&c=True&d=x&e=%E4%B8%AD+%E6%96%87'],
    ['{"data":[["a",1],["a",2]]}', 'a=1&a=2'],
    ['{"data":"{\\"中\\":1}"}', '{"中":1}'],
  ])('%s', (request, body) => {
    expect(bodyText({ request })).toBe(body)
  })

  test.each([
    ['{}', 'None'],
    ['{"json":{"a":1.0,"中":"文"}}', '{\n  "a": 1.0,\n  "中": "文"\n}'],
    ['{"data":{"a":1}}', 'a=1'],
    ['{"data":"{\\"a\\":1}"}', '{"a":1}'],
    ['{"data":{"a":null}}', ''],
  ])('%s is shown', (request, shown) => {
    expect(build({ request }).wire.body.shown).toBe(shown)
  })

  test.each([
    ['{"json":NaN}', 'NaN'],
    ['{"json":{"a":[1e400]}}', 'Infinity'],
    ['{"data":5}', 'data'],
    ['{"data":true}', 'data'],
    ['{"data":[1]}', 'data'],
    ['{"data":[["a","b","c"]]}', 'data'],
    ['{"data":"\\ud800"}', 'UTF-8'],
    ['{"data":{"a":"\\ud800"}}', 'UTF-8'],
    ['{"params":5}', 'params'],
    ['{"params":true}', 'params'],
  ])('%s cannot be sent', (request, named) => {
    expect(() => build({ request })).toThrow(CaseFault)
    expect(() => build({ request })).toThrow(named)
  })

  test('a lone surrogate in JSON is an escape like any other', () => {
    expect(bodyText({ request: '{"json":"\\ud800"}' })).toBe('"\\ud800"')
  })

  test('files: text, named text, typed text, after the fields of data', () => {
    const request =
      '{"data":{"a":[1,2],"b":null},"files":{"f":"text","g":["n\\"\\\\中.txt","t","text/plain"],"h":["h.txt","x"]}}'
    expect(bodyText({ request })).toBe(
      [
        '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n',
        '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n',
        '--B\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\ntext\r\n',
        '--B\r\nContent-Disposition: form-data; name="g"; filename="n%22\\\\中.txt"\r\nContent-Type: text/plain\r\n\r\nt\r\n',
        '--B\r\nContent-Disposition: form-data; name="h"; filename="h.txt"\r\n\r\nx\r\n',
        '--B--\r\n',
      ].join(''),
    )
    expect(build({ request }).wire.headers.get('Content-Type')).toBe('multipart/form-data; boundary=B')
  })

  test.each([
    '{"files":{"f":1.5}}',
    '{"files":{"f":["n"]}}',
    '{"files":{"f":["n","x","t",{"X-A":"1\\n2"}]}}',
    '{"files":"x"}',
    '{"files":{"f":["a"]}}',
    '{"files":{"f":"x"},"data":"text"}',
    '{"files":{"f":["a","b","x\\r\\ny"]}}',
  ])('%s cannot be sent', (request) => {
    expect(() => build({ request })).toThrow('files')
  })

  describe('the form of file', () => {
    const upload = [{ name: 't', content: 'v' }]
    const FORM = '--B\r\nContent-Disposition: form-data; name="t"\r\n\r\nv\r\n--B--\r\n'

    test('takes the place of data, and json is not sent beside it', () => {
      for (const request of [
        '{}',
        '{"data":{"b":2}}',
        '{"data":"text","json":{"a":1}}',
        '{"json":{"a":1},"files":{}}',
      ]) {
        expect([request, bodyText({ request, upload })]).toEqual([request, FORM])
      }
      expect(bodyText({ method: 'GET', upload })).toBe(FORM)
    })

    test('has a type that goes before any that is given, at its place', () => {
      const given = [
        '{"Content-Type":"a/b","X":"1"}',
        '{"content-type":"a/b","X":"1"}',
        '{"X":"1"}',
        '{"Content-Type":null}',
      ]
      const type = ['Content-Type', 'multipart/form-data; boundary=B']
      const length = ['Content-Length', String(FORM.length)]
      expect(given.map((headers) => sentHeaders({ headers, upload }).slice(4))).toEqual([
        [type, ['X', '1'], length],
        [type, ['X', '1'], length],
        [['X', '1'], type, length],
        [type, length],
      ])
    })

    test('does not go with files of the request', () => {
      expect(() => build({ request: '{"files":{"f":"x"}}', upload })).toThrow(
        'file(文件上传)与请求参数files不能同时使用',
      )
    })
  })
})

describe('cookies and login', () => {
  test("the jar's and the case's stand before what the body brings", () => {
    expect(sentHeaders({ jar: 'a=jar', request: '{"cookies":{"a":"own","b":5,"c":null},"json":{}}' }).slice(4)).toEqual(
      [
        ['Cookie', 'a=jar; a=own; b=5'],
        ['Content-Length', '2'],
        ['Content-Type', 'application/json'],
      ],
    )
  })

  test('a given Cookie header beats both', () => {
    expect(
      build({ jar: 'a=jar', headers: '{"cookie":"z=9"}', request: '{"cookies":{"b":"2"}}' }).wire.headers.get('Cookie'),
    ).toBe('z=9')
  })

  test.each([
    ['{"auth":["u","p:1"]}', '/p', '{}', 'Basic dTpwOjE='],
    ['{"auth":["ü",1]}', '/p', '{}', 'Basic /Dox'],
    ['{"auth":["u","p"]}', 'http://x:y@h/', '{"Authorization":"given"}', 'Basic dTpw'],
    ['{}', 'http://u:p%40@h/', '{"Authorization":"given"}', 'Basic dTpwQA=='],
    ['{"auth":null}', '/p', '{"Authorization":"given"}', 'given'],
    ['{"auth":[]}', '/p', '{}', undefined],
  ])('auth %s at %s with headers %s', (request, url, headers, sent) => {
    expect(build({ request, url, headers }).wire.headers.get('Authorization')).toBe(sent)
  })

  test.each([
    '{"auth":["u"]}',
    '{"auth":"u:p"}',
    '{"auth":[["u"],"p"]}',
    '{"auth":["中","p"]}',
    '{"cookies":{"a":[1]}}',
    '{"cookies":"a=1"}',
  ])('%s cannot be sent', (request) => {
    expect(() => build({ request })).toThrow(CaseFault)
  })
})

describe('transport', () => {
  test.each([
    ['{}', { connect: 30_000, read: 30_000 }],
    ['{"timeout":null}', { connect: 30_000, read: 30_000 }],
    ['{"timeout":5}', { connect: 5000, read: 5000 }],
    ['{"timeout":0.25}', { connect: 250, read: 250 }],
    ['{"timeout":[1,2.5]}', { connect: 1000, read: 2500 }],
    ['{"timeout":[1,null]}', { connect: 1000, read: 30_000 }],
  ])('timeouts of %s', (request, timeouts) => {
    expect(build({ request }).transport.timeouts).toEqual(timeouts)
  })

  test.each(['0', '-1', '"5"', 'true', '[]', '[1]', '[1,2,3]', '{}', '1e400', '99999999'])(
    'the timeout %s is refused',
    (timeout) => {
      expect(() => build({ request: `{"timeout":${timeout}}` })).toThrow('timeout')
    },
  )

  test.each([
    ['{}', true, true],
    ['{"allow_redirects":false,"verify":false}', false, false],
    ['{"allow_redirects":null,"verify":null}', false, true],
    ['{"allow_redirects":0,"verify":true}', false, true],
    ['{"allow_redirects":1}', true, true],
  ])('%s', (request, allowRedirects, verify) => {
    expect(build({ request }).transport).toMatchObject({ allowRedirects, verify })
  })

  test('a certificate file is refused where it would be needed', () => {
    expect(() => build({ request: '{"verify":"/ca.pem"}', url: 'https://h/' })).toThrow('verify')
    expect(build({ request: '{"verify":"/ca.pem"}' }).transport.verify).toBe(true)
  })

  test.each(['{"hooks":{}}', '{"auth":""}', '{"auth":false}', '{"cookies":[]}', '{"proxies":""}', '{"cert":""}'])(
    '%s is as good as none',
    (request) => {
      expect(build({ request }).transport).toEqual(build({ request: '{}' }).transport)
    },
  )

  test.each([
    '{"hooks":{"response":[]}}',
    '{"cert":"x"}',
    '{"proxies":{"http":5}}',
    '{"proxies":{"http":"socks5://h"}}',
    '[]',
  ])('%s is refused', (request) => {
    expect(() => build({ request })).toThrow(CaseFault)
  })

  test.each([
    ['http://h/', 'http://plain:1'],
    ['https://h/', 'http://all:2'],
    ['https://special/', 'https://own:3'],
  ])('the proxy for %s', (url, proxy) => {
    const proxies = '{"http":"plain:1","all":"http://all:2","https://special":"https://own:3","ftp":null}'
    expect(proxyFor(prepareUrl(url), build({ request: `{"proxies":${proxies}}` }).transport.proxies)).toBe(proxy)
  })
})
