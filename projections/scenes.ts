import { idOf, type Recorded } from '../contracts/core.ts'
import type { SceneEvent, SceneFields } from '../contracts/scene.ts'
import { build } from '../platform/postgres.ts'
import type { CaseTitle } from './interfaces.ts'
import { lifecycle } from './lifecycle.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { Projection, ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

const scenes = tableOf({
  name: 'scenes',
  key: 'id',
  columns: { id: 'integer', project: 'integer', name: 'text', revision: 'bigint' },
  indexes: ['project'],
})

/** A row stays when its step is removed: a repeat of the removal names the step alone, and its scene is found here. */
const steps = tableOf({
  name: 'steps',
  key: 'id',
  columns: { id: 'integer', scene: 'integer', icase: 'integer', sort: 'bigint', removed: 'boolean' },
  indexes: ['scene'],
})

type Touched = Readonly<{ patch(id: number, fields: { revision: number }): void }>
const touched = (scene: Touched, id: number, { revision }: Recorded): void =>
  scene.patch(id, { revision: Number(revision) })

const sceneRows = lifecycle({
  kind: 'Scene',
  version: 1,
  table: scenes,
  created: (data) => data as SceneFields & { id: number; project: number },
  changed: (data) => data as Partial<SceneFields>,
  also: { StepAdded: touched, StepChanged: touched, StepRemoved: touched, StepsReordered: touched },
})

/**
 * Scenes that are not deleted themselves, and the steps of all. A scene is seen only while its project is there, a step only while its
 * scene is, and the case that it runs.
 */
export const scenesProjection: Projection = {
  ...sceneRows,
  tables: [scenes.name, steps.name],

  async migrate(sql, name) {
    await sceneRows.migrate(sql, name)
    await steps.create(sql, name(steps.name))
  },

  async apply(sql, name, events) {
    await sceneRows.apply(sql, name, events)
    await steps.edit(sql, name(steps.name), (rows) => {
      for (const event of events as readonly Recorded<SceneEvent>[]) {
        switch (event.type) {
          case 'StepAdded': {
            const { step, icase, sort } = event.data
            rows.put({ id: step, scene: idOf(event.stream), icase, sort, removed: false })
            break
          }
          case 'StepChanged': {
            const { step, ...changes } = event.data
            rows.patch(step, changes)
            break
          }
          case 'StepRemoved':
            rows.patch(event.data.step, { removed: true })
            break
          case 'StepsReordered':
            for (const { step, sort } of event.data.order) rows.patch(step, { sort })
            break
        }
      }
    })
  },
}

export type SceneRow = SceneFields & Readonly<{ id: number; project: number; revision: string }>

function visibleScenes(models: ReadModels): ReturnType<typeof build> {
  return build({ scenes: models.table('scenes') })
    .join({ projects: models.table('projects') }, 'projects.id', 'scenes.project')
    .select('scenes.id', 'scenes.name', 'scenes.project', 'scenes.revision')
}

/** Leaves the scenes that the task runs, each where it runs first. */
function inTask(models: ReadModels, query: ReturnType<typeof build>, task: number): void {
  const first = build({ tasks: models.table('tasks') })
    .joinRaw('cross join json_array_elements_text(tasks.scenes) with ordinality as listed (scene, place)')
    .select(build.raw('listed.scene::int as scene, min(listed.place) as place'))
    .where('tasks.id', task)
    .groupBy('listed.scene')
  void query.join(first.as('listed'), 'listed.scene', 'scenes.id').orderBy('listed.place')
}

/** By id, those of a task in its order. */
export function listScenes(
  models: ReadModels,
  filter: Search & Readonly<{ project?: number | undefined; task?: number | undefined }>,
  window: Window,
): Promise<Page<SceneRow>> {
  const query = visibleScenes(models)
  if (filter.task === undefined) void query.orderBy('scenes.id')
  else inTask(models, query, filter.task)
  if (filter.project !== undefined) void query.where('scenes.project', filter.project)
  searched(query, 'scenes.name', filter)
  return page(models, query, window)
}

export async function findScene(models: ReadModels, id: number): Promise<SceneRow | undefined> {
  const { rows } = await page<SceneRow>(models, visibleScenes(models).where('scenes.id', id), {
    limit: null,
    offset: 0,
  })
  return rows[0]
}

/** By id those of `ids` that are not deleted themselves: a scene of another project is told from one that is not there. */
export async function scenesAmong(
  models: ReadModels,
  ids: readonly number[],
): Promise<ReadonlyMap<number, Omit<SceneRow, 'revision'>>> {
  const rows = await models.query<Omit<SceneRow, 'revision'>>(
    `select id, name, project from ${models.table('scenes')} where id = any ($1::int[])`,
    [ids],
  )
  return new Map(rows.map((row) => [row.id, row]))
}

