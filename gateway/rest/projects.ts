import { z } from 'zod'
import { findProject, listProjects } from '../../projections/projects.ts'
import { aggregates } from '../../services/commands/aggregates.ts'
import type { ProjectCommand } from '../../services/commands/project.ts'
import type { Modules } from './modules.ts'
import { resourceRoutes } from './resource.ts'
import type { Route } from './route.ts'
import { text } from './schema.ts'

const fields = z.object({ name: text('项目名称'), leader: text('项目负责人') })

const answer = z.object({ id: z.int(), create_time: z.string(), name: z.string(), leader: z.string() })

const PRINTED = { id: 1, create_time: '2022-07-12T21:59:57.606147+08:00', name: '小小电商', leader: 'torin' }

/** Projects (seed 000 四.1). */
export function projectRoutes(modules: Modules): readonly Route[] {
  const { models, visible } = modules
  return resourceRoutes(
    {
      path: '/api/testPro/projects/',
      tag: '测试项目',
      noun: '测试项目',
      sources: { list: '四.1.1', create: '四.1.2', remove: '四.1.3', change: '四.1.4', detail: '四.1.5' },
      examples: {
        request: { name: '小小电商', leader: 'torin' },
        written: { ...PRINTED, name: '小小电商接口自动化' },
        detail: { ...PRINTED, create_time: '2023-07-12T21:59:57.606147+08:00', name: '接口自动化' },
        list: [PRINTED],
      },
      fields,
      answers: { written: answer, detail: answer, item: answer },
      filters: {},

      async list(filters, window) {
        const { rows, count } = await listProjects(models, filters, window)
        return { rows: rows.map(shown), count }
      },
      async find(id) {
        const row = await findProject(models, id)
        return row && { body: shown(row), revision: BigInt(row.revision) }
      },

      aggregate: aggregates.project,
      visible: visible.project,
      create: (id, data): ProjectCommand => ({ type: 'CreateProject', data: { id, ...data } }),
      change: (_state, changes): ProjectCommand => ({ type: 'ChangeProject', changes }),
      remove: { type: 'DeleteProject' },
      render: (state) => (state.status === 'live' ? shown(state) : {}),
    },
    modules,
  )
}

function shown({
  id,
  create_time,
  name,
  leader,
}: {
  id: number
  create_time: string
  name: string
  leader: string
}): object {
  return { id, create_time, name, leader }
}
