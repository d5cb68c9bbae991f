import { describe, expect, test } from '@jest/globals'
import { type JsonText, parseJson } from '../../contracts/json.ts'
import {
  checkSecretPaths,
  type EnvironmentTexts,
  openTexts,
  sealTexts,
  sealVariables,
  secretValues,
  type WholeEnvironment,
  withOverlay,
} from './secrets.ts'
import { type Cipher, isSealed, MASK, mapSealedText } from './sealed.ts'

const json = (text: string): JsonText => text as JsonText

/** Encrypts so that a reader sees what was encrypted, and that no two encryptions are the same. */
function cipherOf(lost: readonly string[] = []): Cipher {
  let count = 0
  return {
    encrypt: (scope, text) => Promise.resolve(`${scope}#${++count}#${text}`),
    decrypt(scope, sealed) {
      const [owner, , ...text] = sealed.split('#')
      return Promise.resolve(owner === scope && !lost.includes(scope) ? text.join('#') : undefined)
    },
  }
}
/** What the `nth` encryption of a text is written as. */
const sealed = (nth: number, text: string, project = 7): string =>
  `{"$sealed":${JSON.stringify(`project-${project}#${nth}#${text}`)}}`

const seal = (
  texts: Partial<EnvironmentTexts>,
  secrets: readonly string[] = [],
  before: Partial<EnvironmentTexts> = {},
  cipher = cipherOf(),
) => sealTexts(cipher, 7, secrets, texts, before)

const environment = (fields: Partial<WholeEnvironment> = {}): WholeEnvironment => ({
  id: 1,
  project: 7,
  name: 'e',
  host: '',
  headers: json('{}'),
  global_variable: json('{}'),
  debug_global_variable: json('{}'),
  db: json('[]'),
  global_func: '',
  secrets: [],
  debug_overlay: {},
  ...fields,
})

describe('what may be named a secret', () => {
  test.each(['headers.X', 'headers.a.b', 'global_variable.token', 'debug_global_variable.中文', 'headers. '])(
    '%s may',
    (path) => expect(() => checkSecretPaths([path])).not.toThrow(),
  )
  test.each(['headers', 'headers.', '', 'token', 'db.password', 'header.X', 'xheaders.X', 'Headers.X', 'host.x'])(
    '%j may not',
    (path) => {
      const field = { name: 'Rejected', code: 'invalid', field: 'secrets' }
      expect(() => checkSecretPaths(['headers.X', path])).toThrow(expect.objectContaining(field))
    },
  )
})

describe('sealing', () => {
  test('takes what is named, values of any kind, and leaves the rest in clear', async () => {
    const texts = {
      headers: json('{"A":"x","Authorization":"Bearer 1"}'),
      global_variable: json('{"token":{"a":[1.0]},"n":12345678901234567890,"open":null}'),
    }
    const secrets = ['headers.Authorization', 'global_variable.token', 'global_variable.n', 'global_variable.absent']
    expect(await seal(texts, secrets)).toEqual({
      headers: `{"A":"x","Authorization":${sealed(1, '"Bearer 1"')}}`,
      global_variable: `{"token":${sealed(2, '{"a":[1.0]}')},"n":${sealed(3, '12345678901234567890')},"open":null}`,
    })
  })

  test('does not care for the case of header names, and does for that of variables', async () => {
    const texts = { headers: json('{"AUTHORIZATION":"x"}'), global_variable: json('{"Token":"x"}') }
    expect(await seal(texts, ['headers.authorization', 'global_variable.token'])).toEqual({
      headers: `{"AUTHORIZATION":${sealed(1, '"x"')}}`,
      global_variable: '{"Token":"x"}',
    })
  })

  test('takes a name with dots whole, and looks at the first level alone', async () => {
    const text = json('{"a.b":1,"a":{"b":2}}')
    expect(await seal({ global_variable: text }, ['global_variable.a.b'])).toEqual({
      global_variable: `{"a.b":${sealed(1, '1')},"a":{"b":2}}`,
    })
  })

  test('holds a variable that is secret in one of the two scopes for secret in both', async () => {
    for (const path of ['global_variable.t', 'debug_global_variable.t']) {
      expect(await seal({ debug_global_variable: json('{"t":1}') }, [path])).toEqual({
        debug_global_variable: `{"t":${sealed(1, '1')}}`,
      })
      expect(await seal({ global_variable: json('{"t":1}') }, [path])).toEqual({
        global_variable: `{"t":${sealed(1, '1')}}`,
      })
    }
    expect(await seal({ headers: json('{"t":1}') }, ['global_variable.t'])).toEqual({ headers: '{"t":1}' })
  })

  test('leaves texts without a secret letter for letter, and says nothing of what was not sent', async () => {
    const texts = { headers: json('{ "b": 1.0,\n "a": "\\u00e9", "b": 2 }'), db: json('[ {"name": "x"} ]') }
    expect(await seal(texts, ['headers.absent'])).toEqual(texts)
    expect(await seal({})).toEqual({})
    expect(await seal({ headers: json('[1]'), db: json('{"config":{"password":"x"}}') }, ['headers.0'])).toEqual({
      headers: '[1]',
      db: '{"config":{"password":"x"}}',
    })
  })
})

