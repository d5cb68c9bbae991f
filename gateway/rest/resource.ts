import { z } from 'zod'
import { type Event, Rejected } from '../../contracts/core.ts'
import type { Page, Search, Window } from '../../projections/page.ts'
import type { CommandContext, CommandOf } from '../../services/commands/handle.ts'
import type { Aggregate, Outcome } from '../../services/commands/writes.ts'
import { commandIdOf, contextOf } from './context.ts'
import type { Modules } from './modules.ts'
import { listAnswer, listOrPage, PAGING, type Paging, windowOf } from './list.ts'
import { type Answer, type Call, type Documented, type KeyOf, type Route, route, type User } from './route.ts'
import { changesOf } from './schema.ts'

type Shape = z.core.$ZodShape
type Writer = Call<unknown, unknown, unknown, User>

/** How a thing is written that has no stream of its own, but is told of in that of another. */
export type InAnothersStream<B, S, C> = Readonly<{
  create(body: B, command: (id: number) => C | Promise<C>, context: CommandContext): Promise<Outcome<S>>
  /** Throws `Rejected('not_found')` when no stream tells of the thing. */
  change(id: number, command: CommandOf<S, C>, context: CommandContext): Promise<Outcome<S>>
}>

/**
 * A kind of thing with the calls that every one has: list, detail, create, replace, change, delete. A module says what is its own.
 */
export type Resource<F extends Shape, Q extends Shape, S, C extends { type: string }, E extends Event> = Readonly<{
  /** With a slash at its end. */
  path: `/${string}/`
  tag: string
  /** What the thing is called, in Chinese. */
  noun: string
  /** Where each call is documented. */
  sources: Readonly<{ list?: string; create?: string; detail?: string; change?: string; remove?: string }>
  /** The printed request body and answers. */
  examples: Readonly<{ request: unknown; written: unknown; detail: unknown; list: unknown }>
  /** The fields of a POST and a PUT; a PATCH takes any of them. */
  fields: z.ZodObject<F>
  /** The fields of a PUT, where they are not those of a POST. */
  replacement?: z.ZodType<Partial<z.output<z.ZodObject<F>>>>
  /** The shapes of answers. */
  answers: Readonly<{ written: z.ZodType; detail: z.ZodType; item: z.ZodType }>
  filters: Q
  list(query: z.output<z.ZodObject<Q>> & Search, window: Window, user: User): Promise<Page<unknown>>
  find(id: number, user: User): Promise<{ body: unknown; revision: bigint } | undefined>

  aggregate: Aggregate<S, C, E> | InAnothersStream<z.output<z.ZodObject<F>>, S, C>
  /** Undefined when the thing, or one that it hangs on, is not there. */
  visible(id: number): Promise<unknown>
  create(id: number, body: z.output<z.ZodObject<F>>, user: User): NoInfer<C> | Promise<NoInfer<C>>
  change(state: S, changes: Partial<z.output<z.ZodObject<F>>>, id: number, user: User): NoInfer<C> | Promise<NoInfer<C>>
  remove: NoInfer<C> | ((id: number, user: User) => NoInfer<C>)
  /** The body of a write's answer. */
  render(state: S, user: User, id: number): unknown
  /** What PUT and PATCH answer, where it is not what a POST does. */
  changed?: Readonly<{ schema: z.ZodType; example: unknown; render(state: S): unknown }>
}>

