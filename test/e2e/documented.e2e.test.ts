import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { differences, printed, sentAsPrinted } from '../support/printed.ts'
import { startTarget } from '../support/target.ts'

/** Each documented call with the request as seed 000 prints it: the status, the printed shape, and the new events. */

let platform: TestPlatform
let target: Awaited<ReturnType<typeof startTarget>>

beforeAll(async () => {
  platform = await startTestPlatform()
  target = await startTarget((seen, response) => {
    response.statusCode = 201
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ username: '13309649840', id: 75, email: 'a@example.net', seen: seen.url }))
  })
}, 60_000)

afterAll(async () => {
  await target.stop()
  await platform.stop()
})

const asPrinted = sentAsPrinted(() => platform)

describe('测试项目', () => {
  test('is created, listed, read, changed and deleted as printed', async () => {
    const { request } = printed('projects.create')
    const created = await asPrinted('projects.create', 'POST', '/api/testPro/projects/', { body: request })
    expect(created.body).toMatchObject({ id: 1, name: '小小电商', leader: 'torin' })
    expect(created.body.create_time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+08:00$/)
    expect(created.events).toEqual([{ type: 'ProjectCreated', data: { id: 1, ...request } }])

    const listed = await asPrinted('projects.list', 'GET', '/api/testPro/projects/')
    expect(listed.body).toEqual([created.body])
    const detail = await asPrinted('projects.detail', 'GET', '/api/testPro/projects/1/')
    expect(detail.body).toEqual(created.body)

    const changes = printed('projects.change').request
    const changed = await asPrinted('projects.change', 'PATCH', '/api/testPro/projects/1/', { body: changes })
    expect(changed.body).toEqual({ ...created.body, name: 'aa' })
    expect(changed.events).toEqual([{ type: 'ProjectChanged', data: { name: 'aa' } }])

    const deleted = await asPrinted('projects.delete', 'DELETE', '/api/testPro/projects/1/')
    expect(deleted.events).toEqual([{ type: 'ProjectDeleted', data: {} }])
    expect((await platform.call('GET', '/api/testPro/projects/1/')).status).toBe(404)
    expect((await platform.call('GET', '/api/testPro/projects/')).body).toEqual([])
  })
})

/** A project with what the printed requests refer to. */
async function newProject(): Promise<number> {
  const { body } = await platform.call('POST', '/api/testPro/projects/', { name: '小小电商', leader: 'torin' })
  return (body as { id: number }).id
}

describe('测试环境', () => {
  test('is created, listed, read, changed and deleted as printed', async () => {
    const project = await newProject()
    const request = { ...printed('envs.create').request, project }
    const ours = ['secrets']
    const created = await asPrinted('envs.create', 'POST', '/api/testPro/envs/', { body: request, ours })
    const { id, secrets, ...rest } = created.body as { id: number; secrets: unknown }
    expect(rest).toEqual(request)
    expect(secrets).toEqual([])
    expect(created.events.map(({ type }) => type)).toEqual(['EnvironmentCreated'])
    // The passwords of databases are never in clear in the log.
    expect(JSON.stringify(created.events)).not.toContain('123456')

    const listed = await asPrinted('envs.list', 'GET', `/api/testPro/envs/?project=${project}`, { ours })
    expect(listed.body).toEqual([created.body])
    const detail = await asPrinted('envs.detail', 'GET', `/api/testPro/envs/${id}/`, { ours })
    expect(detail.body).toEqual(created.body)

    const changes = { ...printed('envs.change').request, project, name: '本地' }
    const changed = await asPrinted('envs.change', 'PATCH', `/api/testPro/envs/${id}/`, { body: changes, ours })
    expect(changed.body).toEqual({ ...created.body, name: '本地' })
    expect(changed.events).toEqual([{ type: 'EnvironmentChanged', data: { name: '本地' } }])

    const deleted = await asPrinted('envs.delete', 'DELETE', `/api/testPro/envs/${id}/`)
    expect(deleted.events).toEqual([{ type: 'EnvironmentDeleted', data: {} }])
    expect((await platform.call('GET', `/api/testPro/envs/?project=${project}`)).body).toEqual([])
  })
})

