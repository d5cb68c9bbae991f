import { setTimeout as pause } from 'node:timers/promises'
import { expect } from '@jest/globals'
import { idOf } from '../../contracts/core.ts'
import { eventsThere } from '../support/event-log.ts'
import { ADMIN, type TestPlatform } from '../support/platform.ts'

/** What a team does on a platform that works: in, a project with all it takes, a run with verdicts, its report and the lists. */
export async function tellStory(platform: TestPlatform, target: string): Promise<void> {
  await logIn(platform)
  const made = (path: string, body: object): Promise<number> => platform.made(path, body)
  const project = await made('/api/testPro/projects/', { name: '故事', leader: 'torin' })
  const env = await made('/api/testPro/envs/', { name: 'e', host: target, project, global_variable: { who: 'x' } })
  const fields = { name: 'echo', url: '/echo', method: 'post', type: '1', project }
  const owner = await made('/api/TestInterFace/interfaces/', fields)
  const steps = [200, 404].map(async (status, sort) => {
    const icase = await made('/api/TestInterFace/cases/', {
      title: String(status),
      interface: owner,
      request: { json: { who: '${{who}}' } },
      teardown_script: `test.assertion('相等', ${status}, response.status_code)`,
    })
    return { icase, sort }
  })
  const scene = await made('/api/testFlow/scenes/', { name: 's', project })
  for (const step of await Promise.all(steps)) await made('/api/testFlow/icases/', { ...step, scene })
  const task = await made('/api/testTask/tasks/', { name: 't', project, scenes: [scene] })

  const { record } = (await platform.call('POST', '/api/testTask/tasks/run/', { env, task })).body as { record: number }
  await runsEnd(platform)
  const ran = await platform.call('GET', `/api/testTask/records/${record}/`)
  expect(ran.body).toMatchObject({ status: '执行完毕', all: 2, success: 1, fail: 1, error: 0, state: 'fail' })
  const report = await platform.call('GET', `/api/testTask/report/${record}/`)
  const [flow] = (report.body as { info: { results: { cases: { state: string }[] }[] } }).info.results
  expect(flow?.cases.map(({ state }) => state)).toEqual(['成功', '失败'])
  expect((await platform.call('GET', `/api/testTask/records/?project=${project}`)).body).toHaveLength(1)
  expect((await platform.call('GET', `/api/TestInterFace/cases/?project=${project}`)).body).toHaveLength(2)
}

/** Waits until no run is left that goes on. */
export async function runsEnd(platform: TestPlatform): Promise<void> {
  for (;;) {
    const open = await openRuns(platform)
    if (open.length === 0) return
    const waits = open
      .slice(0, 8)
      .map((id) => platform.call('GET', `/api/testTask/records/${id}/progress/?after=100000&wait=5`))
    await Promise.all(waits)
  }
}

/** By the log: the lists are what is to be tried. */
async function openRuns({ store }: TestPlatform): Promise<readonly number[]> {
  const open = new Set<number>()
  for (const { type, stream } of await eventsThere(store)) {
    if (type === 'RunRequested') open.add(idOf(stream))
    if (type === 'RunFinished') open.delete(idOf(stream))
  }
  return [...open]
}

/** Whoever has guessed as much as the fuzz is kept waiting for a while. */
async function logIn({ call }: TestPlatform): Promise<void> {
  for (;;) {
    const { status, headers } = await call('POST', '/api/users/login/', ADMIN, { token: '' })
    if (status !== 429) return expect(status).toBe(200)
    await pause(Number(headers.get('retry-after')) * 1000)
  }
}