export function resourceRoutes<F extends Shape, Q extends Shape, S, C extends { type: string }, E extends Event>(
  resource: Resource<F, Q, S, C, E>,
  { writes, memory }: Pick<Modules, 'writes' | 'memory'>,
): readonly Route[] {
  const { path, tag, noun, sources, examples, fields, answers } = resource
  const stream = 'decider' in resource.aggregate ? ownStream(writes, resource.aggregate) : resource.aggregate
  const query = z.object({ ...PAGING, ...resource.filters })
  const item = `${path}:id/` as const

  /** A repeat of a write is answered as it was the first time, whatever has become of the thing since. */
  const exists = async ({ id }: { id: number }, idempotency: KeyOf | undefined): Promise<boolean> =>
    (await resource.visible(id)) !== undefined ||
    (idempotency !== undefined && (await memory.knows(commandIdOf(idempotency))))

  async function change(call: Writer & { params: { id: number } }, command: CommandOf<S, C>): Promise<Outcome<S>> {
    const { id } = call.params
    const whileVisible = async (state: S): Promise<C> => {
      if ((await resource.visible(id)) === undefined) throw new Rejected('not_found', `${noun}不存在`)
      return command(state)
    }
    return stream.change(id, whileVisible, contextOf(call))
  }

  const removal = (id: number, user: User): C =>
    'type' in resource.remove ? resource.remove : resource.remove(id, user)

  async function written(status: number, { id, state, revision, position }: Outcome<S>, user: User): Promise<Answer> {
    return { status, body: await resource.render(state, user, id), revision, position }
  }

  async function changed(outcome: Outcome<S>, user: User): Promise<Answer> {
    if (!resource.changed) return written(200, outcome, user)
    const { state, revision, position } = outcome
    return { status: 200, body: await resource.changed.render(state), revision, position }
  }

  const changedAnswers = documented(
    200,
    `修改后的${noun}`,
    resource.changed?.schema ?? answers.written,
    resource.changed?.example ?? examples.written,
  )

  return [
    route({
      method: 'GET',
      path,
      tag,
      access: 'content.read',
      summary: `获取${noun}列表`,
      ...source(sources.list),
      query,
      answers: documented(200, `${noun}列表`, listOrPage(answers.item), examples.list),
      async handle({ query: asked, user }) {
        // The schema is that of the paging and the filters together, which a generic shape cannot say.
        const paging = asked as Paging
        const filters = asked as z.output<z.ZodObject<Q>> & Search
        const { rows, count } = await resource.list(filters, windowOf(paging), user)
        return listAnswer(paging, count, rows)
      },
    }),
    route({
      method: 'POST',
      path,
      tag,
      access: 'content.write',
      summary: `创建${noun}`,
      ...source(sources.create),
      body: fields,
      example: examples.request,
      answers: documented(201, `创建的${noun}`, answers.written, examples.written),
      async handle(call) {
        const outcome = await stream.create(
          call.body,
          (id) => resource.create(id, call.body, call.user),
          contextOf(call),
        )
        return written(201, outcome, call.user)
      },
    }),
    route({
      method: 'GET',
      path: item,
      tag,
      access: 'content.read',
      summary: `获取${noun}详情`,
      ...source(sources.detail),
      answers: documented(200, `${noun}详情`, answers.detail, examples.detail),
      async handle({ params, user }) {
        const found = await resource.find(params.id, user)
        if (!found) throw new Rejected('not_found', `${noun}不存在`)
        return { status: 200, ...found }
      },
    }),
    route({
      method: 'PUT',
      path: item,
      tag,
      access: 'content.write',
      summary: `替换${noun}`,
      body: resource.replacement ?? fields,
      example: examples.request,
      answers: changedAnswers,
      exists,
      async handle(call) {
        const { body, params, user } = call
        return changed(await change(call, (state) => resource.change(state, body, params.id, user)), user)
      },
    }),
    route({
      method: 'PATCH',
      path: item,
      tag,
      access: 'content.write',
      summary: `修改${noun}`,
      ...source(sources.change),
      body: changesOf(fields),
      example: examples.request,
      answers: changedAnswers,
      exists,
      async handle(call) {
        const { params, user } = call
        const changes = call.body as Partial<z.output<z.ZodObject<F>>>
        return changed(await change(call, (state) => resource.change(state, changes, params.id, user)), user)
      },
    }),
    route({
      method: 'DELETE',
      path: item,
      tag,
      access: 'content.write',
      summary: `删除${noun}`,
      ...source(sources.remove),
      answers: [{ status: 204, description: '无响应体' }],
      exists,
      async handle(call) {
        const { position } = await change(call, () => removal(call.params.id, call.user))
        return { status: 204, position }
      },
    }),
  ]
}

function ownStream<S, C, E extends Event>(
  writes: Modules['writes'],
  aggregate: Aggregate<S, C, E>,
): InAnothersStream<unknown, S, C> {
  return {
    create: (_body, command, context) => writes.create(aggregate, command, context),
    change: (id, command, context) => writes.change(aggregate, id, command, context),
  }
}

function source(at: string | undefined): { source: string } | Record<never, never> {
  return at === undefined ? {} : { source: `seed 000 ${at}` }
}

function documented(status: number, description: string, schema: z.ZodType, example: unknown): Documented[] {
  return [{ status, description, schema, example }]
}
