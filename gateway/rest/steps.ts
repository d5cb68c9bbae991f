import { z } from 'zod'
import { Rejected } from '../../contracts/core.ts'
import type { Placing } from '../../contracts/scene.ts'
import type { ReadModels } from '../../projections/port.ts'
import { findStep, listSteps, placesOfSteps, type StepPlace, type StepRow } from '../../projections/scenes.ts'
import { aggregates } from '../../services/commands/aggregates.ts'
import type { SceneCommand } from '../../services/commands/scene.ts'
import { referred, type Visible } from '../../services/commands/visible.ts'
import { contextOf } from './context.ts'
import type { Modules } from './modules.ts'
import { inOwners } from './parts.ts'
import { resourceRoutes } from './resource.ts'
import { type Route, route } from './route.ts'
import { id, integer, listOf, objectOf } from './schema.ts'

const PATH = '/api/testFlow/icases/'
const TAG = '业务流中的用例管理'
const NOUN = '执行步骤'

/** Steps that are put in order at once: each is looked at by itself, and no event would hold many more. */
const MAX_ORDERED = 5000

const fields = z.object({ icase: id('接口用例id'), scene: id('测试业务流id'), sort: integer('执行顺序') })
type Body = z.output<typeof fields>

/** The document prints the case's id as `icace`; it is answered by its own name as well. */
const written = z.object({ id: z.int(), sort: z.int(), icace: z.int(), icase: z.int(), scene: z.int() })
const item = z.object({
  id: z.int(),
  sort: z.int(),
  icase: z.object({ id: z.int(), title: z.string() }),
  scene: z.int(),
})
const placed = z.array(z.object({ id: z.int(), sort: z.int() }))

const PRINTED_REQUEST = { sort: 2, icase: 1, scene: 1 }
const PRINTED = { id: 1, sort: 2, icace: 1, scene: 1 }
const PRINTED_LIST = [
  { id: 1, sort: 2, icase: { id: 2, title: '登录失败' }, scene: 1 },
  { id: 2, icase: { id: 2, title: '登录失败' }, sort: 1, scene: 1 },
]
const PRINTED_ORDER = [
  { id: 1, sort: 1 },
  { id: 2, sort: 2 },
  { id: 3, sort: 3 },
  { id: 4, sort: 4 },
]

/** Steps of scenes (seed 000 五.2). Their calls name the step alone; what is written is written in the stream of its scene. */
export function stepRoutes(modules: Modules): readonly Route[] {
  const { models, visible, writes } = modules
  return [
    ...resourceRoutes(
      {
        path: PATH,
        tag: TAG,
        noun: NOUN,
        sources: { create: '五.2.1', remove: '五.2.2', list: '五.2.4' },
        examples: {
          request: PRINTED_REQUEST,
          written: { ...PRINTED, icase: 1 },
          detail: PRINTED_LIST[0],
          list: PRINTED_LIST,
        },
        fields,
        answers: { written, detail: item, item },
        filters: { scene: id('业务流ID').optional() },

        async list(filters, window) {
          const { rows, count } = await listSteps(models, filters, window)
          return { rows: rows.map(shown), count }
        },
        async find(wanted) {
          const row = await findStep(models, wanted)
          return row && { body: shown(row), revision: BigInt(row.revision) }
        },

        aggregate: inOwners(
          {
            owners: aggregates.scene,
            kind: 'step',
            noun: NOUN,
            ownerIn: ({ scene }: Body) => scene,
            ownerOf: async (step) => (await placeOf(models, step))?.scene,
          },
          modules,
        ),
        visible: async (wanted) => ((await placeOf(models, wanted))?.visible ? wanted : undefined),
        async create(fresh, { scene, icase, sort }): Promise<SceneCommand> {
          const { state } = referred(await visible.scene(scene), 'scene', '业务流', scene)
          await checkSameProject(visible, icase, state.project)
          return { type: 'AddStep', data: { step: fresh, icase, sort } }
        },
        async change(state, { scene, ...changes }, step): Promise<SceneCommand> {
          if (changes.icase !== undefined && state.status === 'live') {
            await checkSameProject(visible, changes.icase, state.project)
          }
          return { type: 'ChangeStep', step, ...(scene !== undefined && { scene }), changes }
        },
        remove: (step): SceneCommand => ({ type: 'RemoveStep', step }),
        render(state, _user, step) {
          const found = state.status === 'live' ? state.steps.get(step) : undefined
          if (state.status !== 'live' || !found) return {}
          return { id: step, sort: found.sort, icace: found.icase, icase: found.icase, scene: state.id }
        },
      },
      modules,
    ),
    route({
      method: 'PATCH',
      path: `${PATH}order/`,
      tag: TAG,
      access: 'content.write',
      summary: `修改${NOUN}的顺序`,
      source: 'seed 000 五.2.3',
      shape: 'array',
      body: listOf(
        objectOf({ id: id('执行步骤id'), sort: integer('执行顺序') }),
        '同一业务流中的执行步骤及其新的顺序',
        { max: MAX_ORDERED },
      ),
      example: PRINTED_ORDER,
      answers: [{ status: 200, description: '按新的顺序排列', schema: placed, example: PRINTED_ORDER }],
      async handle(call) {
        const order = call.body.map(({ id: step, sort }) => ({ step, sort }))
        const places = await placesOfSteps(
          models,
          order.map(({ step }) => step),
        )
        const scene = oneScene(order, places)
        const reorder = (): SceneCommand => {
          for (const [index, { step }] of order.entries())
            if (!places.get(step)?.visible) throw unknownStep(index, step)
          return { type: 'ReorderSteps', order }
        }
        const { revision, position } = await writes.change(aggregates.scene, scene, reorder, contextOf(call))
        return { status: 200, body: inOrder(call.body), revision, position }
      },
    }),
  ]
}

async function placeOf(models: ReadModels, step: number): Promise<StepPlace | undefined> {
  return (await placesOfSteps(models, [step])).get(step)
}

/** A case is never run by a scene of another project. */
async function checkSameProject(visible: Visible, icase: number, project: number): Promise<void> {
  const { state } = referred(await visible.case(icase), 'icase', '用例', icase)
  const owner = await visible.interface(state.interface)
  if (owner?.state.project !== project) throw new Rejected('invalid', 'icase：用例不属于业务流所在的项目', 'icase')
}

/** The scene that all are in. Throws `Rejected`, which names the item (`1.id`), for one that is in none or in another. */
function oneScene(order: readonly Placing[], places: ReadonlyMap<number, StepPlace>): number {
  const [scene, ...others] = order.map(({ step }, index) => {
    const place = places.get(step)
    if (!place) throw unknownStep(index, step)
    return place.scene
  })
  if (scene === undefined) throw new Rejected('invalid', `id：至少要有一个${NOUN}`, 'id')
  const stray = others.findIndex((other) => other !== scene) + 1
  if (stray > 0) {
    const field = `${stray}.id`
    throw new Rejected('invalid', `${field}：${NOUN} ${order[stray]?.step} 不在业务流 ${scene} 中`, field)
  }
  return scene
}

function unknownStep(index: number, step: number): Rejected {
  return new Rejected('unknown_reference', `${index}.id：${NOUN} ${step} 不存在`, `${index}.id`)
}

function inOrder(steps: readonly { id: number; sort: number }[]): readonly object[] {
  return steps.toSorted((one, other) => one.sort - other.sort || one.id - other.id)
}

function shown({ id: step, sort, icase, scene }: StepRow): object {
  return { id: step, sort, icase, scene }
}