describe('接口管理', () => {
  test('is created, listed, changed and deleted as printed', async () => {
    const project = await newProject()
    const request = { ...printed('interfaces.create').request, project }
    const ours = ['module']
    const path = '/api/TestInterFace/interfaces/'
    const created = await asPrinted('interfaces.create', 'POST', path, { body: request, ours })
    const { id } = created.body as { id: number }
    expect(created.body).toEqual({ id, ...request, module: null })
    expect(created.events).toEqual([{ type: 'InterfaceCreated', data: { id, ...request, module: null } }])

    const { body: newCase } = await platform.call('POST', '/api/TestInterFace/cases/', {
      title: '用例名称',
      interface: id,
    })
    const listed = await asPrinted('interfaces.list', 'GET', `${path}?project=${project}`, { ours })
    expect(listed.body).toEqual([{ ...created.body, cases: [{ id: newCase.id, title: '用例名称' }] }])

    const changes = { ...printed('interfaces.change').request, project, name: '注册' }
    const item = `${path}${id}/`
    const changed = await asPrinted('interfaces.change', 'PATCH', item, { body: changes, ours })
    expect(changed.body).toEqual({ ...created.body, name: '注册' })
    expect(changed.events).toEqual([{ type: 'InterfaceChanged', data: { name: '注册' } }])
    expect((await platform.call('GET', item)).body).toEqual({
      ...changed.body,
      cases: [{ id: newCase.id, title: '用例名称' }],
    })

    const deleted = await asPrinted('interfaces.delete', 'DELETE', item)
    expect(deleted.events).toEqual([{ type: 'InterfaceDeleted', data: {} }])
    expect((await platform.call('GET', `/api/TestInterFace/cases/${newCase.id}/`)).status).toBe(404)
  })
})

