import { z } from 'zod'
import { Rejected } from '../../contracts/core.ts'
import { baseName, type FileFields, filePath, MAX_FILE_BYTES, MAX_FILE_NAME } from '../../contracts/file.ts'
import { findFile, listFiles, nameOfFile } from '../../projections/files.ts'
import { type FileCommand, filesNamed } from '../../services/commands/file.ts'
import { referred } from '../../services/commands/visible.ts'
import { commandIdOf, contextOf } from './context.ts'
import { Refusal } from './dialects.ts'
import { attachment } from './disposition.ts'
import { listAnswer, listOrPage, PAGING, windowOf } from './list.ts'
import type { Modules } from './modules.ts'
import { type KeyOf, type Route, route } from './route.ts'
import { id, uploadedFile } from './schema.ts'

const TAG = '测试文件'

const answer = z.object({ id: z.int(), info: z.tuple([z.string(), z.string(), z.string()]) })
const PRINTED = { id: 7, info: ['hahaha.sql', 'upload_files/7/hahaha.sql', 'application/octet-stream'] }

const form = z.object({
  file: uploadedFile(baseName, MAX_FILE_NAME, `上传文件，不超过 ${MAX_FILE_BYTES} 字节`),
  project: id('所属项目id').optional(),
})
const scope = z.object({ project: id('所属项目id').optional() })

/** Files that cases upload (seed 000 四.3). */
export function fileRoutes(modules: Modules): readonly Route[] {
  const { models, writes, visible, memory, blobs } = modules

  /** A repeat of a deletion is answered as it was the first time. */
  const exists = async ({ id: wanted }: { id: number }, idempotency: KeyOf | undefined): Promise<boolean> =>
    (await findFile(models, wanted)) !== undefined ||
    (idempotency !== undefined && (await memory.knows(commandIdOf(idempotency))))

  async function found(wanted: number) {
    const row = await findFile(models, wanted)
    if (!row) throw missing()
    return row
  }

  const removal = (path: '/api/testPro/file/:id/' | '/api/testPro/files/:id/', source?: string): Route =>
    route({
      method: 'DELETE',
      path,
      tag: TAG,
      access: 'content.write',
      summary: '删除测试文件',
      ...(source !== undefined && { source }),
      answers: [{ status: 204, description: '无响应体' }],
      exists,
      async handle(call) {
        const { id: wanted } = call.params
        const named = await nameOfFile(models, wanted)
        if (!named) throw missing()
        const command = async (): Promise<FileCommand> => {
          if (named.project !== null && !(await visible.project(named.project))) throw missing()
          return { type: 'DeleteFile', id: wanted }
        }
        const { position } = await writes.change(
          filesNamed(named.project, named.name),
          wanted,
          command,
          contextOf(call),
        )
        return { status: 204, position }
      },
    })

  return [
    route({
      method: 'GET',
      path: '/api/testPro/files/',
      tag: TAG,
      access: 'content.read',
      summary: '获取测试文件列表',
      source: 'seed 000 四.3.1',
      query: z.object({ ...PAGING, project: id('项目id').optional() }),
      answers: [{ status: 200, description: '测试文件列表', schema: listOrPage(answer), example: [PRINTED] }],
      async handle({ query }) {
        const { rows, count } = await listFiles(models, query, windowOf(query))
        return listAnswer(query, count, rows.map(shown))
      },
    }),
    route({
      method: 'POST',
      path: '/api/testPro/files/',
      tag: TAG,
      access: 'content.write',
      summary: '上传测试文件',
      source: 'seed 000 四.3.2',
      query: scope,
      body: form,
      upload: { maxBytes: MAX_FILE_BYTES },
      answers: [{ status: 201, description: '上传的测试文件', schema: answer, example: PRINTED }],
      async handle(call) {
        const { file } = call.body
        const project = oneProject(call.body.project, call.query.project)
        const upload = async (fresh: number): Promise<FileCommand> => {
          if (project !== null) referred(await visible.project(project), 'project', '项目', project)
          const { name, type, bytes } = file
          const content = { size: bytes.length, sha256: await blobs.put(bytes) }
          return { type: 'UploadFile', data: { id: fresh, project, name, type, ...content } }
        }
        const { state, revision, position } = await writes.create(
          filesNamed(project, file.name),
          upload,
          contextOf(call),
        )
        return { status: 201, body: state.status === 'live' ? shown(state) : {}, revision, position }
      },
    }),
    route({
      method: 'GET',
      path: '/api/testPro/files/:id/',
      tag: TAG,
      access: 'content.read',
      summary: '获取测试文件详情',
      answers: [{ status: 200, description: '测试文件', schema: answer, example: PRINTED }],
      async handle({ params }) {
        const row = await found(params.id)
        return { status: 200, body: shown(row), revision: BigInt(row.revision) }
      },
    }),
    route({
      method: 'GET',
      path: '/api/testPro/files/:id/download/',
      tag: TAG,
      access: 'content.read',
      summary: '下载测试文件',
      answers: [{ status: 200, description: '文件内容', type: 'application/octet-stream', schema: z.string() }],
      async handle({ params }) {
        const row = await found(params.id)
        const bytes = await blobs.get(row.sha256)
        if (!bytes) throw new Error(`blob ${row.sha256} of file ${row.id} is missing`)
        return {
          status: 200,
          content: { type: row.type, bytes },
          headers: { 'Content-Disposition': attachment(row.name) },
          revision: BigInt(row.revision),
        }
      },
    }),
    removal('/api/testPro/file/:id/', 'seed 000 四.3.3'),
    removal('/api/testPro/files/:id/'),
  ]
}

/** The project that the form or the URL names; null for none. */
function oneProject(inForm: number | undefined, inQuery: number | undefined): number | null {
  if (inForm !== undefined && inQuery !== undefined && inForm !== inQuery) {
    const words = '表单与查询参数中的项目不一致'
    throw new Refusal('invalid', `project ${words}`, { fields: { project: [words] } })
  }
  return inForm ?? inQuery ?? null
}

function missing(): Rejected {
  return new Rejected('not_found', '测试文件不存在')
}

function shown(file: FileFields & { id: number }): z.output<typeof answer> {
  return { id: file.id, info: [file.name, filePath(file), file.type] }
}
