import { z } from 'zod'
import type { SceneFields } from '../../contracts/scene.ts'
import { findScene, listScenes } from '../../projections/scenes.ts'
import { aggregates } from '../../services/commands/aggregates.ts'
import type { SceneCommand } from '../../services/commands/scene.ts'
import { referred } from '../../services/commands/visible.ts'
import type { Modules } from './modules.ts'
import { resourceRoutes } from './resource.ts'
import type { Route } from './route.ts'
import { id, text } from './schema.ts'

const fields = z.object({ name: text('业务流名称'), project: id('所属项目id') })

const answer = z.object({ id: z.int(), name: z.string(), project: z.int() })

const PRINTED = { id: 1, name: '登录接口测试', project: 1 }
const { id: _, ...PRINTED_REQUEST } = PRINTED

/** Scenes (seed 000 五.1). */
export function sceneRoutes(modules: Modules): readonly Route[] {
  const { models, visible } = modules
  return resourceRoutes(
    {
      path: '/api/testFlow/scenes/',
      tag: '测试业务流管理',
      noun: '业务流',
      sources: { create: '五.1.1', remove: '五.1.2', change: '五.1.3', list: '五.1.4' },
      examples: {
        request: PRINTED_REQUEST,
        written: PRINTED,
        detail: PRINTED,
        list: [PRINTED, { id: 2, name: '注册接口测试', project: 1 }],
      },
      fields,
      answers: { written: answer, detail: answer, item: answer },
      filters: { project: id('项目id').optional(), task: id('测试任务id').optional() },

      async list(filters, window) {
        const { rows, count } = await listScenes(models, filters, window)
        return { rows: rows.map(shown), count }
      },
      async find(wanted) {
        const row = await findScene(models, wanted)
        return row && { body: shown(row), revision: BigInt(row.revision) }
      },

      aggregate: aggregates.scene,
      visible: visible.scene,
      async create(fresh, data): Promise<SceneCommand> {
        referred(await visible.project(data.project), 'project', '项目', data.project)
        return { type: 'CreateScene', data: { id: fresh, ...data } }
      },
      change: (_state, { project, ...changes }): SceneCommand => ({
        type: 'ChangeScene',
        ...(project !== undefined && { project }),
        changes,
      }),
      remove: { type: 'DeleteScene' },
      render: (state) => (state.status === 'live' ? shown(state) : {}),
    },
    modules,
  )
}

function shown({ id: wanted, name, project }: SceneFields & { id: number; project: number }): object {
  return { id: wanted, name, project }
}
