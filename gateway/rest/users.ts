import { z } from 'zod'
import { PASSWORD_LENGTH, ROLES } from '../../contracts/user.ts'
import { Rejected } from '../../contracts/core.ts'
import { listUsers } from '../../projections/users.ts'
import { usernameFault } from '../../services/access/usernames.ts'
import type { MemberWritten, Users } from '../../services/access/users.ts'
import { contextOf } from './context.ts'
import { Refusal } from './dialects.ts'
import { refused, TOO_MANY_GUESSES } from './logins.ts'
import { listAnswer, listOrPage, PAGING, windowOf } from './list.ts'
import type { Modules } from './modules.ts'
import { expectNoOwnMachine } from './own-account.ts'
import { type Answer, type Route, route } from './route.ts'
import { changesOf, flag, oneOf, text } from './schema.ts'

const TAG = '用户'

/** Longer names are no names; the stream is named by a hash of it, so that this is for people's sake alone. */
const MAX_USERNAME = 150

const password = text('密码', PASSWORD_LENGTH)
const RULE = '用户名：不能以空白字符开头或结尾，不能含有控制字符、不可见的格式字符、连续的空格或其他空白字符'
const newName = text(RULE, { max: MAX_USERNAME })
/** Of whoever has one already nothing is asked: a login takes any. */
const username = newName
  .superRefine((name, context) => {
    const message = usernameFault(name)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })
  .meta(newName.meta() ?? {})

const member = z.object({ id: z.int(), username: z.string(), role: z.enum(ROLES), active: z.boolean() })
const PRINTED_MEMBER = { id: 2, username: 'musen', role: 'tester', active: true }
const newUser = z.object({ username, password, role: oneOf(ROLES, '角色') })
const memberChanges = z.object({ role: oneOf(ROLES, '角色'), active: flag('是否启用'), password })

/** Accounts. `registration` says whether people may make their own. */
export function userRoutes({
  models,
  users,
  registration,
}: Pick<Modules, 'models'> & { users: Users; registration: boolean }): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/users/register/',
      tag: TAG,
      access: 'public',
      summary: '注册（仅当 REGISTRATION=open），角色总是 tester',
      repeatable: true,
      body: newUser.omit({ role: true }),
      example: { username: 'musen', password: '123456' },
      answers: [
        { status: 201, description: '注册的用户', schema: member, example: PRINTED_MEMBER },
        refused(403, '未开放注册', 'forbidden'),
        refused(429, '同一地址一分钟内注册超过 10 次，Retry-After 秒后可重试', 'rate_limited'),
      ],
      // Before the body is read: a closed door does not say what would be wrong with the name.
      exists() {
        if (!registration) throw new Refusal('forbidden', '未开放注册，请联系管理员创建账号')
        return Promise.resolve(true)
      },
      async handle(call) {
        const { body, address } = call
        return written(201, await users.register({ ...body, address }, contextOf(call)))
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
        // What the caller may do, which for an API token can be less than what its owner may.
        return { status: 200, body: shown({ ...found.member, role: user.role }), revision: found.revision }
      },
    }),
    route({
      method: 'PATCH',
      path: '/api/users/me/',
      tag: TAG,
      access: 'account.manage',
      summary: '修改自己的密码；此前登录得到的令牌即刻失效，API 令牌不受影响',
      body: z.object({ old_password: text('原密码'), password }),
      example: { old_password: '123456', password: '654321' },
      answers: [{ status: 200, description: '当前用户', schema: member, example: PRINTED_MEMBER }, TOO_MANY_GUESSES],
      async handle(call) {
        const { body, user, address } = call
        const change = { id: user.id, old: body.old_password, password: body.password, address }
        return written(200, await users.changeOwnPassword(change, contextOf(call)))
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
      async handle(call) {
        const { params, user } = call
        expectNoOwnMachine(user, params.id)
        return written(200, await users.change(params.id, call.body, contextOf(call)))
      },
    }),
  ]
}

function shown({ id, username, role, active }: z.output<typeof member>): object {
  return { id, username, role, active }
}

function written(status: number, { member: found, revision, position }: MemberWritten): Answer {
  return { status, body: shown(found), revision, position }
}
