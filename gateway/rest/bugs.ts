import { z } from 'zod'
import { BUG_STATUSES, type BugFields, type BugPlace, type BugStatus, type Handling } from '../../contracts/bug.ts'
import { RawJson } from '../../contracts/json.ts'
import { findBug, listBugs, urlOfInterface } from '../../projections/bugs.ts'
import { aggregates } from '../../services/commands/aggregates.ts'
import type { BugCommand } from '../../services/commands/bug.ts'
import { referred } from '../../services/commands/visible.ts'
import type { KeptJson } from './body.ts'
import type { Modules } from './modules.ts'
import { resourceRoutes } from './resource.ts'
import type { Route } from './route.ts'
import { id, jsonContainer, oneOf, text } from './schema.ts'

const NEW: BugStatus = '未处理'
const status = oneOf(BUG_STATUSES, 'bug的处理状态')

const fields = z.object({
  interface: id('接口id'),
  desc: text('bug的说明'),
  info: jsonContainer('接口bug的详细信息'),
  status: status.default(NEW),
  user: text('bug的提交者，默认为当前用户').optional(),
})

const answer = z.object({
  id: z.int(),
  create_time: z.string(),
  desc: z.string(),
  info: z.unknown(),
  status: z.enum(BUG_STATUSES),
  user: z.string(),
  interface: z.int(),
})
const item = answer.omit({ info: true }).extend({ interface_url: z.string() })
const handling = z.object({ handle: z.string(), update_user: z.string(), create_time: z.string() })
const detail = answer.extend({ interface_url: z.string(), handle: z.array(handling) })

const PRINTED_REQUEST = { id: 1, desc: '演示的数据', info: {}, status: NEW, user: 'torin', interface: 1 }
const PRINTED = { ...PRINTED_REQUEST, id: 2, create_time: '2023-09-11T17:24:21.942450+08:00' }
const { info: _, ...PRINTED_ITEM } = { ...PRINTED, interface_url: '/user/login' }
const PRINTED_DETAIL = {
  ...PRINTED,
  interface_url: '/user/login',
  handle: [{ handle: `提交bug,bug状态是${NEW}`, update_user: 'admin', create_time: PRINTED.create_time }],
}

/** Bugs of interfaces (seed 000 八). What front ends send back of an answer beside the fields is passed over. */
export function bugRoutes(modules: Modules): readonly Route[] {
  const { models, visible, blobs } = modules

  const stored = async ({ text: info }: KeptJson): Promise<Pick<BugFields, 'info'>> => blobs.spill({ info })

  async function placeAt(wanted: number): Promise<BugPlace> {
    const { state } = referred(await visible.interface(wanted), 'interface', '接口', wanted)
    return { interface: wanted, interface_url: state.url, project: state.project }
  }

  async function written(bug: Told): Promise<object> {
    const { info } = await blobs.unspill({ info: bug.info })
    const { id: wanted, create_time, desc, status: present, user, interface: owner } = bug
    return { id: wanted, create_time, desc, info: new RawJson(info), status: present, user, interface: owner }
  }

  async function told(bug: Told & Readonly<{ interface_url: string; handle: readonly Handling[] }>): Promise<object> {
    return { ...(await written(bug)), interface_url: bug.interface_url, handle: bug.handle }
  }

  return resourceRoutes(
    {
      path: '/api/bug/bugs/',
      tag: 'bug管理',
      noun: 'bug',
      sources: { create: '八.1', list: '八.2', detail: '八.3', change: '八.4' },
      examples: { request: PRINTED_REQUEST, written: PRINTED, detail: PRINTED_DETAIL, list: [PRINTED_ITEM] },
      fields,
      // The document asks a PUT for the status: one that is left out would begin anew. Who found the bug stays.
      replacement: fields.extend({ status }),
      answers: { written: answer, detail, item },
      filters: {
        project: id('项目id').optional(),
        interface: id('接口id').optional(),
        status: text(`bug的处理状态：${BUG_STATUSES.join('、')}`).optional(),
      },

      list: (filters, window) => listBugs(models, filters, window),
      async find(wanted) {
        const row = await findBug(models, wanted)
        return row && { body: await told(row), revision: BigInt(row.revision) }
      },

      aggregate: aggregates.bug,
      visible: visible.bug,
      async create(fresh, { interface: owner, info, user, ...content }, { username }): Promise<BugCommand> {
        const data = { ...content, ...(await placeAt(owner)), ...(await stored(info)), user: user ?? username }
        return { type: 'ReportBug', data: { id: fresh, ...data, by: username } }
      },
      async change(state, { interface: owner, info, user, ...content }, _id, { username }): Promise<BugCommand> {
        const changes = { ...content, ...(user !== undefined && { user }), ...(info && (await stored(info))) }
        // The interface that the bug is of may be gone by now.
        const moves = owner !== undefined && state.status === 'live' && owner !== state.fields.interface
        return { type: 'ChangeBug', by: username, changes, ...(moves && { to: await placeAt(owner) }) }
      },
      remove: (_id, { username }): BugCommand => ({ type: 'DeleteBug', by: username }),
      render: (state) => (state.status === 'live' ? written({ ...state, ...state.fields }) : {}),
      changed: {
        schema: detail,
        example: PRINTED_DETAIL,
        async render(state) {
          if (state.status !== 'live') return {}
          const { fields: bug } = state
          // As in lists and details the one of now, not that of the report.
          const interface_url = (await urlOfInterface(models, bug.interface)) ?? bug.interface_url
          return told({ ...state, ...bug, interface_url })
        },
      },
    },
    modules,
  )
}

type Told = BugFields & Readonly<{ id: number; create_time: string; interface: number }>
