import { z } from 'zod'
import { Rejected } from '../../contracts/core.ts'
import type { InterfaceFields } from '../../contracts/interface.ts'
import { findInterface, listInterfaces } from '../../projections/interfaces.ts'
import { aggregates } from '../../services/commands/aggregates.ts'
import type { InterfaceCommand, LiveInterface } from '../../services/commands/interface.ts'
import { referred } from '../../services/commands/visible.ts'
import type { Modules } from './modules.ts'
import { resourceRoutes } from './resource.ts'
import type { Route } from './route.ts'
import { id, orNull, text } from './schema.ts'

const fields = z.object({
  name: text('项目接口名称'),
  url: text('接口地址'),
  method: text('请求方法'),
  type: text('接口类型'),
  project: id('所属项目id'),
  module: orNull(id('所属模块id')).default(null),
})

/** An interface as it is documented, and as a case's detail holds it. */
export const interfaceAnswer = z.object({
  id: z.int(),
  name: z.string(),
  url: z.string(),
  method: z.string(),
  type: z.string(),
  project: z.int(),
})
const written = interfaceAnswer.extend({ module: z.nullable(z.int()) })
const withCases = written.extend({ cases: z.array(z.object({ id: z.int(), title: z.string() })) })

const PRINTED = { id: 1, name: '登录', url: '/users/login/', method: 'post', type: '1', project: 1 }
const WRITTEN = { ...PRINTED, module: null }
const PRINTED_CASES = { ...WRITTEN, cases: [{ id: 1, title: '用例名称' }] }
const { id: _, ...PRINTED_REQUEST } = PRINTED

/** Interfaces (seed 000 接口测试模块 1). */
export function interfaceRoutes(modules: Modules): readonly Route[] {
  const { models, visible } = modules
  return resourceRoutes(
    {
      path: '/api/TestInterFace/interfaces/',
      tag: '接口管理',
      noun: '接口',
      sources: {
        create: '接口测试模块 1.1',
        list: '接口测试模块 1.2',
        remove: '接口测试模块 1.3',
        change: '接口测试模块 1.4',
      },
      examples: { request: PRINTED_REQUEST, written: WRITTEN, detail: PRINTED_CASES, list: [PRINTED_CASES] },
      fields,
      answers: { written, detail: withCases, item: withCases },
      filters: { project: id('所属项目id').optional(), module: id('所属模块id').optional() },

      async list(filters, window) {
        const { rows, count } = await listInterfaces(models, filters, window)
        return { rows: rows.map(({ cases, ...row }) => ({ ...shown(row), cases })), count }
      },
      async find(wanted) {
        const row = await findInterface(models, wanted)
        return row && { body: { ...shown(row), cases: row.cases }, revision: BigInt(row.revision) }
      },

      aggregate: aggregates.interface,
      visible: visible.interface,
      async create(fresh, data): Promise<InterfaceCommand> {
        referred(await visible.project(data.project), 'project', '项目', data.project)
        await checkModule(data.module, data.project)
        return { type: 'CreateInterface', data: { id: fresh, ...data } }
      },
      async change(state, { project, ...changes }): Promise<InterfaceCommand> {
        const filed = state.status === 'live' ? await moduleAfter(state, changes.module) : {}
        return {
          type: 'ChangeInterface',
          ...(project !== undefined && { project }),
          changes: { ...changes, ...filed },
        }
      },
      remove: { type: 'DeleteInterface' },
      render: (state) => (state.status === 'live' ? shown(state) : {}),
    },
    modules,
  )

  async function isModuleOf(module: number, project: number): Promise<boolean> {
    return (await visible.modules(project))?.state.modules.get(module) !== undefined
  }

  /**
   * What a change, which may name a module or none, makes of the one that the interface lies in. A removed module leaves its interfaces
   * as they are: the next change of one says that it lies in none, so that what is answered stands in the events.
   */
  async function moduleAfter(
    { module: present, project }: LiveInterface,
    wanted: number | null | undefined,
  ): Promise<Pick<InterfaceFields, 'module'>> {
    if (wanted !== undefined) await checkModule(wanted, project)
    else if (present !== null && !(await isModuleOf(present, project))) return { module: null }
    return {}
  }

  async function checkModule(module: number | null, project: number): Promise<void> {
    if (module === null || (await isModuleOf(module, project))) return
    throw new Rejected('unknown_reference', `module：项目 ${project} 中没有模块 ${module}`, 'module')
  }
}

function shown(thing: InterfaceFields & { id: number; project: number; module: number | null }): object {
  const { id: wanted, name, url, method, type, project, module } = thing
  return { id: wanted, name, url, method, type, project, module }
}
