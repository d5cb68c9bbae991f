import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'

/** Cases that upload files: what they name, what the target is sent, and what the result says. */

let platform: TestPlatform
let target: Server
let received: Readonly<{ type: string; body: Buffer }>[] = []
let project: number
let env: number

beforeAll(async () => {
  platform = await startTestPlatform()
  target = createServer((request, response) => {
    void request.toArray().then((chunks: Buffer[]) => {
      received.push({ type: request.headers['content-type'] ?? '', body: Buffer.concat(chunks) })
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => void target.listen(0, '127.0.0.1', resolve))
  project = await newProject()
  const host = `http://127.0.0.1:${(target.address() as AddressInfo).port}`
  env = (await platform.call('POST', '/api/testPro/envs/', { name: '本地', host, project })).body.id
}, 60_000)
afterAll(async () => {
  target.closeAllConnections()
  target.close()
  await platform.stop()
})

async function newProject(): Promise<number> {
  return (await platform.call('POST', '/api/testPro/projects/', { name: 'p', leader: 'l' })).body.id as number
}

async function upload(name: string, content: string | Uint8Array<ArrayBuffer>, owner?: number): Promise<number> {
  const form = new FormData()
  form.set('file', new File([content], name, { type: 'text/plain' }))
  if (owner !== undefined) form.set('project', String(owner))
  const headers = { authorization: `Bearer ${platform.token}` }
  const response = await fetch(`${platform.url}/api/testPro/files/`, { method: 'POST', headers, body: form })
  return ((await response.json()) as { id: number }).id
}

async function run(content: object) {
  received = []
  const cases = { title: '上传', interface: { url: '/upload', method: 'post', name: '上传' }, ...content }
  const { body } = await platform.call('POST', '/api/TestInterFace/cases/run/', { env, cases })
  return body as { state: string; log_data: [string, string][]; requests_body?: string }
}

/** What a case that uploads `reference` sends. */
async function sentFor(reference: unknown): Promise<string | undefined> {
  const { state } = await run({ file: [['file', ['sent.sql', reference, 'text/plain']]] })
  if (state !== '成功') return undefined
  const [{ type, body } = { type: '', body: Buffer.alloc(0) }] = received
  const form = await new Response(Uint8Array.from(body), { headers: { 'content-type': type } }).formData()
  const file = form.get('file') as File
  return `${file.name} ${file.type} ${await file.text()}`
}

describe('a case names a file', () => {
  test('by id, by its path, and by the base name of any path', async () => {
    const id = await upload('hahaha.sql', 'content', project)
    for (const reference of [
      id,
      String(id),
      `upload_files/${id}/hahaha.sql`,
      'hahaha.sql',
      String.raw`D:\project\backend\upload_files\hahaha.sql`,
      '/home/x/hahaha.sql',
    ]) {
      expect([reference, await sentFor(reference)]).toEqual([reference, 'sent.sql text/plain content'])
    }
  })

  test('of its own project before one of none, and none of another', async () => {
    await upload('scoped.sql', 'of none')
    expect(await sentFor('scoped.sql')).toBe('sent.sql text/plain of none')
    await upload('scoped.sql', 'of the project', project)
    expect(await sentFor('/x/scoped.sql')).toBe('sent.sql text/plain of the project')
    const other = await newProject()
    const id = await upload('others.sql', 'of another', other)
    for (const reference of [id, `upload_files/${id}/others.sql`, 'others.sql']) {
      expect(await sentFor(reference)).toBeUndefined()
    }
    expect(await sentFor(await upload('free.sql', 'of none'))).toBe('sent.sql text/plain of none')
  })

  test('that was replaced, by its old path; one that was deleted is not there', async () => {
    const old = await upload('replaced.sql', 'old', project)
    await platform.call('DELETE', `/api/testPro/file/${old}/`)
    expect(await sentFor(`upload_files/${old}/replaced.sql`)).toBeUndefined()
    await upload('replaced.sql', 'new', project)
    expect(await sentFor(`upload_files/${old}/replaced.sql`)).toBe('sent.sql text/plain new')
    expect(await sentFor(old)).toBeUndefined()
  })

  test('that is not there: 错误 with its name, and nothing is sent', async () => {
    for (const reference of [String.raw`D:\dir\nowhere.sql`, 2_147_483_648, 99_999, 'upload_files/1/', '']) {
      const { state, log_data } = await run({ file: { file: ['a.sql', reference, 'text/plain'] } })
      expect([state, received]).toEqual(['错误', []])
      expect(log_data.at(-2)).toEqual(['EXCEPT', `ValueError: file的file引用的文件不存在：${reference}\n`])
    }
  })
})

test('a saved case sends bytes as they are beside texts, with variables and what its setup script changed', async () => {
  const bytes = Uint8Array.from({ length: 5_000 }, (_, at) => (at * 7) % 256)
  const id = await upload('image.png', bytes, project)
  const called = { name: '上传', url: '/upload', method: 'post', type: '1', project }
  const { body: saved } = await platform.call('POST', '/api/TestInterFace/interfaces/', called)
  const { body: created } = await platform.call('POST', '/api/TestInterFace/cases/', {
    title: '上传',
    interface: saved.id,
    headers: { 'Content-Type': 'application/json' },
    request: { data: { lost: 1 } },
    file: [
      ['note', '${{text}}'],
      ['file', ['图.png', '${{picture}}', 'image/png']],
    ],
    setup_script: `test.save_env_variable('picture', ${id})\ntest.save_env_variable('text', '说明')\ndata['file'].append(['more', 'x'])`,
    teardown_script: "test.assertion('相等', 200, response.status_code)",
  })
  received = []
  const { body } = await platform.call('POST', '/api/TestInterFace/cases/run/', { env, cases: created.id })
  expect(body.state).toBe('成功')
  const [{ type, body: sent } = { type: '', body: Buffer.alloc(0) }] = received
  const boundary = /^multipart\/form-data; boundary=([0-9a-f]{32})$/.exec(type)?.[1] ?? 'none'
  expect(sent.toString('latin1')).toBe(
    Buffer.concat([
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="note"\r\n\r\n说明\r\n--${boundary}\r\n`),
      Buffer.from('Content-Disposition: form-data; name="file"; filename="图.png"\r\nContent-Type: image/png\r\n\r\n'),
      bytes,
      Buffer.from(`\r\n--${boundary}\r\nContent-Disposition: form-data; name="more"\r\n\r\nx\r\n--${boundary}--\r\n`),
    ]).toString('latin1'),
  )
  expect(body.requests_header['Content-Type']).toBe(type)
  expect(body.requests_body).toContain('name="note"\r\n\r\n说明\r\n')
  expect(body.requests_body).toContain(`base64(5000字节)：${Buffer.from(bytes).toString('base64')}\r\n`)
}, 60_000)
