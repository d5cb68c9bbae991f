import { z } from 'zod'
import { findModule, listModules, type ModuleRow, placeOfModule } from '../../projections/modules.ts'
import type { Page, Search, Window } from '../../projections/page.ts'
import type { ReadModels } from '../../projections/port.ts'
import { aggregates } from '../../services/commands/aggregates.ts'
import type { ModulesCommand } from '../../services/commands/modules.ts'
import { referred } from '../../services/commands/visible.ts'
import type { Modules } from './modules.ts'
import { inOwners } from './parts.ts'
import { resourceRoutes } from './resource.ts'
import type { Route } from './route.ts'
import { flag, id, orNull, text } from './schema.ts'

const NOUN = '模块'

const fields = z.object({
  name: text('模块名称'),
  project: id('所属项目id'),
  parent: orNull(id('上级模块id，为空时在最上层')).default(null),
})
type Body = z.output<typeof fields>

const answer = z.object({ id: z.int(), name: z.string(), project: z.int(), parent: z.nullable(z.int()) })
/** `children` are of this shape too. */
const item = answer.extend({ children: z.optional(z.array(z.looseObject({ id: z.int() }))) })

const EXAMPLE = { id: 1, name: '用户', project: 1, parent: null }
const { id: _, ...EXAMPLE_REQUEST } = EXAMPLE

/** Modules: folders of interfaces in a project, and in each other. What is written is written in the stream of the project's modules. */
export function interfaceModuleRoutes(modules: Modules): readonly Route[] {
  const { models, visible } = modules
  return resourceRoutes(
    {
      path: '/api/testPro/modules/',
      tag: '模块管理',
      noun: NOUN,
      sources: {},
      examples: {
        request: EXAMPLE_REQUEST,
        written: EXAMPLE,
        detail: EXAMPLE,
        list: [EXAMPLE, { id: 2, name: '登录', project: 1, parent: 1 }],
      },
      fields,
      answers: { written: answer, detail: answer, item },
      filters: {
        project: id('项目id').optional(),
        tree: flag('true 时只列出最上层的模块，下级模块在 children 中').optional(),
      },

      list: ({ tree = false, ...filters }, window) =>
        tree ? listTrees(models, filters, window) : listModules(models, filters, window),
      async find(wanted) {
        const row = await findModule(models, wanted)
        if (!row) return undefined
        const { revision, ...body } = row
        return { body, revision: BigInt(revision) }
      },

      aggregate: inOwners(
        {
          owners: aggregates.modules,
          kind: 'module',
          noun: NOUN,
          ownerIn: ({ project }: Body) => project,
          ownerOf: async (module) => (await placeOfModule(models, module))?.project,
        },
        modules,
      ),
      visible: async (wanted) => ((await placeOfModule(models, wanted))?.visible ? wanted : undefined),
      async create(fresh, data): Promise<ModulesCommand> {
        referred(await visible.project(data.project), 'project', '项目', data.project)
        return { type: 'AddModule', data: { module: fresh, ...data } }
      },
      change: (_state, { project, ...changes }, module): ModulesCommand => ({
        type: 'ChangeModule',
        module,
        ...(project !== undefined && { project }),
        changes,
      }),
      remove: (module): ModulesCommand => ({ type: 'RemoveModule', module }),
      render(state, _user, module) {
        const found = state.status === 'live' ? state.modules.get(module) : undefined
        if (state.status !== 'live' || !found) return {}
        return { id: module, name: found.name, project: state.project, parent: found.parent }
      },
    },
    modules,
  )
}

type Tree = ModuleRow & Readonly<{ children: Tree[] }>

/** Modules at the top with all below them; of a search those that were found, and what they lie in. A page is one of those at the top. */
async function listTrees(
  models: ReadModels,
  filters: Search & Readonly<{ project?: number | undefined }>,
  { limit, offset }: Window,
): Promise<Page<Tree>> {
  const { search, ...rest } = filters
  const all = await listModules(models, rest, { limit: null, offset: 0 })
  const found = search ? await listModules(models, filters, { limit: null, offset: 0 }) : all
  const roots = treesOf(all.rows, new Set(found.rows.map(({ id: wanted }) => wanted)))
  return { rows: roots.slice(offset, limit === null ? undefined : offset + limit), count: roots.length }
}

/** `rows` are by id, and so are siblings. */
function treesOf(rows: readonly ModuleRow[], found: ReadonlySet<number>): readonly Tree[] {
  const below = Map.groupBy(rows, ({ parent }) => parent)
  const treesIn = (parent: number | null): Tree[] =>
    (below.get(parent) ?? [])
      .map((row) => ({ ...row, children: treesIn(row.id) }))
      .filter(({ id: wanted, children }) => found.has(wanted) || children.length > 0)
  return treesIn(null)
}
