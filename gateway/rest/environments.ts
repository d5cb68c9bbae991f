import { z } from 'zod'
import type { LongText } from '../../contracts/blob.ts'
import type { DebugOverlay, EnvironmentFields } from '../../contracts/environment.ts'
import { type JsonText, RawJson } from '../../contracts/json.ts'
import { findEnvironment, listEnvironments } from '../../projections/environments.ts'
import { permits } from '../../services/access/permissions.ts'
import { aggregates } from '../../services/commands/aggregates.ts'
import type { EnvironmentCommand } from '../../services/commands/environment.ts'
import { referred } from '../../services/commands/visible.ts'
import { checkSecretPaths } from '../../services/environments/secret-paths.ts'
import {
  openTexts,
  resealTexts,
  sealTexts,
  type WholeEnvironment,
  withOverlay,
} from '../../services/environments/secrets.ts'
import type { KeptJson } from './body.ts'
import type { Modules } from './modules.ts'
import { resourceRoutes } from './resource.ts'
import type { Route, User } from './route.ts'
import { id, jsonArray, jsonObject, listOf, nameText, NO_ITEMS, NO_MEMBERS, optionalText, text } from './schema.ts'

/** Each is looked for in all that it may name. */
const MAX_SECRETS = 1000

const fields = z.object({
  name: nameText('测试环境名称'),
  host: text('项目主机地址'),
  project: id('所属项目id'),
  headers: jsonObject('全局请求头').default(NO_MEMBERS),
  global_variable: jsonObject('环境全局变量').default(NO_MEMBERS),
  debug_global_variable: jsonObject('调试模式全局变量').default(NO_MEMBERS),
  db: jsonArray('数据库设置').default(NO_ITEMS),
  global_func: optionalText('全局工具函数脚本'),
  secrets: listOf(
    text(),
    '加密保存的内容，如 headers.Authorization、global_variable.token、global_variable.user.password',
    { max: MAX_SECRETS },
  ).default([]),
})
type Fields = z.output<typeof fields>

const answer = z.object({
  id: z.int(),
  name: z.string(),
  global_variable: z.record(z.string(), z.unknown()),
  debug_global_variable: z.record(z.string(), z.unknown()),
  db: z.array(z.unknown()),
  host: z.string(),
  headers: z.record(z.string(), z.unknown()),
  global_func: z.string(),
  project: z.int(),
  secrets: z.array(z.string()).optional(),
})

const DB_CONFIG = { user: 'future', password: '123456', host: 'api.musk.com', port: 3306 }
const PRINTED_REQUEST = {
  name: 'ali',
  global_variable: { key: 'Value' },
  debug_global_variable: {},
  db: [
    { name: 'db1', type: 'mysql', config: DB_CONFIG },
    { name: 'db2', type: 'mysql', config: DB_CONFIG },
  ],
  host: 'http://www.hhxpython.com/',
  headers: {},
  global_func: '',
  project: 1,
}
const PRINTED = { id: 2, ...PRINTED_REQUEST }
const PRINTED_LOCAL = {
  id: 1,
  name: '本地',
  global_variable: { key1: 'value1', key2: 'value2' },
  debug_global_variable: {},
  db: [],
  host: 'http://127.0.0.1:8080',
  headers: { 'customer-header': 'wahaha' },
  global_func: '"""\n自定义全局工具函数\n============================\n"""\nfrom apitestengine.core.tools import *',
  project: 1,
}

type Environment = EnvironmentFields & Readonly<{ id: number; project: number; debug_overlay: DebugOverlay }>