describe('接口用例管理', () => {
  test('is created, listed, read, changed and deleted as printed', async () => {
    const project = await newProject()
    const { body: owner } = await platform.call('POST', '/api/TestInterFace/interfaces/', {
      name: '登录',
      url: '/users/login/',
      method: 'post',
      type: '1',
      project,
    })
    const request = { ...printed('cases.create').request, interface: owner.id as number }
    const created = await asPrinted('cases.create', 'POST', '/api/TestInterFace/cases/', { body: request })
    const { id } = created.body as { id: number }
    expect(created.body).toEqual({ id, ...request })
    const { headers, request: sent, file, ...texts } = request as unknown as Record<string, unknown>
    const stored = {
      ...texts,
      headers: JSON.stringify(headers),
      request: JSON.stringify(sent),
      file: JSON.stringify(file),
    }
    expect(created.events).toEqual([{ type: 'CaseCreated', data: { id, ...stored } }])

    const listed = await asPrinted('cases.list', 'GET', `/api/TestInterFace/cases/?interface=${owner.id}`)
    expect(listed.body).toEqual([{ id, title: '登录成功' }])
    const detail = await asPrinted('cases.detail', 'GET', `/api/TestInterFace/cases/${id}/`)
    const { module: _, ...printedOwner } = owner
    expect(detail.body.interface).toEqual({ ...printedOwner, method: 'POST' })

    const path = `/api/TestInterFace/cases/${id}/`
    const changes = { ...printed('cases.change').request, interface: owner.id as number, title: '登录失败' }
    const changed = await asPrinted('cases.change', 'PATCH', path, { body: changes })
    expect(changed.body).toEqual({ ...created.body, title: '登录失败' })
    expect(changed.events).toEqual([{ type: 'CaseChanged', data: { title: '登录失败' } }])

    const deleted = await asPrinted('cases.delete', 'DELETE', path)
    expect(deleted.events).toEqual([{ type: 'CaseDeleted', data: {} }])
    expect((await platform.call('GET', `/api/TestInterFace/cases/?interface=${owner.id}`)).body).toEqual([])
  })

  test('runs as printed, and its report reads as printed', async () => {
    const project = await newProject()
    const { body: env } = await platform.call('POST', '/api/testPro/envs/', { name: '本地', host: target.url, project })
    const request = printed('cases.run').request as unknown as { cases: object }
    const teardown_script = "test.assertion('相等', 201, response.status_code)"
    const ran = await asPrinted('cases.run', 'POST', '/api/TestInterFace/cases/run/', {
      body: { env: env.id, cases: { ...request.cases, teardown_script } },
      ours: ['record', 'assertions', 'started_at'],
    })
    expect(ran.body).toMatchObject({
      name: '注册成功',
      state: '成功',
      status_cede: 201,
      method: 'POST',
      url: `${target.url}/api/users/register/`,
    })
    const lines = (ran.body.log_data as [string, string][]).map(([, line]) => line)
    for (const [, line] of (printed('cases.run').answer as { log_data: [string, string][] }).log_data) {
      expect(lines).toContain(line)
    }
    expect(ran.events.map(({ type }) => type)).toEqual([
      'RunRequested',
      'RunClaimed',
      'DebugVariablesSaved',
      'CaseFinished',
      'RunFinished',
    ])
    const username = (JSON.parse(target.seen.at(-1)?.body ?? '') as { username: string }).username
    expect(username).toMatch(/^1\d{10}$/)
    const { body: after } = await platform.call('GET', `/api/testPro/envs/${env.id}/`)
    expect(after.debug_global_variable).toEqual({ user_mobile: username })
    // What a debug run saves may be a token: it is sealed in the log.
    expect(JSON.stringify(ran.events.filter(({ type }) => type === 'DebugVariablesSaved'))).not.toContain(username)

    const { record, ...result } = ran.body as { record: number }
    const report = await platform.call('GET', `/api/testTask/report/${record}/`)
    expect(report.status).toBe(200)
    expect(report.body.info.results).toEqual([
      { all: 1, success: 1, fail: 0, error: 0, cases: [result], state: 'success', name: '注册成功', scene: null },
    ])
    // The printed report is a task's; that of a single case has none.
    const asTask = { ...report.body, info: { ...report.body.info, task: '1' } }
    expect(
      differences(asTask, printed('report.detail').answer, ['assertions', 'started_at', 'status', 'scene']),
    ).toEqual([])
    expect(report.body).toMatchObject({ id: record, record, info: { test_env: env.id, tester: 'admin', task: null } })
  }, 60_000)
})

