import { z } from 'zod'
import type { Logins } from '../../services/access/logins.ts'
import { contextOf } from './context.ts'
import { Refusal } from './dialects.ts'
import { type Documented, type Route, route } from './route.ts'
import { text } from './schema.ts'

const TAG = '用户'

const PRINTED_TOKEN =
  'eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNjMwOTk1NDY3LCJqdGkiOiI2YTIwZmIwZGZmZDA0YTJiYTAwOWM0YjNjNTQ2NjZkOCIsInVzZXJfaWQiOjF9.tdCvibq2d8ts_uCbqAvCVr1JOymdbHw7HLB7QckzbUs'

/** A refusal as documented (seed 000 一.3, 二.3). */
export function refused(status: number, words: string, code: string): Documented {
  const detail = status === 401 ? { detail: words } : {}
  const schema = z.object({ error: z.string(), detail: z.string().optional(), code: z.string() })
  return { status, description: words, schema, example: { error: words, ...detail, code } }
}

export const TOO_MANY_GUESSES: Documented = refused(429, '密码错误次数过多，Retry-After 秒后可重试', 'rate_limited')

/** Coming in and going out (seed 000 二). */
export function loginRoutes(logins: Logins): readonly Route[] {
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
        refused(401, '用户名或密码错误', 'no_active_account'),
        TOO_MANY_GUESSES,
      ],
      async handle({ body, address }) {
        const tokens = await logins.login({ ...body, address })
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
        refused(401, '令牌无效或已过期', 'token_not_valid'),
      ],
      async handle({ body }) {
        const token = await logins.refresh(body.refresh)
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
      answers: [
        { status: 200, description: '校验通过，无响应体' },
        refused(401, '令牌无效或已过期', 'token_not_valid'),
      ],
      async handle({ body }) {
        if (!(await logins.verify(body.token))) throw new Refusal('token_not_valid', '令牌无效或已过期')
        return { status: 200 }
      },
    }),
    route({
      method: 'POST',
      path: '/api/users/logout/',
      tag: TAG,
      access: 'account.manage',
      summary: '退出登录：该次登录得到的所有令牌即刻失效',
      body: z.object({ refresh: text('刷新token值') }),
      example: { refresh: PRINTED_TOKEN },
      answers: [{ status: 204, description: '无响应体' }],
      handle: async (call) => ({
        status: 204,
        position: await logins.logout(call.user, call.body.refresh, contextOf(call)),
      }),
    }),
  ]
}
