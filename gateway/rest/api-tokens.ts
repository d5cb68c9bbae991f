import { z } from 'zod'
import { ROLES } from '../../contracts/user.ts'
import type { ApiTokens } from '../../services/access/api-tokens.ts'
import type { Search } from '../../projections/page.ts'
import type { Users } from '../../services/access/users.ts'
import { contextOf } from './context.ts'
import { listAnswer, listOrPage, PAGING, type Paging, windowOf } from './list.ts'
import { expectNoOwnMachine } from './own-account.ts'
import { type Answer, type Route, route } from './route.ts'
import { oneOf, text } from './schema.ts'

const TAG = '用户'

const MAX_NAME = 150

const item = z.object({
  id: z.int(),
  name: z.string(),
  role: z.enum(ROLES),
  created_at: z.string(),
  last_used: z.string().nullable(),
})
const PRINTED = { id: 1, name: 'jenkins', role: 'tester', created_at: '2022-07-12T21:59:57.606147+08:00' }
const PRINTED_ITEM = { ...PRINTED, last_used: null }
const PRINTED_TOKEN = 'tl_1_cvX0hJcVbYvW3mTqZkL8nYd2uQe5rBsTgA7wHfPiKoM'

/**
 * Tokens for machines: a user's own, which nobody but who has logged in as that user makes. Admins see those of others and take them
 * back.
 */
export function apiTokenRoutes({ apiTokens, users }: { apiTokens: ApiTokens; users: Users }): readonly Route[] {
  const exists = async ({ id }: { id: number }): Promise<boolean> => (await users.find(id)) !== undefined

  async function listed(owner: number, query: Paging & Search): Promise<Answer> {
    const { rows, count } = await apiTokens.list(owner, query, windowOf(query))
    return listAnswer(query, count, rows)
  }

  return [
    route({
      method: 'GET',
      path: '/api/users/tokens/',
      tag: TAG,
      access: 'account.manage',
      summary: '自己的 API 令牌列表；令牌本身不再显示，last_used 精确到分钟',
      query: z.object(PAGING),
      answers: [{ status: 200, description: 'API 令牌列表', schema: listOrPage(item), example: [PRINTED_ITEM] }],
      handle: ({ query, user }) => listed(user.id, query),
    }),
    route({
      method: 'POST',
      path: '/api/users/tokens/',
      tag: TAG,
      access: 'account.manage',
      summary:
        '创建 API 令牌：响应中的 token 仅此一次，此后只保存其摘要；未指定 role 时为 tester（本人是 viewer 时为 viewer），只有明确指定 admin 的令牌才能管理用户；权限不超过所有者当前的角色，修改密码不影响它',
      body: z.object({
        name: text('令牌名称', { max: MAX_NAME }),
        role: oneOf(ROLES, '令牌的角色：默认为 tester，本人是 viewer 时为 viewer；最高为本人的角色').optional(),
      }),
      example: { name: 'jenkins', role: 'tester' },
      answers: [
        {
          status: 201,
          description: '创建的令牌；以同一 Idempotency-Key 重复创建时不含 token',
          schema: item.omit({ last_used: true }).extend({ token: z.string().optional() }),
          example: { ...PRINTED, token: PRINTED_TOKEN },
        },
      ],
      async handle(call) {
        const { token, text: sent, revision, position } = await apiTokens.issue(call.user, call.body, contextOf(call))
        const { id, name, role, created_at } = token
        const body = { id, name, role, ...(sent !== undefined && { token: sent }), created_at }
        return { status: 201, body, revision, position }
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/users/tokens/:id/',
      tag: TAG,
      access: 'account.manage',
      summary: '吊销 API 令牌，即刻生效',
      answers: [{ status: 204, description: '无响应体' }],
      async handle(call) {
        const { position } = await apiTokens.revoke(call.user.id, call.params.id, contextOf(call))
        return { status: 204, position }
      },
    }),
    route({
      method: 'GET',
      path: '/api/users/:id/tokens/',
      tag: TAG,
      access: 'users.manage',
      summary: '某个用户的有效 API 令牌列表，字段同自己的列表',
      query: z.object(PAGING),
      answers: [{ status: 200, description: 'API 令牌列表', schema: listOrPage(item), example: [PRINTED_ITEM] }],
      exists,
      async handle({ params, query, user }) {
        expectNoOwnMachine(user, params.id)
        return listed(params.id, query)
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/users/:id/tokens/:token/',
      tag: TAG,
      access: 'users.manage',
      summary: '吊销某个用户的 API 令牌，即刻生效',
      answers: [{ status: 204, description: '无响应体' }],
      exists,
      async handle(call) {
        const { params, user } = call
        expectNoOwnMachine(user, params.id)
        const { position } = await apiTokens.revoke(params.id, params.token, contextOf(call))
        return { status: 204, position }
      },
    }),
  ]
}
