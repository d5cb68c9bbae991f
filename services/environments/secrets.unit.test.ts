import { describe, expect, test } from '@jest/globals'
import { type JsonText, parseJson } from '../../contracts/json.ts'
import { checkSecretPaths } from './secret-paths.ts'
import {
  type EnvironmentTexts,
  openTexts,
  resealTexts,
  sealTexts,
  sealVariables,
  secretValues,
  type WholeEnvironment,
  withOverlay,
} from './secrets.ts'
import { type Cipher, isSealed, MASK, openText } from './sealed.ts'

const json = (text: string): JsonText => text as JsonText

/** Encrypts so that a reader sees what was encrypted, and that no two encryptions are the same. */
function cipherOf(lost: readonly string[] = []): Cipher {
  const counts = new Map<string, number>()
  return {
    encrypt(scope, text) {
      const count = (counts.get(text) ?? 0) + 1
      counts.set(text, count)
      return Promise.resolve(`${scope}#${count}#${text}`)
    },
    decrypt(scope, sealed) {
      const [owner, , ...text] = sealed.split('#')
      return Promise.resolve(owner === scope && !lost.includes(scope) ? text.join('#') : undefined)
    },
  }
}
/** What the `nth` encryption of `text` is written as. */
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
      global_variable: `{"token":${sealed(1, '{"a":[1.0]}')},"n":${sealed(1, '12345678901234567890')},"open":null}`,
    })
  })

  test('does not care for the case of header names, and does for that of variables', async () => {
    const texts = { headers: json('{"AUTHORIZATION":"x"}'), global_variable: json('{"Token":"x"}') }
    expect(await seal(texts, ['headers.authorization', 'global_variable.token'])).toEqual({
      headers: `{"AUTHORIZATION":${sealed(1, '"x"')}}`,
      global_variable: '{"Token":"x"}',
    })
  })

  test('takes a name with dots whole', async () => {
    const text = json('{"a.b":1,"a":{"b":2}}')
    expect(await seal({ global_variable: text }, ['global_variable.a.b'])).toEqual({
      global_variable: `{"a.b":${sealed(1, '1')},"a":{"b":2}}`,
    })
  })

  test.each([
    ['a.b', '{"a":{"b":"x","c":1}}', `{"a":{"b":${sealed(1, '"x"')},"c":1}}`],
    ['a.1.k', '{"a":[{"k":"x"},{"k":"y"},"k"]}', `{"a":[{"k":"x"},{"k":${sealed(1, '"y"')}},"k"]}`],
    ['a.b.c', '{"a":{"b.c":1,"b":{"c":2}}}', `{"a":{"b.c":${sealed(1, '1')},"b":{"c":2}}}`],
    ['a.b.c', '{"a.b":{"c":1},"a":{"b":{"c":2}}}', `{"a.b":{"c":${sealed(1, '1')}},"a":{"b":{"c":${sealed(1, '2')}}}}`],
    ['a.b', '{ "a": "text", "ab": {"b": 1} }', '{ "a": "text", "ab": {"b": 1} }'],
    ['a.b', '{ "a": [1, 2] }', '{ "a": [1, 2] }'],
    ['a$sealed', '{"a$sealed":1}', `{"a$sealed":${sealed(1, '1')}}`],
    ['aXb', '{ "a": {"b": 1} }', '{ "a": {"b": 1} }'],
  ])('else goes along %s in %s', async (path, text, kept) => {
    expect(await seal({ global_variable: json(text) }, [`global_variable.${path}`])).toEqual({ global_variable: kept })
  })

  test('takes what is named with something inside it once, as a whole', async () => {
    const secrets = ['global_variable.a.b', 'global_variable.a']
    expect(await seal({ global_variable: json('{"a":{"b":1}}') }, secrets)).toEqual({
      global_variable: `{"a":${sealed(1, '{"b":1}')}}`,
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
    expect(await seal({ headers: json('[1]'), db: json('{"config":{"password":"x"}}') }, ['headers.x'])).toEqual({
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

  test('a mask where nothing was sealed is refused where it would be a secret, and is a value elsewhere', async () => {
    const refused = { name: 'Rejected', code: 'invalid', field: 'global_variable' }
    for (const text of [`{"plain":"${MASK}"}`, `{"plain":{"deep":["${MASK}"]}}`]) {
      await expect(again(text, ['global_variable.plain'])).rejects.toMatchObject(refused)
    }
    expect(await seal({ global_variable: json(`{"new":"${MASK}","plain":"${MASK}"}`) }, [], before)).toEqual({
      global_variable: `{"new":"${MASK}","plain":"${MASK}"}`,
    })
  })

  test('is found again inside objects and arrays', async () => {
    const kept = { global_variable: json(`{"a":{"b":[${sealed(8, '"x"')},${sealed(9, '"y"')}]},"n":1}`) }
    const secrets = ['global_variable.a.b.0', 'global_variable.a.b.1']
    for (const item of [MASK, 'x']) {
      const text = json(`{"a":{"b":["${item}","${MASK}"]},"n":1}`)
      expect(await seal({ global_variable: text }, secrets, kept)).toEqual(kept)
    }
    const shorter = json(`{"n":2,"a":{"b":["${MASK}"]}}`)
    expect(await seal({ global_variable: shorter }, secrets, kept)).toEqual({
      global_variable: `{"n":2,"a":{"b":[${sealed(8, '"x"')}]}}`,
    })
    const moved = json(`{"a":{"c":0,"b":{"0":"${MASK}"}}}`)
    await expect(seal({ global_variable: moved }, secrets, kept)).rejects.toMatchObject({ field: 'global_variable' })
  })

  test('is found again by masks when what is named grows or shrinks', async () => {
    const inner = { global_variable: json(`{"a":{"b":${sealed(9, '"x"')},"c":1}}`) }
    const outer = { global_variable: json(`{"a":${sealed(9, '{"b":"x","c":1}')}}`) }
    expect(await seal({ global_variable: json(`{"a":{"b":"${MASK}","c":1}}`) }, ['global_variable.a'], inner)).toEqual({
      global_variable: `{"a":${sealed(1, '{"b":"x","c":1}')}}`,
    })
    expect(await seal({ global_variable: json(`{"a":"${MASK}"}`) }, ['global_variable.a.b'], outer)).toEqual({
      global_variable: `{"a":{"b":${sealed(1, '"x"')},"c":1}}`,
    })
  })

  test('is found again under a header of another case, unless several are the same but for their case', async () => {
    const kept = { headers: json(`{"Authorization":${sealed(9, '"x"')}}`) }
    const secrets = ['headers.Authorization']
    for (const value of [MASK, 'x']) {
      expect(await seal({ headers: json(`{"authorization":"${value}"}`) }, secrets, kept)).toEqual({
        headers: `{"authorization":${sealed(9, '"x"')}}`,
      })
    }
    const two = { headers: json(`{"A":${sealed(8, '"x"')},"a":${sealed(9, '"y"')}}`) }
    expect(await seal({ headers: json(`{"a":"${MASK}"}`) }, ['headers.a'], two)).toEqual({
      headers: `{"a":${sealed(9, '"y"')}}`,
    })
    const three = { headers: json(`{"AB":${sealed(8, '"x"')},"ab":${sealed(9, '"y"')}}`) }
    await expect(seal({ headers: json(`{"Ab":"${MASK}"}`) }, ['headers.ab'], three)).rejects.toMatchObject({
      field: 'headers',
    })
  })
})

describe('when other members are named', () => {
  const reseal = (texts: Partial<EnvironmentTexts>, secrets: readonly string[], cipher = cipherOf()) =>
    resealTexts(cipher, 7, secrets, texts)

  test('those are sealed, what was one stands in clear again, and the rest is not spoken of', async () => {
    const texts = {
      headers: json('{ "a": 1.0, "a": 2 }'),
      global_variable: json(`{"was":${sealed(9, '"x"')},"stays":${sealed(9, '"y"')},"new":{"k":1.0}}`),
      db: json(`[{"name":"d","config":{"password":${sealed(9, '"p"')}}}]`),
    }
    expect(await reseal(texts, ['global_variable.stays', 'global_variable.new.k'])).toEqual({
      global_variable: `{"was":"x","stays":${sealed(9, '"y"')},"new":{"k":${sealed(1, '1.0')}}}`,
    })
  })

  test('a name that was kept without a further $ is found by its name', async () => {
    expect(await reseal({ global_variable: json('{"$sealed":1,"a":2}') }, ['global_variable.$sealed'])).toEqual({
      global_variable: `{"$sealed":${sealed(1, '1')},"a":2}`,
    })
  })

  test('more or less of a value is sealed', async () => {
    const inner = json(`{"a":{"b":${sealed(9, '"x"')},"c":1}}`)
    const outer = json(`{"a":${sealed(1, '{"b":"x","c":1}')}}`)
    expect(await reseal({ global_variable: inner }, ['global_variable.a'])).toEqual({ global_variable: outer })
    expect(await reseal({ global_variable: outer }, ['global_variable.a.b'])).toEqual({
      global_variable: `{"a":{"b":${sealed(1, '"x"')},"c":1}}`,
    })
  })

  test('what debug runs saved stays sealed, and so does what cannot be opened', async () => {
    const text = json(`{"t":${sealed(9, '"x"')}}`)
    for (const secrets of [[], ['debug_global_variable.t.k']]) {
      expect(await reseal({ debug_global_variable: text }, secrets)).toEqual({})
    }
    expect(await reseal({ global_variable: text }, [], cipherOf(['project-7']))).toEqual({})
  })
})

describe('what a debug run saved', () => {
  test('is sealed, whatever its name', async () => {
    const saved = await sealVariables(cipherOf(), 7, { token: json('"t"'), n: json('1.0') })
    expect(saved).toEqual({ token: sealed(1, '"t"'), n: sealed(1, '1.0') })
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
    const sealedText = `[${entry('a', sealed(1, '"p1"'))},{"name":"b","config":{}},{"name":"c"},3,${entry('d', sealed(1, '7'))}]`
    expect(await seal({ db: text })).toEqual({ db: sealedText })
  })

  test('are found again by the name of their entry, wherever it stands', async () => {
    const before = { db: json(`[${entry('a', sealed(8, '"pa"'))},${entry('b', sealed(9, '"pb"'))}]`) }
    const turned = json(`[${entry('b', `"${MASK}"`)},${entry('a', '"pa"')}]`)
    expect(await seal({ db: turned }, [], before)).toEqual({
      db: `[${entry('b', sealed(9, '"pb"'))},${entry('a', sealed(8, '"pa"'))}]`,
    })
    // Another name is another database: its mask stands for nothing.
    await expect(seal({ db: json(`[${entry('c', `"${MASK}"`)}]`) }, [], before)).rejects.toMatchObject({
      code: 'invalid',
      field: 'db',
    })
  })

  const same = (name: string, user: string, password: string) =>
    `{${name}"config":{"user":"${user}","password":${password}}}`
  test.each([['"name":"d",'], [''], ['"name":7.0,'], ['"name":null,'], ['"name":{"a":1},']])(
    'are found again among several with {%s}: by the rest of the entry, then by their order',
    async (name) => {
      const [first, second, third] = [sealed(7, '"1"'), sealed(8, '"2"'), sealed(9, '"3"')]
      const before = { db: json(`[${same(name, 'u', first)},${same(name, 'u', second)},${same(name, 'v', third)}]`) }
      const again = async (...entries: readonly string[]) =>
        (await seal({ db: json(`[${entries.join(',')}]`) }, [], before)).db
      const mask = `"${MASK}"`
      expect(await again(same(name, 'u', mask), same(name, 'u', mask), same(name, 'v', mask))).toBe(before.db)
      expect(await again(same(name, 'v', mask))).toBe(`[${same(name, 'v', third)}]`)
      expect(await again(same(name, 'v', mask), same(name, 'w', mask))).toBe(
        `[${same(name, 'v', third)},${same(name, 'w', first)}]`,
      )
      await expect(again(...Array.from({ length: 4 }, () => same(name, 'u', mask)))).rejects.toMatchObject({
        field: 'db',
      })
    },
  )
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
    expect(await openText(text, () => MASK)).toBe(text)
  })

  test.each([
    '{"$sealed":"abc"}',
    '{ "a": [ {"$sealed" : "x", "$sealed":"y"} ], "n": 1.0, "a": "$sealed" }',
    String.raw`{"\u0024s\u0065aled":"x","$$sealed":{"$$$sealed":"\"$sealed\":"},"\\":{"\u0073":"{\"$sealed\":\"\"}"}}`,
    String.raw`{"x\"$sealed":"a","x\"$$sealed":"a","$seale\u0064":"b\\","sealed":"$","$sealed ":{}}`,
  ])('what a user sent that looks sealed is answered letter for letter: %s', async (sent) => {
    const texts = {
      headers: json(sent),
      global_variable: json(sent),
      debug_global_variable: json(sent),
      db: json(`[${sent}]`),
    }
    const kept = await seal(texts)
    for (const reader of ['clear', 'masked'] as const) {
      expect(await openTexts(cipherOf(), environment(kept), reader)).toEqual(texts)
    }
    expect(await seal(texts, [], kept)).toEqual(kept)
  })

  test('what looks sealed beside and inside a secret is what was sent, and may be named by its name', async () => {
    const clear =
      '{"$sealed":"x","$$sealed":{"$sealed":1.0},"t":{"$sealed":"y","$$sealed":[]},"p":{"$sealed":"z"},"e":{"$sealed":"w"}}'
    const sent = clear.replace('"e":{"$sealed"', String.raw`"e":{"\u0024s\u0065ale\u0064"`)
    const secrets = ['global_variable.t', 'global_variable.$sealed', 'global_variable.p.$sealed']
    const kept = await seal({ global_variable: json(sent) }, secrets)
    const whole = environment({ ...kept, secrets })
    expect((await openTexts(cipherOf(), whole, 'clear')).global_variable).toBe(clear)
    const masked = `{"$sealed":"${MASK}","$$sealed":{"$sealed":1.0},"t":"${MASK}","p":{"$sealed":"${MASK}"},"e":{"$sealed":"w"}}`
    expect((await openTexts(cipherOf(), whole, 'masked')).global_variable).toBe(masked)
    expect(await seal({ global_variable: json(masked) }, secrets, kept)).toEqual(kept)
    const opened = environment(await resealTexts(cipherOf(), 7, [], kept))
    expect((await openTexts(cipherOf(), opened, 'masked')).global_variable).toBe(clear)
  })

  test('a variable that a debug run saved is called what it was called', async () => {
    const debug_overlay = await sealVariables(cipherOf(), 7, {
      $sealed: json('{"$sealed":"x"}'),
      $$sealed: json('{"$$sealed":1}'),
    })
    const written = await seal({ debug_global_variable: json('{"$sealed":"old","$$$sealed":"gone"}') })
    const whole = environment({ ...written, debug_overlay: { ...debug_overlay, $$$sealed: null } })
    expect((await openTexts(cipherOf(), whole, 'clear')).debug_global_variable).toBe(
      '{"$sealed":{"$sealed":"x"},"$$sealed":{"$$sealed":1}}',
    )
  })

  test('a name of as many $ as a body may have is answered letter for letter', async () => {
    const text = json(`{"${'$'.repeat(9_000_000)}sealed":1}`)
    const kept = await seal({ global_variable: text }, ['global_variable.absent'])
    expect((await openTexts(cipherOf(), environment(kept), 'clear')).global_variable === text).toBe(true)
  })

  test('a text that merely speaks of sealed values stays letter for letter', async () => {
    const text = json(String.raw`{ "a": "$sealed", "b": 1.0, "x\"$sealed": "", "a$sealed": "" }`)
    expect(await seal({ headers: text })).toEqual({ headers: text })
    expect(await openTexts(cipherOf(), environment({ headers: text }), 'clear')).toMatchObject({ headers: text })
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

  test('are what is named inside objects, be it sealed alone, as a part of what a debug run saved, or not yet', async () => {
    const whole = environment({
      global_variable: json(`{"a":{"b":${sealed(1, '"alone"')},"c":"clear"},"old":{"b":["listed","unnamed"]}}`),
      debug_overlay: { a: json(sealed(2, '{"b":"partly","c":"unnamed"}')) },
      secrets: ['global_variable.a.b', 'global_variable.old.b.0'],
    })
    expect(await secretValues(cipherOf(), whole)).toEqual(['alone', 'listed', 'partly'])
  })

  test('are none where the key is gone', async () => {
    const whole = environment({ headers: json(`{"A":${sealed(1, '"Bearer 1"')}}`) })
    expect(await secretValues(cipherOf(['project-7']), whole)).toEqual([])
  })
})