describe('a sealed value that is written again', () => {
  const before = { global_variable: json(`{"t":${sealed(9, '"old"')},"plain":"p"}`) }
  const again = (text: string, secrets = ['global_variable.t']) =>
    seal({ global_variable: json(text) }, secrets, before)

  test.each([
    ['its mask', `{"t":"${MASK}","plain":"p"}`],
    ['the value itself', '{"t":"old","plain":"p"}'],
    ['its ciphertext', `{"t":${sealed(9, '"old"')},"plain":"p"}`],
  ])('by %s keeps its ciphertext: it is no change', async (_, text) => {
    expect(await again(text)).toEqual(before)
  })

  test('by another value is sealed anew', async () => {
    expect(await again('{"t":"new"}')).toEqual({ global_variable: `{"t":${sealed(1, '"new"')}}` })
  })

  test('is opened when it is named no longer, be it by its mask or its value', async () => {
    for (const value of [MASK, 'old']) {
      expect(await again(`{"t":"${value}"}`, [])).toEqual({ global_variable: '{"t":"old"}' })
    }
    expect(await again('{"t":"new"}', [])).toEqual({ global_variable: '{"t":"new"}' })
  })

  test('goes when it is left out', async () => {
    expect(await again('{"plain":"p"}')).toEqual({ global_variable: '{"plain":"p"}' })
  })

  test('whose key is lost is kept by its mask', async () => {
    const text = { global_variable: json(`{"t":"${MASK}"}`) }
    const kept = await seal(text, ['global_variable.t'], before, cipherOf(['project-7']))
    expect(kept).toEqual({ global_variable: `{"t":${sealed(9, '"old"')}}` })
  })

  test('a mask where nothing was sealed is a value like any other', async () => {
    expect(await seal({ global_variable: json(`{"new":"${MASK}","plain":"${MASK}"}`) }, [], before)).toEqual({
      global_variable: `{"new":"${MASK}","plain":"${MASK}"}`,
    })
    expect(await again(`{"plain":"${MASK}"}`, ['global_variable.plain'])).toEqual({
      global_variable: `{"plain":${sealed(1, `"${MASK}"`)}}`,
    })
  })
})

describe('what a debug run saved', () => {
  test('is sealed, whatever its name', async () => {
    const saved = await sealVariables(cipherOf(), 7, { token: json('"t"'), n: json('1.0') })
    expect(saved).toEqual({ token: sealed(1, '"t"'), n: sealed(2, '1.0') })
  })

  test('stays sealed while it does not change, though nobody names it a secret', async () => {
    const before = { debug_global_variable: json(`{"t":${sealed(9, '"saved"')}}`) }
    for (const value of [MASK, 'saved']) {
      expect(await seal({ debug_global_variable: json(`{"t":"${value}"}`) }, [], before)).toEqual(before)
    }
    expect(await seal({ debug_global_variable: json('{"t":"typed"}') }, [], before)).toEqual({
      debug_global_variable: '{"t":"typed"}',
    })
  })

  test('is laid over what was written: changed where it stands, added at the end, removed', () => {
    const text = json('{ "b": 1.0, "gone": 2, "a": 3 }')
    const saved = { b: json('{"$sealed":"x"}'), gone: null, never: null, z: json('1.50') }
    expect(withOverlay(text, saved)).toBe('{"b":{"$sealed":"x"},"a":3,"z":1.50}')
    expect(withOverlay(text, {})).toBe(text)
    expect(withOverlay(json('[1]'), { a: json('1') })).toBe('{"a":1}')
  })
})