/** A step with its case; `revision` is the scene's. */
export type StepRow = Readonly<{ id: number; sort: number; icase: CaseTitle; scene: number; revision: string }>
type StoredStep = Omit<StepRow, 'sort' | 'icase'> & Readonly<{ sort: string; case: number; title: string }>

/** Steps whose scene and case are there, with all that these hang on; not yet in order. */
function visibleSteps(models: ReadModels): ReturnType<typeof build> {
  return build({ steps: models.table('steps') })
    .join({ scenes: models.table('scenes') }, 'scenes.id', 'steps.scene')
    .join({ projects: models.table('projects') }, 'projects.id', 'scenes.project')
    .join({ cases: models.table('cases') }, 'cases.id', 'steps.icase')
    .join({ interfaces: models.table('interfaces') }, 'interfaces.id', 'cases.interface')
    .where('steps.removed', false)
}

function stepRows(models: ReadModels): ReturnType<typeof build> {
  return visibleSteps(models)
    .select('steps.id', 'steps.sort', 'steps.scene', 'cases.id as case', 'cases.title', 'scenes.revision')
    .orderBy([{ column: 'steps.sort' }, { column: 'steps.id' }])
}

/** Steps in the order in which they run. */
export async function listSteps(
  models: ReadModels,
  filter: Search & Readonly<{ scene?: number | undefined }>,
  window: Window,
): Promise<Page<StepRow>> {
  const query = stepRows(models)
  if (filter.scene !== undefined) void query.where('steps.scene', filter.scene)
  searched(query, 'cases.title', filter)
  const { rows, count } = await page<StoredStep>(models, query, window)
  return { rows: rows.map(read), count }
}

export async function findStep(models: ReadModels, id: number): Promise<StepRow | undefined> {
  const query = stepRows(models).where('steps.id', id)
  const { rows } = await page<StoredStep>(models, query, { limit: null, offset: 0 })
  return rows[0] && read(rows[0])
}

function read({ id, sort, case: icase, title, scene, revision }: StoredStep): StepRow {
  return { id, sort: Number(sort), icase: { id: icase, title }, scene, revision }
}

/** The scene that a step is or was in, and whether the step can be seen. A step never leaves its scene. */
export type StepPlace = Readonly<{ scene: number; visible: boolean }>

/** By the step's id the places of those of `ids` that ever were, removed ones included. */
export async function placesOfSteps(
  models: ReadModels,
  ids: readonly number[],
): Promise<ReadonlyMap<number, StepPlace>> {
  const rows = await models.query<StepPlace & { id: number }>(
    `select steps.id, steps.scene,
            not steps.removed and projects.id is not null and interfaces.id is not null as visible
     from ${models.table('steps')} steps
     left join ${models.table('scenes')} scenes on scenes.id = steps.scene
     left join ${models.table('projects')} projects on projects.id = scenes.project
     left join ${models.table('cases')} cases on cases.id = steps.icase
     left join ${models.table('interfaces')} interfaces on interfaces.id = cases.interface
     where steps.id = any ($1::int[])`,
    [ids],
  )
  return new Map(rows.map(({ id, scene, visible }) => [id, { scene, visible }]))
}

/** A step as a run pins it: its case and that case's interface, each at the revision of this moment. */
export type StepToRun = Readonly<{
  scene: number
  step: number
  case: number
  title: string
  caseRevision: number
  interface: number
  interfaceRevision: number
}>
type StoredStepToRun = Omit<StepToRun, 'caseRevision' | 'interfaceRevision'> &
  Readonly<{ case_revision: string; interface_revision: string }>

/** The steps of some scenes, each in the order in which they run; none of those that are not there. Those of deleted cases do not run. */
export async function stepsToRun(
  models: ReadModels,
  scenes: readonly number[],
): Promise<ReadonlyMap<number, readonly StepToRun[]>> {
  const query = visibleSteps(models)
    .select(
      'steps.scene',
      'steps.id as step',
      'cases.id as case',
      'cases.title',
      'cases.revision as case_revision',
      'interfaces.id as interface',
      'interfaces.revision as interface_revision',
    )
    .whereIn('steps.scene', scenes)
    .orderBy([{ column: 'steps.sort' }, { column: 'steps.id' }])
  const { rows } = await page<StoredStepToRun>(models, query, { limit: null, offset: 0 })
  const steps = rows.map(({ case_revision, interface_revision, ...row }) => ({
    ...row,
    caseRevision: Number(case_revision),
    interfaceRevision: Number(interface_revision),
  }))
  return Map.groupBy(steps, ({ scene }) => scene)
}
