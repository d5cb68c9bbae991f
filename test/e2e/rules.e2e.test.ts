import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'

/** What holds for every call: coercions, defaults, filters, order, paging, deletions, and how refusals are told. */

let platform: TestPlatform
let project: number
let owner: number

beforeAll(async () => {
  platform = await startTestPlatform()
}, 60_000)
afterAll(() => platform.stop())
beforeEach(async () => {
  project = (await platform.call('POST', PROJECTS, { name: '小小电商', leader: 'torin' })).body.id
  owner = (await platform.call('POST', INTERFACES, fresh())).body.id
})

const PROJECTS = '/api/testPro/projects/'
const ENVS = '/api/testPro/envs/'
const INTERFACES = '/api/TestInterFace/interfaces/'
const CASES = '/api/TestInterFace/cases/'
const fresh = (name = '登录') => ({ name, url: '/users/login/', method: 'post', type: '1', project })

async function refused(method: string, path: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await platform.call(method, path, body, { headers })
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  expect(answer.body).toMatchObject({ error: expect.stringMatching(/./), code: expect.stringMatching(/^[a-z_]+$/) })
  return { status: answer.status, code: answer.body.code, fields: Object.keys(answer.body.fields ?? {}) }
}

describe('fields', () => {
  test('"1" is taken for 1 and 1 for "1", unknown and read-only keys are passed over', async () => {
    const { status, body } = await platform.call('POST', INTERFACES, {
      ...fresh(),
      id: 77,
      create_time: 'x',
      project: String(project),
      type: 1,
      cases: [],
    })
    expect(status).toBe(201)
    expect(body).toEqual({ ...fresh(), id: expect.any(Number), type: '1', module: null })
    expect(body.id).not.toBe(77)
  })

  test('text is kept letter for letter', async () => {
    const name = '  e\u0301 登录\t\u{1F600}  '
    const { body } = await platform.call('POST', INTERFACES, { ...fresh(), name })
    expect((await platform.call('GET', `${INTERFACES}${body.id}/`)).body.name).toBe(name)
  })

  test('a form is taken like JSON', async () => {
    const form = new URLSearchParams({ name: '表单', leader: '1' }).toString()
    const { status, body } = await platform.call('POST', PROJECTS, form, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect([status, body.name, body.leader]).toEqual([201, '表单', '1'])
  })

  test('JSON that is kept is answered with the order and the numbers that were sent, in writes, details and after a restart', async () => {
    const request =
      '{"json":{"b":1,"a":1.0,"10":12345678901234567890,"2":1e3,"__proto__":{"x":-0.0}},"params":{"z":"","y":null}}'
    const sent = `{"title":"原样","interface":${owner},"headers":{"B":"1","A":"2"},"request":${request}}`
    const written = await platform.call('POST', CASES, sent)
    expect(written.status).toBe(201)
    expect(written.text).toContain(`"request":${request}`)
    await platform.restart()
    const detail = await platform.call('GET', `${CASES}${written.body.id}/`)
    expect(detail.text).toContain(`"request":${request}`)
    expect(detail.text).toContain('"headers":{"B":"1","A":"2"}')
  })

  test('what is long goes through blobs and comes back whole', async () => {
    const script = `# ${'长'.repeat(200_000)}\nprint(1)`
    const { status, body } = await platform.call('POST', CASES, { title: '长', interface: owner, setup_script: script })
    expect(status).toBe(201)
    expect(body.setup_script).toBe(script)
    expect((await platform.call('GET', `${CASES}${body.id}/`)).body.setup_script).toBe(script)
    const [event] = await platform.store.load(`case-${body.id}`)
    expect(JSON.stringify(event?.data).length).toBeLessThan(2_000)
  })

  test('defaults are those of the document', async () => {
    const { body } = await platform.call('POST', CASES, { title: '最少', interface: owner })
    expect(body).toMatchObject({ headers: {}, request: {}, file: [], setup_script: '', teardown_script: '' })
    const { body: env } = await platform.call('POST', ENVS, { name: '最少', host: 'http://h', project })
    expect(env).toMatchObject({ headers: {}, global_variable: {}, debug_global_variable: {}, db: [], global_func: '' })
  })

  test('PATCH is partial, PUT replaces', async () => {
    const path = `${CASES}${(await platform.call('POST', CASES, { title: 'a', interface: owner, setup_script: 'x = 1' })).body.id}/`
    expect((await platform.call('PATCH', path, { title: 'b' })).body.setup_script).toBe('x = 1')
    expect((await platform.call('PUT', path, { title: 'c', interface: owner })).body.setup_script).toBe('')
    expect(await refused('PUT', path, { title: 'c' })).toEqual({ status: 422, code: 'invalid', fields: ['interface'] })
  })
})

describe('refusals name the field', () => {
  test.each<[string, string, object, string, string]>([
    ['a missing name', PROJECTS, { leader: 'a' }, 'invalid', 'name'],
    ['a blank name', PROJECTS, { name: ' \n', leader: 'a' }, 'invalid', 'name'],
    ['a list for a name', PROJECTS, { name: ['x'], leader: 'a' }, 'invalid', 'name'],
    ['NUL in a name', PROJECTS, { name: 'a\u0000b', leader: 'a' }, 'invalid', 'name'],
    ['an unknown project', INTERFACES, { ...fresh(), project: 2_000_000_000 }, 'unknown_reference', 'project'],
    ['an id that is none', INTERFACES, { ...fresh(), project: 0 }, 'invalid', 'project'],
    ['an id beyond 2^31', INTERFACES, { ...fresh(), project: 2_147_483_648 }, 'invalid', 'project'],
    ['an unknown interface', CASES, { title: 'a', interface: 2_000_000_000 }, 'unknown_reference', 'interface'],
    ['text for headers', CASES, { title: 'a', interface: 1, headers: 'x' }, 'invalid', 'headers'],
    ['a list for a request', CASES, { title: 'a', interface: 1, request: [] }, 'invalid', 'request'],
    ['an unknown key in a request', CASES, { title: 'a', interface: 1, request: { jsn: {} } }, 'invalid', 'request'],
    ['hooks in a request', CASES, { title: 'a', interface: 1, request: { hooks: {} } }, 'invalid', 'request'],
    ['a number for a file', CASES, { title: 'a', interface: 1, file: 5 }, 'invalid', 'file'],
    ['text for a file', CASES, { title: 'a', interface: 1, file: 'x' }, 'invalid', 'file'],
    [
      'NUL deep inside',
      CASES,
      { title: 'a', interface: 1, request: { json: { a: ['\u0000'] } } },
      'invalid',
      'request',
    ],
    ['an object for db', ENVS, { name: 'a', host: 'h', project: 1, db: {} }, 'invalid', 'db'],
    ['a secret that names nothing', ENVS, { name: 'a', host: 'h', project: 0, secrets: ['x'] }, 'invalid', 'project'],
    [
      'more secrets than are looked for',
      ENVS,
      { name: 'a', host: 'h', project: 1, secrets: Array.from({ length: 1001 }, () => 'headers.a') },
      'invalid',
      'secrets',
    ],
  ])('%s', async (_name, path, body, code, field) => {
    expect(await refused('POST', path, body)).toEqual({ status: 422, code, fields: [field] })
  })

  test('more steps than are put in order at once', async () => {
    const order = Array.from({ length: 5001 }, (_, nth) => ({ id: nth + 1, sort: nth }))
    expect(await refused('PATCH', '/api/testFlow/icases/order/', order)).toEqual({
      status: 422,
      code: 'invalid',
      fields: ['请求体'],
    })
  })

  test('all that is wrong is named at once', async () => {
    expect((await refused('POST', PROJECTS, {})).fields).toEqual(['name', 'leader'])
  })

  test('what a variable or a setup script may still make right is saved', async () => {
    const request = { timeout: '${{t}}', auth: 5, headers: '${{h}}' }
    const saved = await platform.call('POST', CASES, { title: 'a', interface: owner, request, file: { a: 5 } })
    expect([saved.status, saved.body.request]).toEqual([201, request])
  })

  test('a thing of another project is refused', async () => {
    const other = (await platform.call('POST', PROJECTS, { name: '另一个', leader: 'b' })).body.id
    const foreign = (await platform.call('POST', INTERFACES, { ...fresh(), project: other })).body.id
    const path = `${CASES}${(await platform.call('POST', CASES, { title: 'a', interface: owner })).body.id}/`
    expect(await refused('PATCH', path, { interface: foreign })).toMatchObject({ status: 422, fields: ['interface'] })
    expect(await refused('PATCH', `${INTERFACES}${owner}/`, { project: other })).toMatchObject({
      status: 422,
      fields: ['project'],
    })
    expect((await platform.call('PATCH', `${INTERFACES}${owner}/`, { project })).status).toBe(200)
  })
})

describe('refusals of the request itself', () => {
  test('no JSON, no object, another content type, too much', async () => {
    expect(await refused('POST', PROJECTS, '{"name":')).toMatchObject({ status: 400 })
    expect((await refused('POST', PROJECTS, '[]')).status).toBeGreaterThanOrEqual(400)
    expect(await refused('POST', PROJECTS, '<a/>', { 'content-type': 'text/xml' })).toMatchObject({ status: 415 })
    const big = JSON.stringify({ name: 'x'.repeat(10 * 1024 * 1024), leader: 'a' })
    expect(await refused('POST', PROJECTS, big)).toMatchObject({ status: 413 })
  })

  test('who wants the connection closed can send all that is too much, and finds the refusal', async () => {
    const size = 40 * 1024 * 1024
    const head = [
      `POST ${PROJECTS} HTTP/1.1`,
      'Host: x',
      `Authorization: Bearer ${platform.token}`,
      'Content-Type: application/json',
      'Connection: close',
      `Content-Length: ${size}`,
    ]
    const socket = connect(Number(new URL(platform.url).port), '127.0.0.1')
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    socket.write(Buffer.alloc(size, 'x'))
    expect(await text(socket)).toMatch(/^HTTP\/1.1 413 [^]*"code":"too_large"/)
  })

  test('unknown routes, methods and ids', async () => {
    expect(await refused('GET', '/api/nothing/', undefined)).toMatchObject({ status: 404 })
    expect(await refused('DELETE', PROJECTS, undefined)).toMatchObject({ status: 405 })
    for (const id of ['999999999', '0', 'abc', '2147483648', '1e3', '-1']) {
      expect(await refused('GET', `${PROJECTS}${id}/`, undefined)).toMatchObject({ status: 404, code: 'not_found' })
    }
    // 404 goes before what is wrong with the body.
    expect(await refused('PATCH', `${PROJECTS}999999999/`, { name: '' })).toMatchObject({ status: 404 })
  })

  test('a body in an encoding that is not read is refused, not misread', async () => {
    expect(await refused('POST', PROJECTS, '{}', { 'content-encoding': 'gzip' })).toMatchObject({ status: 415 })
  })

  test('a slash at the end may be left out, and a request id comes back', async () => {
    const answer = await platform.call('GET', '/api/testPro/projects', undefined, {
      headers: { 'x-request-id': 'abc-1' },
    })
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([200, 'abc-1'])
  })
})

describe('lists', () => {
  test('answer ascending by id, count, and page', async () => {
    const names = ['一', '二', '三', '四', '五']
    for (const name of names) await platform.call('POST', INTERFACES, fresh(name))
    const all = await platform.call('GET', `${INTERFACES}?project=${project}`)
    const ids = all.body.map(({ id }: { id: number }) => id)
    expect(ids).toEqual([...ids].toSorted((a: number, b: number) => a - b))
    expect(all.headers.get('x-total-count')).toBe('6')

    const paged = await platform.call('GET', `${INTERFACES}?project=${project}&page=2&page_size=4`)
    expect(paged.body).toMatchObject({ count: 6, page: 2, page_size: 4 })
    expect(paged.body.results.map(({ id }: { id: number }) => id)).toEqual(ids.slice(4))
    expect(paged.headers.get('x-total-count')).toBe('6')
    expect((await platform.call('GET', `${INTERFACES}?project=${project}&page=9`)).body.results).toEqual([])
  })

  test('an unknown filter value gives an empty list, a malformed one 422', async () => {
    expect((await platform.call('GET', `${INTERFACES}?project=2000000000`)).body).toEqual([])
    expect(await refused('GET', `${INTERFACES}?project=x`, undefined)).toEqual({
      status: 422,
      code: 'invalid',
      fields: ['project'],
    })
    expect((await platform.call('GET', `${CASES}?scene=1`)).body).toEqual([])
    expect(await refused('GET', `${CASES}?scene=x`, undefined)).toMatchObject({ status: 422, fields: ['scene'] })
    expect(await refused('GET', `${INTERFACES}?page=0`, undefined)).toMatchObject({ status: 422, fields: ['page'] })
  })
})

describe('a deletion', () => {
  test('of a project takes all in it out of sight, and nothing more can be made in it', async () => {
    const env = (await platform.call('POST', ENVS, { name: 'e', host: 'http://h', project })).body.id
    const one = (await platform.call('POST', CASES, { title: 'a', interface: owner })).body.id
    const events = await platform.eventsOf(() => platform.call('DELETE', `${PROJECTS}${project}/`))
    expect(events.map(({ type }) => type)).toEqual(['ProjectDeleted'])
    for (const path of [`${ENVS}${env}/`, `${INTERFACES}${owner}/`, `${CASES}${one}/`]) {
      expect((await platform.call('GET', path)).status).toBe(404)
      expect((await platform.call('PATCH', path, { name: 'x', title: 'x' })).status).toBe(404)
      expect((await platform.call('DELETE', path)).status).toBe(404)
    }
    for (const list of [
      `${ENVS}?project=${project}`,
      `${INTERFACES}?project=${project}`,
      `${CASES}?interface=${owner}`,
    ]) {
      expect((await platform.call('GET', list)).body).toEqual([])
    }
    expect(await refused('POST', INTERFACES, fresh())).toMatchObject({ status: 422, fields: ['project'] })
    expect(await refused('POST', CASES, { title: 'b', interface: owner })).toMatchObject({
      status: 422,
      fields: ['interface'],
    })
  })

  test('is done once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => platform.call('DELETE', `${INTERFACES}${owner}/`)),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 404, 404, 404, 404])
  })
})