describe('passwords of databases', () => {
  const entry = (name: string, password: string) => `{"name":"${name}","config":{"user":"root","password":${password}}}`

  test('are always sealed, and nothing else of an entry', async () => {
    const text = json(`[${entry('a', '"p1"')},{"name":"b","config":{}},{"name":"c"},3,${entry('d', '7')}]`)
    const sealedText = `[${entry('a', sealed(1, '"p1"'))},{"name":"b","config":{}},{"name":"c"},3,${entry('d', sealed(2, '7'))}]`
    expect(await seal({ db: text })).toEqual({ db: sealedText })
  })

  test('are found again by the name of their entry, wherever it stands', async () => {
    const before = { db: json(`[${entry('a', sealed(8, '"pa"'))},${entry('b', sealed(9, '"pb"'))}]`) }
    const turned = json(`[${entry('b', `"${MASK}"`)},${entry('a', '"pa"')}]`)
    expect(await seal({ db: turned }, [], before)).toEqual({
      db: `[${entry('b', sealed(9, '"pb"'))},${entry('a', sealed(8, '"pa"'))}]`,
    })
    // Another name is another database: its mask stands for nothing.
    expect(await seal({ db: json(`[${entry('c', `"${MASK}"`)}]`) }, [], before)).toEqual({
      db: `[${entry('c', sealed(1, `"${MASK}"`))}]`,
    })
  })
})

describe('reading', () => {
  const whole = environment({
    headers: json(`{"A":"x", "Authorization":${sealed(1, '"Bearer 1"')}}`),
    global_variable: json(`{"deep":[{"t":${sealed(2, '1.0')}}]}`),
    debug_global_variable: json('{"a":1}'),
    debug_overlay: { saved: json(sealed(3, '{"k":"v"}')), a: null },
    db: json(`[{"name":"a","config":{"password":${sealed(4, '"p"')}}}]`),
  })

  test('in clear opens every sealed value; masked shows none', async () => {
    expect(await openTexts(cipherOf(), whole, 'clear')).toEqual({
      headers: '{"A":"x","Authorization":"Bearer 1"}',
      global_variable: '{"deep":[{"t":1.0}]}',
      debug_global_variable: '{"saved":{"k":"v"}}',
      db: '[{"name":"a","config":{"password":"p"}}]',
    })
    expect(await openTexts(cipherOf(), whole, 'masked')).toEqual({
      headers: `{"A":"x","Authorization":"${MASK}"}`,
      global_variable: `{"deep":[{"t":"${MASK}"}]}`,
      debug_global_variable: `{"saved":"${MASK}"}`,
      db: `[{"name":"a","config":{"password":"${MASK}"}}]`,
    })
  })

  test('shows the mask where the key is gone, or is that of another project', async () => {
    const masked = await openTexts(cipherOf(), whole, 'masked')
    expect(await openTexts(cipherOf(['project-7']), whole, 'clear')).toEqual(masked)
    expect(await openTexts(cipherOf(), { ...whole, project: 8 }, 'clear')).toEqual(masked)
  })

  test('texts without sealed values stay letter for letter', async () => {
    const text = json('{ "a": 1.0,\n "a": "\\u0041" }')
    expect(await openTexts(cipherOf(), environment({ headers: text }), 'masked')).toMatchObject({ headers: text })
    expect(await mapSealedText(text, () => MASK)).toBe(text)
  })

  test('only what has that one member, a text, is sealed', () => {
    const is = (text: string) => isSealed(parseJson(text))
    expect(['{"$sealed":"x"}', '{"$sealed":"x","a":1}', '{"$sealed":1}', '{}', '"$sealed"', '[]'].map(is)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
    ])
    expect(isSealed(undefined)).toBe(false)
  })
})

describe('the values that results must not show', () => {
  test('are every text and number inside a secret, of four characters and more, each once', async () => {
    const whole = environment({
      headers: json(`{"A":"plain-header","Authorization":${sealed(1, '"Bearer 1"')},"Short":${sealed(2, '"abc"')}}`),
      global_variable: json(
        `{"deep":${sealed(3, '{"k":["four",12345,1.5,true,null,"Bearer 1"],"key-name":{"x":"deeper"}}')}}`,
      ),
      db: json(`[{"name":"a","config":{"password":${sealed(4, '"db-password"')}}}]`),
    })
    expect(await secretValues(cipherOf(), whole)).toEqual(['Bearer 1', 'four', '12345', 'deeper', 'db-password'])
  })

  test('are not what a debug run saved, unless it is named a secret', async () => {
    const whole = environment({
      debug_global_variable: json(`{"a":${sealed(1, '"written"')}}`),
      debug_overlay: { token: json(sealed(2, '"saved-token"')), other: json(sealed(3, '"unnamed"')) },
      secrets: ['global_variable.token', 'debug_global_variable.a'],
    })
    expect(await secretValues(cipherOf(), whole)).toEqual(['written', 'saved-token'])
  })

  test('are none where the key is gone', async () => {
    const whole = environment({ headers: json(`{"A":${sealed(1, '"Bearer 1"')}}`) })
    expect(await secretValues(cipherOf(['project-7']), whole)).toEqual([])
  })
})
