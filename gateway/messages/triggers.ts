import { z } from 'zod'
import type { CommandType } from '../../contracts/topics.ts'
import { permits } from '../../services/access/permissions.ts'
import type { Fields } from '../rest/body.ts'
import { forbidden } from '../rest/call.ts'
import { Refusal } from '../rest/dialects.ts'
import type { Call, Route, User } from '../rest/route.ts'
import { id, validate } from '../rest/schema.ts'
import { readContent } from './command.ts'

/** What CancelRun names; all other commands have the body of their REST call. */
export const cancelData = z.object({ record: id('要取消的运行记录id') })

/** The run that a command's content asks to cancel; none of what asks for something else, or cannot be read. */
export function cancelledIn(content: string | undefined): readonly number[] {
  try {
    const { type, data } = readContent(content ?? '')
    return type === 'CancelRun' ? [validate(cancelData, data).record] : []
  } catch (error) {
    if (error instanceof Refusal) return []
    throw error
  }
}

/** The REST call that does what a command asks for. */
export const CALL_OF = {
  RunTask: '/api/testTask/tasks/run/',
  RunScene: '/api/testFlow/scenes/run/',
  RunCases: '/api/TestInterFace/cases/run/',
  CancelRun: '/api/testTask/records/:id/cancel/',
} as const satisfies Readonly<Record<CommandType, string>>

/** The route of a command's REST call. */
export function routeOf(routes: readonly Route[], type: CommandType): Route {
  const route = routes.find(({ path, method }) => path === CALL_OF[type] && method === 'POST')
  if (route === undefined) throw new TypeError(`no route does what ${type} asks for`)
  return route
}

/** On whose behalf a command is carried out, and what makes it the same when it comes again. */
export type Sender = Readonly<{ user: User; idempotency: NonNullable<Call['idempotency']>; correlationId: string }>

/**
 * Does through the REST call's own route, with its permission, validation and handler, what a command asks for, without waiting for the
 * run; answers its record. Throws what the route throws.
 */
export async function carryOut(
  route: Route,
  { type, data }: Readonly<{ type: CommandType; data: Fields }>,
  sender: Sender,
): Promise<number> {
  if (route.access === 'public' || !permits(sender.user, route.access)) throw forbidden()
  const call: Call = {
    ...sender,
    params: type === 'CancelRun' ? { id: validate(cancelData, data).record } : {},
    query: route.query && { wait: false },
    body: route.body && validate(route.body, data),
    headers: {},
    ifMatch: undefined,
    address: '',
    signal: NEVER,
  }
  const { body } = await route.handle(call)
  return answered.parse(body).record
}

const NEVER = new AbortController().signal

const answered = z.object({ record: z.int() })
