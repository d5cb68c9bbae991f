import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { z } from 'zod'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'

/** `search` on every list: a part of the name, whichever case its letters have, beside the other filters and in pages. */

let platform: TestPlatform
let project: number
let owner: number
let scene: number
let environment: number
let member: { id: number; token: string }

beforeAll(async () => {
  platform = await startTestPlatform()
  project = await platform.made(PROJECTS, { name: '小小电商', leader: 'torin' })
  owner = await newInterface('登录')
  scene = await newScene('登录下单')
  environment = await newEnvironment('本地')
  const token = await platform.userToken('tester', 'a member')
  member = { id: (await platform.call('GET', `${USERS}me/`, undefined, { token })).body.id as number, token }
}, 60_000)
afterAll(() => platform.stop())

const PROJECTS = '/api/testPro/projects/'
const ENVIRONMENTS = '/api/testPro/envs/'
const FILES = '/api/testPro/files/'
const INTERFACES = '/api/TestInterFace/interfaces/'
const CASES = '/api/TestInterFace/cases/'
const SCENES = '/api/testFlow/scenes/'
const STEPS = '/api/testFlow/icases/'
const TASKS = '/api/testTask/tasks/'
const RECORDS = '/api/testTask/records/'
const MODULES = '/api/testPro/modules/'
const BUGS = '/api/bug/bugs/'
const USERS = '/api/users/'
const TOKENS = '/api/users/tokens/'
const TOKENS_OF = '/api/users/:id/tokens/'

const newInterface = (name: string): Promise<number> =>
  platform.made(INTERFACES, { name, url: '/users/login/', method: 'post', type: '1', project })
const newCase = (title: string): Promise<number> => platform.made(CASES, { title, interface: owner })
const newScene = (name: string): Promise<number> => platform.made(SCENES, { name, project })
const newTask = (name: string): Promise<number> => platform.made(TASKS, { name, project })
const newEnvironment = (name: string): Promise<number> =>
  platform.made(ENVIRONMENTS, { name, host: 'http://h', project })

async function upload(name: string): Promise<number> {
  const form = new FormData()
  form.set('file', new File(['content'], name))
  form.set('project', String(project))
  const headers = { authorization: `Bearer ${platform.token}` }
  const response = await fetch(`${platform.url}${FILES}`, { method: 'POST', headers, body: form })
  return ((await response.json()) as { id: number }).id
}

/** A run of a task of that name; answers its record. */
async function run(name: string): Promise<number> {
  const { body } = await platform.call('POST', `${TASKS}run/`, { env: environment, task: await newTask(name) })
  return body.record as number
}

/**
 * For each list: how a thing of that name comes into it, a filter that leaves both it and what is searched for, and the id of the one
 * whose list it is.
 */
const LISTS: Readonly<Record<string, { named(name: string): Promise<number>; filter?(): string; of?(): number }>> = {
  [PROJECTS]: { named: (name) => platform.made(PROJECTS, { name, leader: 'torin' }) },
  [ENVIRONMENTS]: { named: newEnvironment, filter: () => `project=${project}` },
  [FILES]: { named: upload, filter: () => `project=${project}` },
  [INTERFACES]: { named: newInterface, filter: () => `project=${project}` },
  [CASES]: { named: newCase, filter: () => `interface=${owner}` },
  [SCENES]: { named: newScene, filter: () => `project=${project}` },
  [STEPS]: {
    named: async (title) => platform.made(STEPS, { icase: await newCase(title), scene, sort: 1 }),
    filter: () => `scene=${scene}`,
  },
  [TASKS]: { named: newTask, filter: () => `project=${project}` },
  [RECORDS]: { named: run, filter: () => `env=${environment}` },
  [MODULES]: { named: (name) => platform.made(MODULES, { name, project }), filter: () => `project=${project}` },
  [BUGS]: {
    named: (desc) => platform.made(BUGS, { desc, interface: owner, info: {} }),
    filter: () => `interface=${owner}`,
  },
  [USERS]: { named: (username) => platform.made(USERS, { username, password: 'secret-1', role: 'viewer' }) },
  [TOKENS]: { named: (name) => platform.made(TOKENS, { name }) },
  [TOKENS_OF]: {
    named: async (name) => (await platform.call('POST', TOKENS, { name }, member)).body.id as number,
    of: () => member.id,
  },
}

test('every list is in the table', () => {
  const lists = platform.routes.filter(
    ({ method, query }) => method === 'GET' && query instanceof z.ZodObject && 'page' in query.shape,
  )
  expect(lists.map(({ path }) => path).toSorted()).toEqual(Object.keys(LISTS).toSorted())
})

test.each(Object.entries(LISTS))('%s', async (pattern, { named, filter, of }) => {
  const path = of ? pattern.replace(':id', String(of())) : pattern
  const first = await named('每晚 NIGHTLY_100% Прогон')
  await named('每晚 nightlyX100 прогон')
  const last = await named('nightly_100% ПРОГОН 二')
  const filtered = filter ? `&${filter()}` : ''
  const ask = async (query: string) => {
    const { status, body, headers } = await platform.call('GET', `${path}?${query}${filtered}`)
    expect(status).toBe(200)
    return { body, count: headers.get('x-total-count') }
  }
  const idsOf = (rows: readonly { id: number }[]): number[] => rows.map(({ id }) => id).toSorted((a, b) => a - b)

  const words = encodeURIComponent('Nightly_100% прогон')
  const found = await ask(`search=${words}`)
  expect([idsOf(found.body), found.count]).toEqual([[first, last], '2'])
  const pages = [await ask(`search=${words}&page_size=1`), await ask(`search=${words}&page_size=1&page=2`)]
  expect(pages.map(({ body, count }) => [body.count, body.results.length, count])).toEqual([
    [2, 1, '2'],
    [2, 1, '2'],
  ])
  expect(idsOf(pages.flatMap(({ body }) => body.results))).toEqual([first, last])
  expect((await ask(`search=${encodeURIComponent('没有这个名称')}`)).body).toEqual([])
  expect((await ask('search=')).body).toEqual((await ask('')).body)
  // No name holds a NUL.
  const nul = await platform.call('GET', `${path}?search=%00`)
  expect([nul.status, nul.body.fields]).toEqual([422, { search: [expect.stringContaining('空字符')] }])
})
