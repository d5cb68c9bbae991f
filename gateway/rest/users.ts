import { z } from 'zod'
import { PASSWORD_LENGTH, ROLES } from '../../contracts/user.ts'
import { Rejected } from '../../contracts/core.ts'
import { listUsers } from '../../projections/users.ts'
import type { MemberWritten, Users } from '../../services/access/users.ts'
import { contextOf } from './context.ts'
import { Refusal } from './dialects.ts'
import { listAnswer, listOrPage, PAGING, windowOf } from './list.ts'
import type { Modules } from './modules.ts'
import { type Answer, type Documented, type Route, route } from './route.ts'
import { changesOf, flag, oneOf, text } from './schema.ts'

const TAG = '用户'

/** Longer names are no names; the stream is named by a hash of it, so that this is for people's sake alone. */
const MAX_USERNAME = 150

const password = text('密码', PASSWORD_LENGTH)

const member = z.object({ id: z.int(), username: z.string(), role: z.enum(ROLES), active: z.boolean() })
const PRINTED_MEMBER = { id: 2, username: 'musen', role: 'tester', active: true }
const PRINTED_TOKEN =
  'eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNjMwOTk1NDY3LCJqdGkiOiI2YTIwZmIwZGZmZDA0YTJiYTAwOWM0YjNjNTQ2NjZkOCIsInVzZXJfaWQiOjF9.tdCvibq2d8ts_uCbqAvCVr1JOymdbHw7HLB7QckzbUs'

const newUser = z.object({ username: text('用户名', { max: MAX_USERNAME }), password, role: oneOf(ROLES, '角色') })
const memberChanges = z.object({ role: oneOf(ROLES, '角色'), active: flag('是否启用'), password })

/** Tokens (seed 000 二) and accounts. */
export function userRoutes({ models, users }: Modules & { users: Users }): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/users/login/',
      tag: TAG,
      access: 'public',
      summary: '登录',
      source: 'seed 000 二.1',
      body: z.object({ username: text('用户名'), password: text('密码') }),
      example: { username: 'torin', password: '123456' },
      answers: [
        {
          status: 200,
          description: '令牌',
          schema: z.object({ refresh: z.string(), token: z.string() }),
          example: { refresh: PRINTED_TOKEN, token: PRINTED_TOKEN },
        },
        refused('用户名或密码错误', 'no_active_account'),
      ],
      async handle({ body }) {
        const tokens = await users.login(body.username, body.password)
        if (!tokens) throw new Refusal('no_active_account', '用户名或密码错误')
        return { status: 200, body: tokens }
      },
    }),
    route({
      method: 'POST',
      path: '/api/users/token/refresh/',
      tag: TAG,
      access: 'public',
      summary: '刷新令牌',
      source: 'seed 000 二.2',
      body: z.object({ refresh: text('刷新token值') }),
      example: { refresh: PRINTED_TOKEN },
      answers: [
        {
          status: 200,
          description: '新的令牌',
          schema: z.object({ token: z.string() }),
          example: { token: PRINTED_TOKEN },
        },
        refused('令牌无效或已过期', 'token_not_valid'),
      ],
      async handle({ body }) {
        const token = await users.refresh(body.refresh)
        if (token === undefined) throw new Refusal('token_not_valid', '令牌无效或已过期')
        return { status: 200, body: { token } }
      },
    }),
    route({
      method: 'POST',
      path: '/api/users/token/verify/',
      tag: TAG,
      access: 'public',
      summary: '校验令牌',
      source: 'seed 000 二.3',
      body: z.object({ token: text('令牌') }),
      example: { token: PRINTED_TOKEN },
      answers: [{ status: 200, description: '校验通过，无响应体' }, refused('令牌无效或已过期', 'token_not_valid')],
      async handle({ body }) {
        if (!(await users.verify(body.token))) throw new Refusal('token_not_valid', '令牌无效或已过期')
        return { status: 200 }
      },
    }),
    route({
      method: 'GET',
      path: '/api/users/me/',
      tag: TAG,
      access: 'self',
      summary: '当前用户',
      answers: [{ status: 200, description: '当前用户', schema: member, example: PRINTED_MEMBER }],
      async handle({ user }) {
        const found = await users.find(user.id)
        if (!found) throw new Rejected('not_found', '用户不存在')
        return { status: 200, body: shown(found.member), revision: found.revision }
      },
    }),
    route({
      method: 'PATCH',
      path: '/api/users/me/',
      tag: TAG,
      access: 'self',
      summary: '修改自己的密码',
      body: z.object({ old_password: text('原密码'), password }),
      example: { old_password: '123456', password: '654321' },
      answers: [{ status: 200, description: '当前用户', schema: member, example: PRINTED_MEMBER }],
      async handle(call) {
        const { old_password, password: wanted } = call.body
        return written(200, await users.changeOwnPassword(call.user.id, old_password, wanted, contextOf(call)))
      },
    }),
    route({
      method: 'GET',
      path: '/api/users/',
      tag: TAG,
      access: 'users.manage',
      summary: '用户列表',
      query: z.object(PAGING),
      answers: [{ status: 200, description: '用户列表', schema: listOrPage(member), example: [PRINTED_MEMBER] }],
      async handle({ query }) {
        const { rows, count } = await listUsers(models, query, windowOf(query))
        return listAnswer(query, count, rows.map(shown))
      },
    }),
    route({
      method: 'POST',
      path: '/api/users/',
      tag: TAG,
      access: 'users.manage',
      summary: '创建用户',
      body: newUser,
      example: { username: 'musen', password: '123456', role: 'tester' },
      answers: [{ status: 201, description: '创建的用户', schema: member, example: PRINTED_MEMBER }],
      handle: async (call) => written(201, await users.create(call.body, contextOf(call))),
    }),
    route({
      method: 'PATCH',
      path: '/api/users/:id/',
      tag: TAG,
      access: 'users.manage',
      summary: '修改用户的角色、状态或密码',
      body: changesOf(memberChanges),
      example: { role: 'viewer', active: false },
      answers: [{ status: 200, description: '修改后的用户', schema: member, example: PRINTED_MEMBER }],
      exists: async ({ id }) => (await users.find(id)) !== undefined,
      handle: async (call) => written(200, await users.change(call.params.id, call.body, contextOf(call))),
    }),
  ]
}

/** A 401 as documented (seed 000 二.3), with the platform's `error` beside it. */
function refused(words: string, code: string): Documented {
  const schema = z.object({ error: z.string(), detail: z.string(), code: z.string() })
  return { status: 401, description: words, schema, example: { error: words, detail: words, code } }
}

function shown({ id, username, role, active }: z.output<typeof member>): object {
  return { id, username, role, active }
}

function written(status: number, { member: found, revision, position }: MemberWritten): Answer {
  return { status, body: shown(found), revision, position }
}
