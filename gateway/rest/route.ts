import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import type { Position } from '../../contracts/core.ts'
import type { Caller, Permission } from '../../services/access/permissions.ts'
import type { BodyShape } from './body.ts'
import type { Upload } from './multipart.ts'

/** Who calls. */
export type User = Caller

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Who may call: everyone, or whoever's role permits this action. */
export type Access = 'public' | Permission

/** A write that names its key: `hash` is the keyed hash of what was sent; `scope` is user, method and path. */
export type Idempotency = Readonly<{ key: string; scope: string; hash: string }>

/** What is known of the key before the body has been read. */
export type KeyOf = Pick<Idempotency, 'key' | 'scope'>

/** Names after a colon in a path; `:id` is an integer unless `texts` names it. */
type Names<P extends string> = P extends `${string}:${infer Rest}`
  ? Rest extends `${infer Name}/${infer Tail}`
    ? Name | Names<Tail>
    : Rest
  : never
export type Params<P extends string, T extends string = never> = Readonly<{
  [N in Names<P>]: N extends T ? string : number
}>

/** A request whose token, path, query and body have been read and found valid. */
export interface Call<P = Readonly<Record<string, number | string>>, Q = unknown, B = unknown, U = User | undefined> {
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly user: U
  readonly headers: IncomingHttpHeaders
  readonly idempotency: Idempotency | undefined
  /** The revision that the writer believes the thing to be at. */
  readonly ifMatch: bigint | undefined
  readonly correlationId: string
  /** The client's address, `X-Forwarded-For` of a trusted proxy included. */
  readonly address: string
  /** A proxy that is none of ours has handed the request on: `address` is the proxy's. */
  readonly handedOn?: boolean
  /** Aborted when the client has gone or the platform stops without more patience. */
  readonly signal: AbortSignal
}

/** `body` is written by `renderJson` (`RawJson` inside as it is); `content` instead of it is anything else, as bytes. */
export type Answer = Readonly<{
  status: number
  body?: unknown
  content?: Readonly<{ type: string; bytes: string | Buffer }>
  headers?: Readonly<Record<string, string>>
  /** → `ETag` */
  revision?: bigint | undefined
  /** → `X-Position` */
  position?: Position | undefined
  /** → `X-Total-Count` */
  count?: number
}>

/** One documented answer; `example` is the printed one, with what is ours behind it. */
export type Documented = Readonly<{
  status: number
  description: string
  schema?: z.ZodType
  example?: unknown
  type?: string
  /** What is answered instead when it is asked for, by content type. */
  instead?: Readonly<Record<string, z.ZodType>>
}>

/** A call of the wire: what validates it, documents it and answers it. Everything that is served is in one list of these. */
export interface Route {
  readonly method: Method
  /** With a slash at its end; it is served without as well. */
  readonly path: string
  readonly summary: string
  readonly tag: string
  readonly access: Access
  /** For what watches over the platform and asks all the time: not traced. */
  readonly watches?: boolean
  /** A public write that takes an `Idempotency-Key`, as all others do. */
  readonly repeatable?: boolean
  /** Where it is asked for: `seed 000 四.1.2`. */
  readonly source?: string
  /** Parameters of the path that are text, not ids. */
  readonly texts?: readonly string[]
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  /** What the body must be; an object by default. */
  readonly shape?: BodyShape
  /** The body is a `multipart/form-data` with a file. */
  readonly upload?: Upload
  /** The printed request. */
  readonly example?: unknown
  readonly answers: readonly Documented[]
  /**
   * Whether the thing that the path names is there: asked before the body is read, because 404 goes before 422. A repeat of a
   * remembered write is answered as it was the first time, whatever has become of the thing since, hence the key.
   */
  exists?(params: Readonly<Record<string, number | string>>, idempotency: KeyOf | undefined): Promise<boolean>
  handle(call: Call): Promise<Answer>
}

type Definition<P extends string, A extends Access, Q, B, T extends string> = Omit<
  Route,
  'path' | 'access' | 'texts' | 'query' | 'body' | 'exists' | 'handle'
> &
  Readonly<{
    path: P
    access: A
    texts?: readonly T[]
    query?: z.ZodType<Q>
    body?: z.ZodType<B>
    exists?(params: Params<P, T>, idempotency: KeyOf | undefined): Promise<boolean>
    handle(call: Call<Params<P, T>, Q, B, A extends 'public' ? undefined : User>): Promise<Answer>
  }>

/** Declares a route: `handle` is given exactly what path, query and body schemas promise. */
export function route<
  const P extends string,
  const A extends Access,
  Q = undefined,
  B = undefined,
  const T extends string = never,
>(definition: Definition<P, A, Q, B, T>): Route {
  return definition
}
