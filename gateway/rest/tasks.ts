import { z } from 'zod'
import { Rejected } from '../../contracts/core.ts'
import { MOST_CONCURRENT } from '../../contracts/run.ts'
import type { TaskFields } from '../../contracts/task.ts'
import { scenesAmong } from '../../projections/scenes.ts'
import { findTask, listTasks } from '../../projections/tasks.ts'
import { aggregates } from '../../services/commands/aggregates.ts'
import type { TaskCommand } from '../../services/commands/task.ts'
import { referred } from '../../services/commands/visible.ts'
import type { Modules } from './modules.ts'
import { resourceRoutes } from './resource.ts'
import type { Route } from './route.ts'
import { id, integer, isJsonObject, listOf, objectOf, oneOrOther, text } from './schema.ts'

/** Scenes that one task may hold. */
const MAX_SCENES = 2000

const sceneId = id('业务流id')

/** A scene by its id, or as the detail answers it: what was read can be written back. */
const sceneOrId = oneOrOther(
  isJsonObject,
  objectOf({ id: sceneId }).transform((scene) => scene.id),
  sceneId,
  '必须是有效的正整数',
)

/** The documents name the scenes `scene` where tasks are created, `scenes` where they are changed. Both are taken; `scenes` wins. */
const fields = z.object({
  name: text('测试计划名称'),
  project: id('项目id'),
  scene: listOf(sceneOrId, '包含的测试场景', { max: MAX_SCENES }).default([]),
  scenes: listOf(sceneId, '包含的测试场景；与 scene 同时出现时以此为准', { max: MAX_SCENES }).optional(),
  concurrency: integer('同时运行的业务流个数', { min: 1, max: MOST_CONCURRENT }).default(1),
})
type Sent = Partial<z.output<typeof fields>>

const item = z.object({ id: z.int(), name: z.string(), project: z.int(), concurrency: z.int() })
const written = item.extend({ scene: z.array(z.int()), scenes: z.array(z.int()) })
const detail = item.extend({
  scene: z.array(z.object({ id: z.int(), name: z.string(), project: z.int() })),
  scenes: z.array(z.int()),
})

const PRINTED_REQUEST = { name: '回归测试', project: 1, scene: [1, 2] }
const PRINTED = { id: 1, name: '回归测试', project: 1, scenes: [1, 2] }
const PRINTED_DETAIL = {
  id: 1,
  scene: [
    { id: 1, name: '登录测试999', project: 1 },
    { id: 3, name: '演示创建的业务流', project: 1 },
  ],
  name: '冒烟测试',
  project: 1,
}

/**
 * Test tasks (seed 000 六.1). A scene that is deleted leaves its tasks as they are, and is not shown: the next change of one says that it
 * holds the scene no longer, so that what is answered stands in the events.
 */
export function taskRoutes(modules: Modules): readonly Route[] {
  const { models, visible } = modules

  /** Those of the scenes that are not deleted; where read models do not show one, it may have been made a moment ago. */
  async function among(ids: readonly number[]): Promise<Awaited<ReturnType<typeof scenesAmong>>> {
    const found = new Map(await scenesAmong(models, ids))
    for (const wanted of ids) {
      const seen = found.has(wanted) ? undefined : await visible.scene(wanted)
      if (!seen) continue
      const { id, name, project } = seen.state
      found.set(wanted, { id, name, project })
    }
    return found
  }

  /** Those of the scenes that are not deleted, in their order. */
  async function present(ids: readonly number[]) {
    const found = await among(ids)
    return ids.flatMap((wanted) => found.get(wanted) ?? [])
  }

  /** The scenes that were sent, all of them in the project; undefined when none were. Throws `Rejected`, which names the item. */
  async function scenesOf(sent: Sent, project: number): Promise<readonly number[] | undefined> {
    const name = sent.scenes ? 'scenes' : 'scene'
    const ids = sent[name]
    if (!ids) return undefined
    const found = await among(ids)
    for (const [index, wanted] of ids.entries()) {
      const field = `${name}.${index}`
      if (referred(found.get(wanted), field, '业务流', wanted).project !== project) {
        throw new Rejected('invalid', `${field}：业务流 ${wanted} 不属于任务所在的项目`, field)
      }
    }
    return ids
  }

  return resourceRoutes(
    {
      path: '/api/testTask/tasks/',
      tag: '测试任务管理',
      noun: '测试任务',
      sources: { create: '六.1.1', change: '六.1.2', remove: '六.1.3', list: '六.1.4', detail: '六.1.5' },
      examples: {
        request: PRINTED_REQUEST,
        written: { ...PRINTED, scene: PRINTED.scenes, concurrency: 1 },
        detail: { ...PRINTED_DETAIL, scenes: [1, 3], concurrency: 1 },
        list: [
          { id: 1, name: '回归测试', project: 1, concurrency: 1 },
          { id: 2, name: '冒烟测试', project: 3, concurrency: 1 },
        ],
      },
      fields,
      answers: { written, detail, item },
      filters: { project: id('项目id').optional() },

      async list(filters, window) {
        const { rows, count } = await listTasks(models, filters, window)
        return { rows: rows.map(shown), count }
      },
      async find(wanted) {
        const row = await findTask(models, wanted)
        if (!row) return undefined
        const scene = await present(row.scenes)
        const body = { ...shown(row), scene, scenes: idsOf(scene) }
        return { body, revision: BigInt(row.revision) }
      },

      aggregate: aggregates.task,
      visible: visible.task,
      async create(fresh, { name, project, concurrency, ...sent }): Promise<TaskCommand> {
        referred(await visible.project(project), 'project', '项目', project)
        const scenes = (await scenesOf(sent, project)) ?? []
        return { type: 'CreateTask', data: { id: fresh, project, name, scenes, concurrency } }
      },
      async change(state, { name, project, concurrency, ...sent }): Promise<TaskCommand> {
        // One that would move to another project is refused for that, not for its scenes.
        const stays = state.status === 'live' && (project ?? state.project) === state.project
        const scenes = stays ? ((await scenesOf(sent, state.project)) ?? idsOf(await present(state.scenes))) : undefined
        return {
          type: 'ChangeTask',
          ...(project !== undefined && { project }),
          changes: {
            ...(name !== undefined && { name }),
            ...(scenes && { scenes }),
            ...(concurrency !== undefined && { concurrency }),
          },
        }
      },
      remove: { type: 'DeleteTask' },
      render: (state) =>
        state.status === 'live' ? { ...shown(state), scene: state.scenes, scenes: state.scenes } : {},
    },
    modules,
  )
}

function idsOf(scenes: readonly { id: number }[]): readonly number[] {
  return scenes.map((scene) => scene.id)
}

function shown({ id: wanted, name, project, concurrency }: TaskFields & { id: number; project: number }): object {
  return { id: wanted, name, project, concurrency }
}