/** Test environments (seed 000 四.2). */
export function environmentRoutes(modules: Modules): readonly Route[] {
  const { models, visible, blobs, cipher } = modules

  /** In full length: what was long comes back from the blobs. */
  async function whole(environment: Environment): Promise<WholeEnvironment> {
    return blobs.unspill(environment)
  }

  async function shown(environment: Environment, user: User): Promise<object> {
    const full = await whole(environment)
    const texts = await openTexts(cipher, full, permits(user, 'secrets.read') ? 'clear' : 'masked')
    return {
      id: full.id,
      name: full.name,
      global_variable: new RawJson(texts.global_variable),
      debug_global_variable: new RawJson(texts.debug_global_variable),
      db: new RawJson(texts.db),
      host: full.host,
      headers: new RawJson(texts.headers),
      global_func: full.global_func,
      project: full.project,
      secrets: full.secrets,
    }
  }

  return resourceRoutes(
    {
      path: '/api/testPro/envs/',
      tag: '测试环境',
      noun: '测试环境',
      sources: { list: '四.2.1', create: '四.2.2', remove: '四.2.3', change: '四.2.4', detail: '四.2.5' },
      examples: { request: PRINTED_REQUEST, written: PRINTED, detail: PRINTED, list: [PRINTED_LOCAL, PRINTED] },
      fields,
      answers: { written: answer, detail: answer, item: answer },
      filters: { project: id('所属项目id').optional() },

      async list(filters, window, user) {
        const { rows, count } = await listEnvironments(models, filters, window)
        return { rows: await Promise.all(rows.map((row) => shown(row, user))), count }
      },
      async find(wanted, user) {
        const row = await findEnvironment(models, wanted)
        return row && { body: await shown(row, user), revision: BigInt(row.revision) }
      },

      aggregate: aggregates.environment,
      visible: visible.environment,
      async create(fresh, { project, ...sent }): Promise<EnvironmentCommand> {
        referred(await visible.project(project), 'project', '项目', project)
        checkSecretPaths(sent.secrets)
        const { name, host, global_func, secrets } = sent
        const texts = (await sealTexts(cipher, project, secrets, textsOf(sent))) as Required<TextFields>
        const data = await blobs.spill({ name, host, global_func, secrets, ...texts })
        return { type: 'CreateEnvironment', data: { id: fresh, project, ...data } }
      },
      async change(state, { project, ...sent }): Promise<EnvironmentCommand> {
        const moving = project === undefined ? {} : { project }
        if (state.status !== 'live') return { type: 'ChangeEnvironment', ...moving, changes: {} }
        if (sent.secrets) checkSecretPaths(sent.secrets)
        const { headers, global_variable, debug_global_variable, debug_overlay, db } = await whole(state)
        const before = {
          headers,
          global_variable,
          db,
          debug_global_variable: withOverlay(debug_global_variable, debug_overlay),
        }
        const secrets = sent.secrets ?? state.secrets
        const others = JSON.stringify(secrets) !== JSON.stringify(state.secrets)
        // What is not sent changes as well where it becomes a secret or is one no longer.
        const sealed = {
          ...(others && (await resealTexts(cipher, state.project, secrets, before))),
          ...(await sealTexts(cipher, state.project, secrets, textsOf(sent), before)),
        }
        const changes = await blobs.spill({ ...plainFields(sent), ...sealed })
        return { type: 'ChangeEnvironment', ...moving, changes }
      },
      remove: { type: 'DeleteEnvironment' },
      render: (state, user) => (state.status === 'live' ? shown(state, user) : {}),
    },
    modules,
  )
}

type TextFields = Partial<Record<'headers' | 'global_variable' | 'debug_global_variable' | 'db', JsonText>>

function textsOf(sent: Partial<Record<keyof TextFields, KeptJson>>): TextFields {
  const names = ['headers', 'global_variable', 'debug_global_variable', 'db'] as const
  return Object.fromEntries(names.flatMap((name) => (sent[name] ? [[name, sent[name].text]] : [])))
}

function plainFields({ name, host, global_func, secrets }: Partial<Fields>): {
  name?: string
  host?: string
  global_func?: LongText
  secrets?: readonly string[]
} {
  return {
    ...(name !== undefined && { name }),
    ...(host !== undefined && { host }),
    ...(global_func !== undefined && { global_func }),
    ...(secrets !== undefined && { secrets }),
  }
}
