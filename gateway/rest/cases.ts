import { z } from 'zod'
import { type CaseFields, REQUEST_KEYS } from '../../contracts/case.ts'
import { Rejected } from '../../contracts/core.ts'
import { isObject, type JsonText, RawJson } from '../../contracts/json.ts'
import { findCase, listCases } from '../../projections/cases.ts'
import { aggregates } from '../../services/commands/aggregates.ts'
import type { CaseCommand, CaseState } from '../../services/commands/case.ts'
import { referred } from '../../services/commands/visible.ts'
import type { KeptJson } from './body.ts'
import { interfaceAnswer } from './interfaces.ts'
import type { Modules } from './modules.ts'
import { resourceRoutes } from './resource.ts'
import type { Route } from './route.ts'
import { id, jsonContainer, jsonObject, nameText, NO_ITEMS, NO_MEMBERS, optionalText } from './schema.ts'

/** What a case sends; `file` is a list or an object of fields (seed 000 接口测试模块 2.1). */
export const caseContent = {
  headers: jsonObject('请求头').default(NO_MEMBERS),
  request: jsonObject('请求体参数')
    .refine(...onlyKnownKeys())
    .meta({ type: 'object', propertyNames: { enum: REQUEST_KEYS }, description: '请求体参数' })
    .default(NO_MEMBERS),
  file: jsonContainer('上传文件参数').default(NO_ITEMS),
  setup_script: optionalText('前置执行脚本'),
  teardown_script: optionalText('后置执行脚本'),
}

const fields = z.object({ title: nameText('用例名称'), interface: id('所属接口id'), ...caseContent })

/** Keys that the engine does not know would be passed over in silence when the case runs. */
function onlyKnownKeys(): [(json: KeptJson) => boolean, { error: (issue: { input?: unknown }) => string }] {
  const known: readonly string[] = REQUEST_KEYS
  const unknown = ({ value }: KeptJson): string[] =>
    isObject(value) ? [...value.keys()].filter((name) => !known.includes(name)) : []
  return [
    (json) => unknown(json).length === 0,
    {
      error: ({ input }) => {
        const names = unknown(input as KeptJson).join('、')
        return `含有未知的键 ${names}，可用的键为 ${known.join('、')}`
      },
    },
  ]
}

const shape = {
  id: z.int(),
  title: z.string(),
  headers: z.record(z.string(), z.unknown()),
  request: z.record(z.string(), z.unknown()),
  file: z.unknown(),
  setup_script: z.string(),
  teardown_script: z.string(),
}
const answer = z.object({ ...shape, interface: z.int() })
const detail = z.object({ ...shape, interface: interfaceAnswer })

const SETUP =
  '# 前置脚本(python):\n# global_tools:全局工具函数\n# data:用例数据 \n# env: 局部环境\n# ENV: 全局环境\n# db: 数据库操作对象\n'
const TEARDOWN =
  '# 后置脚本(python):\n# global_tools:全局工具函数\n# data:用例数据 \n# response:响应对象response \n# env: 局部环境\n# ENV: 全局环境\n# db: 数据库操作对象\n'
const PRINTED_REQUEST = {
  title: '登录成功',
  headers: {},
  request: {},
  file: [],
  setup_script: SETUP,
  teardown_script: TEARDOWN,
  interface: 1,
}
const PRINTED_INTERFACE = { id: 1, name: '登录', url: '/users/login/', method: 'POST', type: '1', project: 1 }

/** Cases (seed 000 接口测试模块 2). */
export function caseRoutes(modules: Modules): readonly Route[] {
  const { models, visible, blobs } = modules

  async function shown(content: CaseFields): Promise<object> {
    const { title, headers, request, file, setup_script, teardown_script } = await blobs.unspill(content)
    return {
      title,
      headers: new RawJson(headers),
      request: new RawJson(request),
      file: new RawJson(file),
      setup_script,
      teardown_script,
    }
  }

  return resourceRoutes(
    {
      path: '/api/TestInterFace/cases/',
      tag: '接口用例管理',
      noun: '用例',
      sources: {
        create: '接口测试模块 2.1',
        remove: '接口测试模块 2.2',
        change: '接口测试模块 2.3',
        list: '接口测试模块 2.4',
        detail: '接口测试模块 2.5',
      },
      examples: {
        request: PRINTED_REQUEST,
        written: { id: 1, ...PRINTED_REQUEST },
        detail: { ...PRINTED_REQUEST, id: 1, interface: PRINTED_INTERFACE },
        list: [
          { id: 1, title: '登录成功' },
          { id: 2, title: '登录失败' },
          { id: 3, title: '登录密码错误' },
        ],
      },
      fields,
      answers: { written: answer, detail, item: z.object({ id: z.int(), title: z.string() }) },
      filters: {
        interface: id('接口id').optional(),
        project: id('项目id').optional(),
        scene: id('测试业务流程id').optional(),
      },

      list: (filters, window) => listCases(models, filters, window),
      async find(wanted) {
        const row = await findCase(models, wanted)
        if (!row) return undefined
        const { interface: owner } = row
        const body = {
          id: wanted,
          interface: {
            id: owner.id,
            name: owner.name,
            url: owner.url,
            method: inCapitals(owner.method),
            type: owner.type,
            project: owner.project,
          },
          ...(await shown(row)),
        }
        return { body, revision: BigInt(row.revision) }
      },

      aggregate: aggregates.case,
      visible: visible.case,
      async create(fresh, { interface: owner, ...content }): Promise<CaseCommand> {
        referred(await visible.interface(owner), 'interface', '接口', owner)
        const data = await blobs.spill(caseFields(content))
        return { type: 'CreateCase', data: { id: fresh, interface: owner, ...data } }
      },
      async change(state, { interface: owner, ...content }): Promise<CaseCommand> {
        if (owner !== undefined) await checkSameProject(state, owner)
        const data = await blobs.spill(caseFields(content))
        return { type: 'ChangeCase', changes: { ...(owner !== undefined && { interface: owner }), ...data } }
      },
      remove: { type: 'DeleteCase' },
      async render(state) {
        return state.status === 'live' ? { id: state.id, ...(await shown(state)), interface: state.interface } : {}
      },
    },
    modules,
  )

  /** A case may go to another interface of its project, never to another project. */
  async function checkSameProject(state: CaseState, owner: number): Promise<void> {
    const target = referred(await visible.interface(owner), 'interface', '接口', owner)
    if (state.status !== 'live' || state.interface === owner) return
    const present = await visible.interface(state.interface)
    if (present && present.state.project !== target.state.project) {
      throw new Rejected('invalid', 'interface：用例不能移动到其他项目的接口', 'interface')
    }
  }
}

/** A method that a variable is still to give is no word of capitals yet. */
function inCapitals(method: string): string {
  return method.includes('${{') ? method : method.toUpperCase()
}

type WireContent = Readonly<{
  title?: string
  headers?: KeptJson
  request?: KeptJson
  file?: KeptJson
  setup_script?: string
  teardown_script?: string
}>

type TextsOf<W> = { [K in keyof W]: W[K] extends KeptJson | undefined ? JsonText : W[K] }

/** A case's content as events hold it: kept JSON by its text. */
export function caseFields<W extends WireContent>(content: W): TextsOf<W> {
  const entries = Object.entries(content).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : value?.text,
  ])
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as TextsOf<W>
}