describe('测试业务流', () => {
  const SCENES = '/api/testFlow/scenes/'
  const STEPS = '/api/testFlow/icases/'

  test('is created, listed, changed and deleted as printed', async () => {
    const project = await newProject()
    const request = { ...printed('scenes.create').request, project }
    const created = await asPrinted('scenes.create', 'POST', SCENES, { body: request })
    const { id } = created.body as { id: number }
    expect(created.body).toEqual({ id, ...request })
    expect(created.events).toEqual([{ type: 'SceneCreated', data: { id, ...request } }])

    const listed = await asPrinted('scenes.list', 'GET', `${SCENES}?project=${project}`)
    expect(listed.body).toEqual([created.body])

    const { request: changes } = printed('scenes.change')
    const changed = await asPrinted('scenes.change', 'PATCH', `${SCENES}${id}/`, { body: changes })
    expect(changed.body).toEqual({ ...created.body, name: '注册接口测试' })
    expect(changed.events).toEqual([{ type: 'SceneChanged', data: changes }])
    expect((await platform.call('GET', `${SCENES}${id}/`)).body).toEqual(changed.body)

    const deleted = await asPrinted('scenes.delete', 'DELETE', `${SCENES}${id}/`)
    expect(deleted.events).toEqual([{ type: 'SceneDeleted', data: {} }])
    expect((await platform.call('GET', `${SCENES}?project=${project}`)).body).toEqual([])
  })

  test('has steps that are added, listed, put in order and removed as printed', async () => {
    const project = await newProject()
    const { body: scene } = await platform.call('POST', SCENES, { name: '登录接口测试', project })
    const { body: owner } = await platform.call('POST', '/api/TestInterFace/interfaces/', {
      ...printed('interfaces.create').request,
      project,
    })
    const { body: login } = await platform.call('POST', '/api/TestInterFace/cases/', {
      title: '登录失败',
      interface: owner.id,
    })
    const request = { ...printed('steps.create').request, icase: login.id as number, scene: scene.id as number }
    const created = await asPrinted('steps.create', 'POST', STEPS, { body: request, ours: ['icase'] })
    const { id } = created.body as { id: number }
    expect(created.body).toEqual({ id, sort: 2, icace: login.id, icase: login.id, scene: scene.id })
    expect(created.events).toEqual([{ type: 'StepAdded', data: { step: id, icase: login.id, sort: 2 } }])

    const { body: second } = await platform.call('POST', STEPS, { ...request, sort: 1 })
    const listed = await asPrinted('steps.list', 'GET', `${STEPS}?scene=${scene.id}`)
    const icase = { id: login.id, title: '登录失败' }
    expect(listed.body).toEqual([
      { id: second.id, sort: 1, icase, scene: scene.id },
      { id, sort: 2, icase, scene: scene.id },
    ])

    const third = (await platform.call('POST', STEPS, { ...request, sort: 7 })).body.id as number
    const fourth = (await platform.call('POST', STEPS, { ...request, sort: 8 })).body.id as number
    const ids = [id, second.id as number, third, fourth]
    const sent = printed('steps.order').request as unknown as readonly { id: number; sort: number }[]
    const order = sent.map(({ sort }, index) => ({ id: ids[index], sort }))
    let ordered!: Awaited<ReturnType<TestPlatform['call']>>
    const events = await platform.eventsOf(async () => {
      ordered = await platform.call('PATCH', `${STEPS}order/`, order)
    })
    // What it answers is not printed.
    expect([ordered.status, ordered.body]).toEqual([printed('steps.order').status, order])
    const placed = order.map(({ id: step, sort }) => ({ step, sort }))
    expect(events).toEqual([{ stream: `scene-${scene.id}`, type: 'StepsReordered', data: { order: placed } }])
    const { body: inOrder } = await platform.call('GET', `${STEPS}?scene=${scene.id}`)
    expect(inOrder.map((step: { id: number }) => step.id)).toEqual(ids)

    const removed = await asPrinted('steps.delete', 'DELETE', `${STEPS}${id}/`)
    expect(removed.events).toEqual([{ type: 'StepRemoved', data: { step: id } }])
    const { body: left } = await platform.call('GET', `${STEPS}?scene=${scene.id}`)
    expect(left.map((step: { id: number }) => step.id)).toEqual(ids.slice(1))
  })
})

describe('用户', () => {
  test('logs in, refreshes and verifies as printed', async () => {
    const login = await platform.call('POST', '/api/users/login/', { username: 'admin', password: 'admin-password' })
    expect(login.status).toBe(200)
    expect(differences(login.body, printed('users.login').answer)).toEqual([])
    const claims = claimsOf(login.body.token)
    expect(claims).toMatchObject({ token_type: 'access', user_id: 1, jti: expect.any(String) })
    expect((claims.exp as number) - Date.now() / 1000).toBeLessThanOrEqual(3600)
    expect(claimsOf(login.body.refresh)).toMatchObject({ token_type: 'refresh', user_id: 1 })

    const refreshed = await platform.call(
      'POST',
      '/api/users/token/refresh/',
      { refresh: login.body.refresh },
      { token: '' },
    )
    expect(refreshed.status).toBe(200)
    expect(differences(refreshed.body, printed('users.refresh').answer)).toEqual([])

    for (const token of [login.body.token, login.body.refresh, refreshed.body.token]) {
      const verified = await platform.call('POST', '/api/users/token/verify', { token }, { token: '' })
      expect([verified.status, verified.text]).toEqual([200, ''])
    }
    const bad = await platform.call('POST', '/api/users/token/verify', { token: 'x' }, { token: '' })
    expect([bad.status, bad.body]).toEqual([
      401,
      { error: '令牌无效或已过期', detail: '令牌无效或已过期', code: 'token_not_valid' },
    ])
  })
})

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
}
